//! How SQLite is set up.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};
use wharf_types::database::Durability;

/// How long to wait for a lock. One is held by the copy for a backup, and while the log begins anew.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What the -wal file is cut back to after a checkpoint.
const WAL_BYTES_MAX: i64 = 16 << 20;

/// Statements that stay compiled.
const STATEMENTS_MAX: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The one that changes something.
    Writer,
    /// One that reads; SQLite itself lets it do nothing else.
    Reader,
}

/// Opens what exists; never creates, never follows a URI.
pub(crate) fn connect(path: &Path, role: Role) -> rusqlite::Result<Connection> {
    let access = match role {
        Role::Writer => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_WAIT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Guests write schemas: nothing in one may run functions with effects, nor write what SQLite itself keeps.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    // No damage is read as data.
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// How the writer makes changes durable, and how many bytes they may grow to.
pub(crate) fn set_up_writer(connection: &Connection, durability: Durability, bytes_max: u64) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {WAL_BYTES_MAX}"), [], |_| Ok(()))?;
    set_durability(connection, durability)?;
    let page_bytes: u64 = connection.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0))?.unsigned_abs();
    let pages = bytes_max.checked_div(page_bytes).unwrap_or(1).clamp(1, u64::from(u32::MAX - 1));
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// In WAL mode FULL syncs the log at each commit. NORMAL does when the log begins anew: what the operating system was
/// given survives the end of this process either way.
pub(crate) fn set_durability(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}
