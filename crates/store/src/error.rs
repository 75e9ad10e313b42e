//! Why the database could not be opened, and why one operation on it failed.

use std::path::{Path, PathBuf};

/// What to do about a database that is refused: it ends every such error.
fn remedy(path: &Path) -> String {
    let home = path.parent().filter(|home| !home.as_os_str().is_empty()).unwrap_or(Path::new("."));
    format!("nothing was changed; restore a backup with `wharf restore FILE --home {}`", home.display())
}

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
        "{path} is not a kernel database: its application id is {found:#010x}, needed is {needed:#010x}; {remedy}, \
         or move the file away to begin with an empty node",
        path = path.display(),
        remedy = remedy(path)
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
        "{path} has format version {found}, this version of wharfd reads up to {needed}; run the wharfd that wrote \
         the file; {remedy}",
        path = path.display(),
        remedy = remedy(path)
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
        "{path} is damaged: {what}; {remedy}, or move the file away together with its -wal and -shm files to begin \
         with an empty node",
        path = path.display(),
        remedy = remedy(path)
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
    #[error("{0}; restore a backup with `wharf restore FILE`")]
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
