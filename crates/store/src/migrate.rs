//! Brings the database of an older version up to date, in one transaction: afterwards it is whole in either version.
//!
//! Version 1 kept for each capability only who it was received from; version 2 keeps everyone it went through.
//! Version 3 has seals: see `migrate_seals`. Version 4 knows what processes run: see `migrate_components`.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use crate::schema::FORMAT_VERSION;
use crate::{migrate_components, migrate_seals};

/// The oldest version that can be brought up to date.
pub(crate) const OLDEST_VERSION: u32 = 1;

/// Longest path that is made of what version 1 kept, which may go in circles.
const PATH_MAX: usize = 32;

/// The table as version 2 had it.
const CAPABILITY_TABLE_2: &str = "
CREATE TABLE capability (
    holder      TEXT NOT NULL,
    issuer      TEXT NOT NULL,
    params_key  TEXT NOT NULL,
    params      TEXT NOT NULL,
    signature   BLOB NOT NULL CHECK (length(signature) = 64),
    origin      TEXT NOT NULL CHECK (origin IN ('issued', 'granted')),
    path        TEXT NOT NULL,
    PRIMARY KEY (holder, issuer, params_key)
) STRICT;
";

/// Brings the database up to date. `from` is between [`OLDEST_VERSION`] and [`FORMAT_VERSION`].
pub(crate) fn migrate(connection: &Connection, from: u32) -> rusqlite::Result<()> {
    if from == FORMAT_VERSION {
        return Ok(());
    }
    // Dropped without a commit, it takes back everything.
    let transaction = connection.unchecked_transaction()?;
    if from < 2 {
        to_2(&transaction)?;
    }
    if from < 3 {
        migrate_seals::to_3(&transaction)?;
    }
    migrate_components::to_4(&transaction)?;
    transaction.pragma_update(None, "user_version", FORMAT_VERSION)?;
    transaction.commit()?;
    tracing::info!(from, to = FORMAT_VERSION, "kernel.db was brought up to date");
    Ok(())
}

fn to_2(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("ALTER TABLE capability RENAME TO capability_1")?;
    connection.execute_batch(CAPABILITY_TABLE_2)?;
    let rows = read(connection)?;
    let by_place: HashMap<_, _> = rows.iter().map(|row| (row.place(&row.holder), row)).collect();
    let mut insert = connection.prepare(
        "INSERT INTO capability (holder, issuer, params_key, params, signature, origin, path)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for row in &rows {
        let (origin, path) = row.lineage(&by_place);
        let path = path.join(" ");
        insert.execute(params![row.holder, row.issuer, row.params_key, row.params, row.signature, origin, path])?;
    }
    drop(insert);
    connection.execute_batch("DROP TABLE capability_1")
}

/// A capability as version 1 kept it.
struct Version1 {
    holder: String,
    issuer: String,
    params_key: String,
    params: String,
    signature: Vec<u8>,
    origin: String,
    from: Option<String>,
}

type Place<'a> = (&'a str, &'a str, &'a str);

impl Version1 {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            holder: row.get(0)?,
            issuer: row.get(1)?,
            params_key: row.get(2)?,
            params: row.get(3)?,
            signature: row.get(4)?,
            origin: row.get(5)?,
            from: row.get(6)?,
        })
    }

    /// Where the same capability of `holder` would be.
    fn place<'a>(&'a self, holder: &'a str) -> Place<'a> {
        (holder, &self.issuer, &self.params_key)
    }

    /// How the first holder came by it, and through whose hands it came. Where that cannot be told any more, its issuer
    /// is taken for the first: so it can revoke it.
    fn lineage<'a>(&'a self, all: &HashMap<Place<'a>, &'a Self>) -> (&'a str, Vec<&'a str>) {
        let mut path = Vec::new();
        let mut row = self;
        let origin = loop {
            let Some(from) = row.from.as_deref() else { break row.origin.as_str() };
            path.push(from);
            if from == self.issuer {
                break "issued";
            }
            // Messages between nodes did not exist, so who it came from is of this node.
            let giver = from.split_once('@').map_or(from, |(_, process)| process);
            match all.get(&self.place(giver)) {
                Some(of_giver) if path.len() + 1 < PATH_MAX => row = of_giver,
                _ => {
                    path.push(&self.issuer);
                    break "issued";
                }
            }
        };
        path.reverse();
        (origin, path)
    }
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<Version1>> {
    let mut statement = connection.prepare(
        "SELECT holder, issuer, params_key, params, signature, origin, origin_from FROM capability_1 ORDER BY rowid",
    )?;
    statement.query_map([], Version1::of)?.collect()
}

#[cfg(test)]
#[path = "migrate_tests.rs"]
mod tests;
