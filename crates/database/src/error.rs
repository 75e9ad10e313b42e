//! What can go wrong with a database.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::name::DatabaseId;

/// Why something was not done. It says so of one database; the others are none the worse.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It does not exist.
    #[error("there is no database {0}")]
    Missing(DatabaseId),
    /// The file is not what was written.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// The database has reached its limit, or the disk is full.
    #[error("the database is full, or the disk is ({0})")]
    Full(String),
    /// A bound was reached.
    #[error("{what}: {max} are allowed")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much may be.
        max: u64,
    },
    /// It took longer than it may.
    #[error("it was interrupted: it took longer than {ms} ms")]
    TooSlow {
        /// How long it may take.
        ms: u64,
    },
    /// SQLite refused.
    #[error("{0}")]
    Sql(rusqlite::Error),
    /// The operating system refused.
    #[error("{action} {path}: {source}", path = .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others failed together with it, and so did it.
    #[error("it was not committed: {0}")]
    NotCommitted(String),
    /// The node stops, or failed.
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(error.to_string()),
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            _ => Self::Sql(error),
        }
    }
}

impl DatabaseError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
