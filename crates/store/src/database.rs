//! The open database: how the connection is set up, and transactions with a savepoint for each job.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use crate::error::{DatabaseError, OpenError};
use crate::{create, migrate, saved, seal};

/// How long to wait for a lock. Another process holds one only while it takes a backup.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What the -wal file is cut back to after a checkpoint, so that one large state does not keep its size on disk twice.
const WAL_BYTES_MAX: i64 = 64 << 20;

/// Statements that stay compiled; more than there are.
const STATEMENTS_MAX: usize = 32;

/// The connection. Only the store's thread uses it.
pub(crate) struct Database {
    connection: Connection,
    #[cfg(test)]
    pub(crate) faults: crate::faults::Faults,
}

impl Database {
    /// Opens or makes the database at `path`. What is not whole is refused, and left as it is.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let sql = |error: rusqlite::Error| refused(path, &error);
        let log = create::prepare(path)?;
        let database = Self::connect(path).map_err(sql)?;
        let found = database.verify(path, log)?;
        database.set_up().map_err(sql)?;
        migrate::migrate(&database.connection, found).map_err(sql)?;
        database.record_log_needed().map_err(sql)?;
        saved::count(&database.connection).map_err(sql)?;
        Ok(database)
    }

    /// A connection that changes nothing, neither now nor when it is closed.
    pub(crate) fn connect(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, create::flags())?;
        // Only `Database::close` may end the log: one that is gone while the file says that it is needed is damage.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // The file may have been tampered with: nothing in its schema may run functions, and no damage is read as data.
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        seal::install(&connection)?;
        Ok(Self {
            connection,
            #[cfg(test)]
            faults: crate::faults::Faults::default(),
        })
    }

    /// How changes are made durable.
    fn set_up(&self) -> rusqlite::Result<()> {
        // FULL in WAL mode syncs the log at each commit: an answered change survives power loss.
        self.connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
        self.connection.pragma_update(None, "synchronous", "FULL")?;
        self.connection.query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES_MAX}"), [], |_| Ok(()))
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn begin(&self) -> rusqlite::Result<()> {
        self.fault()?;
        self.run("BEGIN IMMEDIATE")
    }

    pub(crate) fn commit(&self) -> rusqlite::Result<()> {
        self.fault()?;
        self.run("COMMIT")?;
        // As a sync that fails: what was written may be there or not.
        self.fault()
    }

    /// Where a test makes the disk fail.
    #[cfg(test)]
    pub(crate) fn fault(&self) -> rusqlite::Result<()> {
        self.faults.next()
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "only tests make it fail")]
    pub(crate) fn fault(&self) -> rusqlite::Result<()> {
        Ok(())
    }

    /// Ends a transaction that was not committed, if there still is one: SQLite drops it by itself after some errors.
    pub(crate) fn roll_back(&self) {
        if self.in_transaction()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, "rolling back a transaction of kernel.db failed");
        }
    }

    pub(crate) fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Runs `job` so that a failure undoes what it did and nothing else. After a failure that made SQLite drop the whole
    /// transaction (a full disk does), [`Self::in_transaction`] is false.
    pub(crate) fn savepoint<T>(&self, job: impl FnOnce(&Self) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        self.run("SAVEPOINT job")?;
        let outcome = job(self).and_then(|value| Ok(self.run("RELEASE job").map(|()| value)?));
        if outcome.is_err()
            && self.in_transaction()
            && self.run("ROLLBACK TO job").and_then(|()| self.run("RELEASE job")).is_err()
        {
            // What the job left behind cannot be undone alone, so all of it goes.
            self.roll_back();
        }
        outcome
    }

    /// Moves the log into the database file and closes it.
    pub(crate) fn close(self) {
        let emptied = self.empty_log();
        let closed = self.connection.close().map_err(|(_, error)| error);
        // Nothing is lost: what was committed is in the log, and the next open reads it.
        if let Err(error) = emptied.and(closed) {
            tracing::warn!(%error, "closing kernel.db left its log behind");
        }
    }

    /// The record goes first: a log that is gone is only right when the file does not need it.
    fn empty_log(&self) -> rusqlite::Result<()> {
        self.connection.execute_batch("UPDATE log SET is_needed = 0")?;
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map(drop)
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

fn may_be_written(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| !file.permissions().readonly())
}

pub(crate) fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            OpenError::Damaged { path, what: error.to_string() }
        }
        // SQLite takes a file for read-only, too, when its header asks for what SQLite does not know.
        Some(ErrorCode::ReadOnly) if may_be_written(&path) => {
            OpenError::Damaged { path, what: "its header is not one that SQLite can write to".to_owned() }
        }
        _ => OpenError::Database { path, reason: error.to_string() },
    }
}
