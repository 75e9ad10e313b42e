//! Copies of SQLite databases while they are in use, for backups: of `kernel.db`, and of what packages keep.
//!
//! A copy is one consistent moment, made by SQLite's online backup over a connection of its own: changes go on meanwhile,
//! and are not in it. It is checked before it is handed out, so that it can be restored.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Mutex;

/// Copies of one kind that lie about at a time. Whoever asked for one removes it.
pub const COPIES_MAX: usize = 4;

/// What is older was forgotten by whoever asked for it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

/// How often a copy is tried when the database is locked, and the pause between.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(50);

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
    #[error("copying {path}: {source}", path = path.display())]
    Sql {
        /// The database.
        path: PathBuf,
        /// Why not.
        source: rusqlite::Error,
    },
    /// Somebody else kept the database locked.
    #[error("copying {path}: it stayed locked", path = .0.display())]
    Locked(PathBuf),
    /// What was copied is not whole.
    #[error("copying {path}: the copy is damaged: {what}", path = path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The node failed.
    #[error("the node failed while it copied a database")]
    Internal,
}

/// A database that is copied. All of it is called on a thread that may block.
pub trait Original: Send + 'static {
    /// Where it is.
    fn path(&self) -> &Path;

    /// A connection that reads it.
    fn open(&self) -> rusqlite::Result<Connection>;

    /// Changes in the copy what has to be different there.
    fn adapt(&self, _copy: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Says what is damaged in the copy, which is complete.
    fn check(&self, copy: &Path) -> Result<(), String> {
        let verdict = Connection::open_with_flags(copy, flags())
            .and_then(|copy| copy.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
        match verdict {
            Ok(verdict) if verdict == "ok" => Ok(()),
            Ok(damage) => Err(damage),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Makes copies of one kind, one at a time. Cloning it clones a reference.
#[derive(Clone, Debug)]
pub struct Copies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    prefix: &'static str,
    one_at_a_time: Mutex<()>,
}

impl Copies {
    /// Copies go into `folder`, with names that begin with `prefix`. What an earlier daemon left there is removed.
    pub fn new(folder: PathBuf, prefix: &'static str) -> Self {
        let inner = Inner { folder, prefix, one_at_a_time: Mutex::new(()) };
        for copy in inner.all().unwrap_or_default() {
            drop(fs::remove_file(copy.path()));
        }
        Self(Arc::new(inner))
    }

    /// Makes a copy. The file is the caller's: to read and to remove.
    pub async fn take(&self, original: impl Original) -> Result<PathBuf, SnapshotError> {
        let _one = self.0.one_at_a_time.lock().await;
        let inner = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || inner.take(&original)).await.map_err(|_| SnapshotError::Internal)?
    }
}

impl Inner {
    fn take(&self, original: &impl Original) -> Result<PathBuf, SnapshotError> {
        let io = |action| move |source| SnapshotError::Io { action, path: self.folder.clone(), source };
        self.make_room().map_err(io("looking at the copies in"))?;
        if self.all().map_err(io("looking at the copies in"))?.len() >= COPIES_MAX {
            return Err(SnapshotError::TooMany(self.folder.clone()));
        }
        // Readable by the node's user alone, and removed unless it becomes whole.
        let file = tempfile::Builder::new().prefix(self.prefix).suffix(".db").tempfile_in(&self.folder);
        let file = file.map_err(io("making a file in"))?.into_temp_path();
        let path = || original.path().to_owned();
        match copy(original, &file) {
            Ok(Copied::Whole) => {}
            Ok(Copied::Locked) => return Err(SnapshotError::Locked(path())),
            Err(source) => return Err(SnapshotError::Sql { path: path(), source }),
        }
        original.check(&file).map_err(|what| SnapshotError::Damaged { path: path(), what })?;
        file.keep().map_err(|error| io("keeping a copy in")(error.error))
    }

    /// Whoever asked for a copy removes it at any time: one that is gone meanwhile is no failure.
    fn make_room(&self) -> io::Result<()> {
        for copy in self.all()? {
            let modified = copy.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
            if age > FORGOTTEN_AFTER {
                drop(fs::remove_file(copy.path()));
            }
        }
        Ok(())
    }

    fn all(&self) -> io::Result<Vec<DirEntry>> {
        let mut copies = fs::read_dir(&self.folder)?.collect::<io::Result<Vec<_>>>()?;
        copies.retain(|entry| entry.file_name().to_string_lossy().starts_with(self.prefix));
        Ok(copies)
    }
}

/// An existing file; never created, never a URI.
fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// What became of a copy.
enum Copied {
    Whole,
    Locked,
}

fn copy(original: &impl Original, to: &Path) -> rusqlite::Result<Copied> {
    let source = original.open()?;
    let mut copy = Connection::open_with_flags(to, flags())?;
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
        return Ok(Copied::Locked);
    }
    drop(source);
    original.adapt(&copy)?;
    // What the original's log has is in the copy.
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.close().map(|()| Copied::Whole).map_err(|(_, error)| error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    struct Plain(PathBuf);

    impl Original for Plain {
        fn path(&self) -> &Path {
            &self.0
        }
        fn open(&self) -> rusqlite::Result<Connection> {
            Connection::open(&self.0)
        }
    }

    fn original(folder: &Path) -> (Connection, PathBuf) {
        let path = folder.join("original.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (n); INSERT INTO t VALUES (1)").unwrap();
        (connection, path)
    }

    #[tokio::test]
    async fn a_copy_has_what_was_committed_and_nothing_that_comes_after() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, path) = original(folder.path());
        let copies = Copies::new(folder.path().to_owned(), "copy-");
        let copy = copies.take(Plain(path)).await.unwrap();
        connection.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        let read = Connection::open(&copy).unwrap();
        assert_eq!(read.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }

    #[tokio::test]
    async fn only_so_many_lie_about_and_a_new_daemon_removes_them() {
        let folder = tempfile::tempdir().unwrap();
        let (_connection, path) = original(folder.path());
        let copies = Copies::new(folder.path().to_owned(), "copy-");
        let mut taken = Vec::new();
        for _ in 0..COPIES_MAX {
            taken.push(copies.take(Plain(path.clone())).await.unwrap());
        }
        assert!(matches!(copies.take(Plain(path.clone())).await, Err(SnapshotError::TooMany(_))));
        fs::remove_file(taken.pop().unwrap()).unwrap();
        taken.push(copies.take(Plain(path.clone())).await.unwrap());
        let copies = Copies::new(folder.path().to_owned(), "copy-");
        assert!(taken.iter().all(|copy| !copy.exists()) && path.exists());
        copies.take(Plain(path)).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_nobody_took_away_goes_after_an_hour() {
        let folder = tempfile::tempdir().unwrap();
        let (_connection, path) = original(folder.path());
        let copies = Copies::new(folder.path().to_owned(), "copy-");
        let forgotten = copies.take(Plain(path.clone())).await.unwrap();
        let then = std::time::SystemTime::now() - 2 * FORGOTTEN_AFTER;
        fs::File::options().write(true).open(&forgotten).unwrap().set_modified(then).unwrap();
        copies.take(Plain(path)).await.unwrap();
        assert!(!forgotten.exists());
    }

    #[tokio::test]
    async fn what_is_not_whole_is_not_handed_out_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (_connection, path) = original(folder.path());
        struct Damaged(Plain);
        impl Original for Damaged {
            fn path(&self) -> &Path {
                self.0.path()
            }
            fn open(&self) -> rusqlite::Result<Connection> {
                self.0.open()
            }
            fn check(&self, _: &Path) -> Result<(), String> {
                Err("by plan".to_owned())
            }
        }
        let copies = Copies::new(folder.path().to_owned(), "copy-");
        assert!(matches!(copies.take(Damaged(Plain(path))).await, Err(SnapshotError::Damaged { .. })));
        assert!(copies.0.all().unwrap().is_empty());
    }
}
