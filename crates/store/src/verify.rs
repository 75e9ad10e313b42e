//! Whether an open database is all of what was written. Nothing of it is used before.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, ErrorCode};

use crate::database::{Database, refused};
use crate::error::OpenError;
use crate::log::Log;
use crate::migrate::OLDEST_VERSION;
use crate::schema::{FORMAT_VERSION, SEALED_SINCE, TABLES, broken_seals};

impl Database {
    /// Fails unless everything that was written is there and as it was written. Reads all of the file, and changes
    /// nothing. Returns the format version of the file.
    pub(crate) fn verify(&self, path: &Path, log: Log) -> Result<u32, OpenError> {
        let began = Instant::now();
        let damaged = |what: String| OpenError::Damaged { path: path.to_owned(), what };
        let sql = |error: rusqlite::Error| unreadable(path, &error);
        let found = self.version().map_err(sql)?;
        // The header said a known version; the log may hold a newer one that a crash kept from the header.
        if !(OLDEST_VERSION..=FORMAT_VERSION).contains(&found) {
            return Err(OpenError::Version { path: path.to_owned(), found, needed: FORMAT_VERSION });
        }
        if log == Log::Damaged {
            return Err(damaged("its -wal file has changes that were acknowledged and are damaged".to_owned()));
        }
        let is_current = found == FORMAT_VERSION;
        // First of all what the file says its tables are: the other checks go by it.
        let mut problem = if is_current { self.wrong_schema().map_err(sql)? } else { None };
        if problem.is_none() {
            problem = self.wrong_structure().map_err(sql)?;
        }
        if problem.is_none() && found >= SEALED_SINCE {
            problem = self.wrong_content(found, log).map_err(sql)?;
        }
        if let Some(what) = problem {
            return Err(damaged(what));
        }
        tracing::debug!(elapsed_us = began.elapsed().as_micros() as u64, "kernel.db is whole");
        Ok(found)
    }

    pub(crate) fn version(&self) -> rusqlite::Result<u32> {
        self.connection().pragma_query_value(None, "user_version", |row| row.get(0))
    }

    fn wrong_schema(&self) -> rusqlite::Result<Option<String>> {
        let not_ours = format!("its tables are not those of version {FORMAT_VERSION}");
        if let Err(error) = self.prepare_all() {
            return Ok(Some(format!("{not_ours}: {error}")));
        }
        Ok((schema(self.connection())? != expected_schema()?).then_some(not_ours))
    }

    /// SQLite's own check: of its pages, and that no row or index entry is without the other.
    fn wrong_structure(&self) -> rusqlite::Result<Option<String>> {
        let answer: String = self.connection().query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        Ok((answer != "ok").then_some(answer))
    }

    fn wrong_content(&self, version: u32, log: Log) -> rusqlite::Result<Option<String>> {
        if log == Log::None && self.needs_log()? {
            let what = "its -wal file, with the last changes, is missing or is not that of an SQLite database";
            return Ok(Some(what.to_owned()));
        }
        for broken in broken_seals(version) {
            let mut statement = self.connection().prepare(broken)?;
            let mut rows = statement.query([])?;
            if let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                return Ok(Some(format!("the row of {name} is not what was written")));
            }
        }
        Ok(None)
    }

    /// Whether changes may be in the log that are not in the file.
    fn needs_log(&self) -> rusqlite::Result<bool> {
        self.connection().query_row("SELECT max(is_needed) IS NOT 0 FROM log", [], |row| row.get(0))
    }

    /// Records that the file is incomplete without its log. The record is in the file itself when this returns, and
    /// the log is there: from now on one without the other is damage.
    pub(crate) fn record_log_needed(&self) -> rusqlite::Result<()> {
        if !self.needs_log()? {
            self.connection().execute_batch("UPDATE log SET is_needed = 1")?;
        }
        self.connection().query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}

/// The statements are ours and right: when SQLite does not understand them, or what they bring, the file is wrong.
fn unreadable(path: &Path, error: &rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        None | Some(ErrorCode::Unknown) => OpenError::Damaged { path: path.to_owned(), what: error.to_string() },
        Some(_) => refused(path, error),
    }
}

/// Everything that the file's own table of contents says.
fn schema(connection: &Connection) -> rusqlite::Result<Vec<[Option<String>; 4]>> {
    let mut statement =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?;
    let rows = statement.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    rows.collect()
}

fn expected_schema() -> rusqlite::Result<Vec<[Option<String>; 4]>> {
    let connection = Connection::open_in_memory()?;
    connection.execute_batch(&TABLES.concat())?;
    schema(&connection)
}
