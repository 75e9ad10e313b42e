//! The open database: how the connection is set up, and transactions with a savepoint for each job.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::create;
use crate::error::{DatabaseError, OpenError};
use crate::schema::FORMAT_VERSION;

/// How long to wait for a lock. Another process holds one only while it takes a backup.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What the -wal file is cut back to after a checkpoint, so that one large state does not keep its size on disk twice.
const WAL_BYTES_MAX: i64 = 64 << 20;

/// Statements that stay compiled; more than there are.
const STATEMENTS_MAX: usize = 32;

/// The connection. Only the store's thread uses it.
pub(crate) struct Database {
    connection: Connection,
}

impl Database {
    /// Opens or makes the database at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        create::prepare(path)?;
        Self::connect(path).map_err(|error| refused(path, &error))?.checked(path)
    }

    fn connect(path: &Path) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, create::flags())?;
        connection.busy_timeout(BUSY_WAIT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // The file may have been tampered with: nothing in its schema may run functions, and no damage is read as data.
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // FULL in WAL mode syncs the log at each commit: an answered change survives power loss.
        connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES_MAX}"), [], |_| Ok(()))?;
        Ok(Self { connection })
    }

    /// The header said the right version; the log may hold a newer one that a crash kept from the header.
    fn checked(self, path: &Path) -> Result<Self, OpenError> {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
        let found = version.map_err(|error| refused(path, &error))?;
        if found != FORMAT_VERSION {
            return Err(OpenError::Version { path: path.to_owned(), found, needed: FORMAT_VERSION });
        }
        self.prepare_all().map_err(|error| {
            let what = format!("its tables are not those of version {FORMAT_VERSION}: {error}");
            OpenError::Damaged { path: path.to_owned(), what }
        })?;
        Ok(self)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn begin(&self) -> rusqlite::Result<()> {
        self.run("BEGIN IMMEDIATE")
    }

    pub(crate) fn commit(&self) -> rusqlite::Result<()> {
        self.run("COMMIT")
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
        let emptied = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let closed = self.connection.close().map_err(|(_, error)| error);
        // Nothing is lost: what was committed is in the log, and the next open reads it.
        if let Err(error) = emptied.and(closed) {
            tracing::warn!(%error, "closing kernel.db left its log behind");
        }
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            OpenError::Damaged { path, what: error.to_string() }
        }
        _ => OpenError::Database { path, reason: error.to_string() },
    }
}
