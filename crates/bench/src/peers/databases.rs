//! The same calls of SQLite in native code, set up as the node's databases are.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use rusqlite::Connection;

use crate::protocol::{DATABASE_KEYS, DATABASE_VALUE_BYTES, DatabaseWork, Summary};

/// Times batches of calls, in a new database.
pub(crate) fn timed(work: DatabaseWork, batches: usize, per_batch: usize) -> Result<Summary> {
    let folder = tempfile::Builder::new().prefix("wharf-bench-").tempdir()?;
    let connection = Connection::open(folder.path().join("native.db"))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE entry (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
         CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT);",
    )?;
    fill(&connection)?;
    let (mut samples, mut n) = (Vec::with_capacity(batches), 0);
    for _ in 0..batches {
        let start = Instant::now();
        for _ in 0..per_batch {
            call(&connection, work, n)?;
            n += 1;
        }
        samples.push(start.elapsed().as_nanos() as f64 / per_batch as f64);
    }
    Ok(Summary::of(samples))
}

fn key(n: usize) -> Vec<u8> {
    format!("key {:08}", n % DATABASE_KEYS).into_bytes()
}

const SET: &str = "INSERT INTO entry VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

fn fill(connection: &Connection) -> Result<()> {
    connection.execute_batch("BEGIN")?;
    for n in 0..DATABASE_KEYS {
        connection.prepare_cached(SET)?.execute((key(n), [7; DATABASE_VALUE_BYTES]))?;
        let text = "x".repeat(DATABASE_VALUE_BYTES);
        connection.prepare_cached("INSERT INTO note VALUES (?1, ?2)")?.execute((n as i64, text))?;
    }
    Ok(connection.execute_batch("COMMIT")?)
}

fn call(connection: &Connection, work: DatabaseWork, n: usize) -> Result<()> {
    match work {
        DatabaseWork::KvSet => {
            connection.prepare_cached(SET)?.execute((key(n), [7; DATABASE_VALUE_BYTES]))?;
        }
        DatabaseWork::KvGet => {
            let mut statement = connection.prepare_cached("SELECT value FROM entry WHERE key = ?1")?;
            black_box(statement.query_row([key(n)], |row| row.get::<_, Vec<u8>>(0))?);
        }
        DatabaseWork::SqlRead => {
            let mut statement = connection.prepare_cached("SELECT text FROM note WHERE id = ?1")?;
            black_box(statement.query_row([(n % DATABASE_KEYS) as i64], |row| row.get::<_, String>(0))?);
        }
    }
    Ok(())
}
