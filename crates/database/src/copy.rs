//! Copies of databases while they are in use, for backups.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use wharf_snapshot::{COPIES_MAX, Copies, Original, SnapshotError};

use crate::Engine;
use crate::connection::{self, Role};
use crate::databases::Lease;
use crate::error::DatabaseError;

/// A database that stays open while it is copied.
struct InUse<E: Engine>(Arc<Lease<E>>);

impl<E: Engine> Original for InUse<E> {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        connection::connect(self.path(), Role::Reader)
    }
}

impl<E: Engine> Lease<E> {
    /// Copies the database to one of `copies`. The file is the caller's: to read and to remove.
    pub async fn copy(self: Arc<Self>, copies: &Copies) -> Result<PathBuf, DatabaseError> {
        Ok(copies.take(InUse(self)).await?)
    }
}

impl From<SnapshotError> for DatabaseError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::TooMany(_) => {
                Self::Limit { what: "there are copies that nobody has taken away", max: COPIES_MAX as u64 }
            }
            SnapshotError::Io { action, path, source } => Self::Io { action, path, source },
            SnapshotError::Sql { source, .. } => source.into(),
            SnapshotError::Locked(_) => Self::NotCommitted("the database stayed locked".to_owned()),
            SnapshotError::Damaged { what, .. } => Self::Damaged(what),
            SnapshotError::Internal => Self::Closed,
        }
    }
}
