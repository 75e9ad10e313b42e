//! Copies of `kernel.db` while it is in use, for backups. Each is checked as a database is when it is opened.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use wharf_snapshot::{Copies, Original, SnapshotError};

use crate::database::Database;
use crate::log::Log;

/// Makes copies of one database. Cloning it clones a reference.
#[derive(Clone, Debug)]
pub struct Snapshots {
    database: PathBuf,
    copies: Copies,
}

impl Snapshots {
    /// Copies of the database at `database` go into `folder`. What an earlier daemon left there is removed.
    pub fn new(database: PathBuf, folder: PathBuf) -> Self {
        Self { database, copies: Copies::new(folder, "snapshot-") }
    }

    /// Makes a copy. The file is the caller's: to read and to remove.
    pub async fn take(&self) -> Result<PathBuf, SnapshotError> {
        self.copies.take(KernelDatabase(self.database.clone())).await
    }
}

/// `kernel.db`, by its path.
struct KernelDatabase(PathBuf);

impl Original for KernelDatabase {
    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(&self.0, flags)?;
        // Only the node itself ends the log.
        source.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(source)
    }

    /// A copy has no log beside it.
    fn adapt(&self, copy: &Connection) -> rusqlite::Result<()> {
        copy.execute_batch("UPDATE log SET is_needed = 0")
    }

    fn check(&self, copy: &Path) -> Result<(), String> {
        let database = Database::connect(copy).map_err(|error| error.to_string())?;
        database.verify(copy, Log::None).map(drop).map_err(|error| error.to_string())
    }
}
