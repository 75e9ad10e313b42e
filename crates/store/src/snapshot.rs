//! Copies of `kernel.db` while it is in use, for backups.
//!
//! A copy is one consistent moment, made by SQLite's online backup over a connection of its own: changes go on
//! meanwhile, and are not in it. It is checked as a database is when it is opened, so that a copy which was handed out
//! can be restored.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Mutex;

use crate::create;
use crate::database::Database;
use crate::log::Log;

/// Names of copies begin like this.
const PREFIX: &str = "snapshot-";

/// Copies that lie about at a time. Whoever asked for one removes it.
const COPIES_MAX: usize = 4;

/// What is older was forgotten by whoever asked for it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// How often a copy is tried when the database is locked, and the pause between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// Makes copies of one database, one at a time. Cloning it clones a reference.
#[derive(Clone, Debug)]
pub struct Snapshots {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    database: PathBuf,
    folder: PathBuf,
    one_at_a_time: Mutex<()>,
}

/// No copy was made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Too many were made and not removed.
    #[error("{folder} has {COPIES_MAX} copies that nobody has taken away; remove them, or try again in an hour", folder = .0.display())]
    TooMany(PathBuf),
    /// The file system refused.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The database could not be read, or the copy not be written.
    #[error("copying {path}: {reason}", path = path.display())]
    Copy {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
    /// The node failed.
    #[error("the node failed while it copied its database")]
    Internal,
}

impl Snapshots {
    /// Copies of the database at `database` go into `folder`. What an earlier daemon left there is removed.
    pub fn new(database: PathBuf, folder: PathBuf) -> Self {
        let inner = Inner { database, folder, one_at_a_time: Mutex::new(()) };
        for copy in inner.copies().unwrap_or_default() {
            drop(fs::remove_file(copy.path()));
        }
        Self { inner: Arc::new(inner) }
    }

    /// Makes a copy. The file is the caller's: to read and to remove.
    pub async fn take(&self) -> Result<PathBuf, SnapshotError> {
        let _one = self.inner.one_at_a_time.lock().await;
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || inner.take()).await.map_err(|_| SnapshotError::Internal)?
    }
}

impl Inner {
    fn take(&self) -> Result<PathBuf, SnapshotError> {
        let io = |action| move |source| SnapshotError::Io { action, path: self.folder.clone(), source };
        self.make_room().map_err(io("looking at the copies in"))?;
        if self.copies().map_err(io("looking at the copies in"))?.len() >= COPIES_MAX {
            return Err(SnapshotError::TooMany(self.folder.clone()));
        }
        // Readable by the node's user alone, and removed unless it becomes whole.
        let file = tempfile::Builder::new().prefix(PREFIX).suffix(".db").tempfile_in(&self.folder);
        let file = file.map_err(io("making a file in"))?.into_temp_path();
        let failed = |reason: String| SnapshotError::Copy { path: self.database.clone(), reason };
        copy(&self.database, &file).map_err(|error| failed(error.to_string()))?;
        check(&file).map_err(failed)?;
        file.keep().map_err(|error| SnapshotError::Io {
            action: "keeping",
            path: self.folder.clone(),
            source: error.error,
        })
    }

    fn make_room(&self) -> io::Result<()> {
        for copy in self.copies()? {
            let age = copy.metadata()?.modified()?.elapsed().unwrap_or_default();
            if age > FORGOTTEN_AFTER {
                fs::remove_file(copy.path())?;
            }
        }
        Ok(())
    }

    fn copies(&self) -> io::Result<Vec<DirEntry>> {
        let mut copies = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
        copies.retain(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
        Ok(copies)
    }
}

fn copy(database: &Path, to: &Path) -> rusqlite::Result<()> {
    let source =
        Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    // Only the node itself ends the log.
    source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let mut copy = Connection::open_with_flags(to, create::flags())?;
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
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("the database stayed locked".to_owned()),
        ));
    }
    drop(source);
    // What the original's log has is in the copy.
    copy.execute_batch("UPDATE log SET is_needed = 0")?;
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)
}

fn check(copy: &Path) -> Result<(), String> {
    let database = Database::connect(copy).map_err(|error| error.to_string())?;
    database.verify(copy, Log::None).map(drop).map_err(|error| error.to_string())
}
