//! Copies of databases while they are in use, for backups.
//!
//! A copy is one consistent moment, made by SQLite's online backup over a connection of its own: changes go on meanwhile,
//! and are not in it. It is checked before it is handed out.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::Engine;
use crate::connection::{self, Role};
use crate::databases::Lease;
use crate::error::DatabaseError;

/// Copies of one module that lie about at a time. Whoever asked for one removes it.
const COPIES_MAX: usize = 4;

/// What is older was forgotten by whoever asked for it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// How often a copy is tried when the database is locked, and the pause between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Where copies go.
#[derive(Debug)]
pub struct Copies {
    folder: PathBuf,
    prefix: &'static str,
}

impl Copies {
    /// Copies go into `folder`, with names that begin with `prefix`. What an earlier daemon left there is removed.
    pub fn new(folder: PathBuf, prefix: &'static str) -> Self {
        let copies = Self { folder, prefix };
        for copy in copies.all().unwrap_or_default() {
            drop(fs::remove_file(copy.path()));
        }
        copies
    }

    /// Makes a copy. The file is the caller's: to read and to remove.
    pub async fn take<E: Engine>(self: &Arc<Self>, lease: Arc<Lease<E>>) -> Result<PathBuf, DatabaseError> {
        let copies = Arc::clone(self);
        let taken = tokio::task::spawn_blocking(move || copies.take_blocking(lease.path())).await;
        taken.unwrap_or(Err(DatabaseError::Closed))
    }

    fn take_blocking(&self, database: &Path) -> Result<PathBuf, DatabaseError> {
        let looking = "looking at the copies in";
        let copies = self.all().map_err(DatabaseError::io(looking, &self.folder))?;
        let is_old = |copy: &DirEntry| {
            let age = copy.metadata().and_then(|file| file.modified()).map(|then| then.elapsed().unwrap_or_default());
            age.is_ok_and(|age| age > FORGOTTEN_AFTER)
        };
        let (old, new): (Vec<_>, Vec<_>) = copies.into_iter().partition(is_old);
        for copy in old {
            drop(fs::remove_file(copy.path()));
        }
        if new.len() >= COPIES_MAX {
            let max = COPIES_MAX as u64;
            return Err(DatabaseError::Limit { what: "there are copies that nobody has taken away", max });
        }
        // Readable by the node's user alone, and removed unless it becomes whole.
        let file = tempfile::Builder::new().prefix(self.prefix).suffix(".db").tempfile_in(&self.folder);
        let file = file.map_err(DatabaseError::io("making a file in", &self.folder))?.into_temp_path();
        copy(database, &file)?;
        file.keep().map_err(|error| DatabaseError::io("keeping", &self.folder)(error.error))
    }

    fn all(&self) -> io::Result<Vec<DirEntry>> {
        let mut copies = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
        copies.retain(|entry| entry.file_name().to_string_lossy().starts_with(self.prefix));
        Ok(copies)
    }
}

fn copy(database: &Path, to: &Path) -> Result<(), DatabaseError> {
    let source = connection::connect(database, Role::Reader)?;
    let mut copy =
        Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Whoever keeps the copy syncs it; one that a crash cuts off is not handed out.
    copy.pragma_update(None, "synchronous", "OFF")?;
    let backup = Backup::new(&source, &mut copy)?;
    // All pages in one step are one moment, and writers do not wait for it.
    for _ in 0..TRIES {
        match backup.step(-1)? {
            StepResult::Done => break,
            _ => std::thread::sleep(PAUSE),
        }
    }
    let left = backup.progress();
    drop(backup);
    if left.remaining != 0 || left.pagecount == 0 {
        return Err(DatabaseError::NotCommitted("the database stayed locked".to_owned()));
    }
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let verdict: String = copy.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(DatabaseError::Damaged(verdict));
    }
    copy.close().map_err(|(_, error)| error.into())
}
