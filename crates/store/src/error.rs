//! Why the database could not be opened, and why one operation on it failed.

use std::path::PathBuf;

/// Why a kernel database was not opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error("{action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// It is an SQLite database of another program.
    #[error(
        "{path} is not a kernel database: its application id is {found:#010x}, needed is {needed:#010x}; move the file \
         away to begin with an empty node, or restore a backup of kernel.db",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its application id.
        found: u32,
        /// That of a kernel database.
        needed: u32,
    },
    /// It is a kernel database of a format that this version does not know.
    #[error(
        "{path} has format version {found}, this version of wharfd reads {needed}; run the wharfd that wrote the file, \
         or restore a backup of version {needed}",
        path = path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The version that is understood.
        needed: u32,
    },
    /// It is not, or not all of, what was written.
    #[error(
        "{path} is damaged: {what}; restore a backup, or move it away together with its -wal and -shm files to begin \
         with an empty node",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// SQLite refused for another reason.
    #[error("opening {path}: {reason}", path = path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        reason: String,
    },
}

/// Why one operation on an open database failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}; restore a backup of kernel.db")]
    Damaged(#[from] Damaged),
    #[error(transparent)]
    TooLarge(#[from] crate::wire::TooLarge),
}

/// A row that is not what was written. It is never half-read: what it takes part in fails as a whole.
#[derive(Debug, thiserror::Error)]
#[error("the row of {row} is damaged: {what}")]
pub(crate) struct Damaged {
    pub(crate) row: String,
    pub(crate) what: String,
}

impl Damaged {
    pub(crate) fn new(row: impl Into<String>, what: impl std::fmt::Display) -> Self {
        Self { row: row.into(), what: what.to_string() }
    }
}
