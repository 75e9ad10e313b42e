//! The statements.

use std::sync::Arc;

use rusqlite::types::ToSql;
use rusqlite::{Connection, OptionalExtension};
use wharf_kernel::envelope::Payload;
use wharf_types::kv::{KvEntry, KvOrder};

/// The tables of a database. A format of its own, see [`FORMAT`].
pub(crate) const TABLES: &str = "CREATE TABLE entry (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";

/// Number of the format of [`TABLES`].
pub(crate) const FORMAT: i32 = 1;

/// The upper bytes of `application_id`: `WK` and a zero.
pub(crate) const APPLICATION_ID: i32 = 0x0057_4b00;

/// What a scan looks for, within the bounds of the node.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) prefix: Vec<u8>,
    pub(crate) from: Option<Vec<u8>>,
    pub(crate) order: KvOrder,
    pub(crate) entries_max: usize,
    pub(crate) bytes_max: usize,
}

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) entries: Vec<KvEntry>,
    pub(crate) values: Vec<u8>,
    pub(crate) next: Option<Vec<u8>>,
}

/// The value of a key.
pub(crate) fn get(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Payload>> {
    let mut statement = connection.prepare_cached("SELECT value FROM entry WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get::<_, Vec<u8>>(0)).optional()?.map(Arc::new))
}

/// Sets a key, or removes it.
pub(crate) fn put(connection: &Connection, key: &[u8], value: Option<&[u8]>) -> rusqlite::Result<()> {
    match value {
        Some(value) => {
            let sql =
                "INSERT INTO entry (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            connection.prepare_cached(sql)?.execute([key, value])?
        }
        None => connection.prepare_cached("DELETE FROM entry WHERE key = ?1")?.execute([key])?,
    };
    Ok(())
}

/// Keys in order, with their values.
pub(crate) fn scan(connection: &Connection, range: &Range) -> rusqlite::Result<Found> {
    let end = end_of(&range.prefix);
    let mut conditions = vec!["key >= ?"];
    let mut parameters: Vec<&dyn ToSql> = vec![&range.prefix];
    if let Some(end) = &end {
        conditions.push("key < ?");
        parameters.push(end);
    }
    if let Some(from) = &range.from {
        conditions.push(if range.order == KvOrder::Ascending { "key >= ?" } else { "key <= ?" });
        parameters.push(from);
    }
    let order = if range.order == KvOrder::Ascending { "ASC" } else { "DESC" };
    let sql = format!("SELECT key, value FROM entry WHERE {} ORDER BY key {order}", conditions.join(" AND "));
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(parameters.as_slice())?;
    let (mut found, mut bytes) = (Found::default(), 0_usize);
    while let Some(row) = rows.next()? {
        let key: Vec<u8> = row.get(0)?;
        let value = row.get_ref(1)?.as_blob()?;
        bytes = bytes.saturating_add(key.len()).saturating_add(value.len());
        let is_first = found.entries.is_empty();
        if found.entries.len() >= range.entries_max || (!is_first && bytes > range.bytes_max) {
            found.next = Some(key);
            break;
        }
        found.values.extend_from_slice(value);
        found.entries.push(KvEntry { key, bytes: value.len() as u64 });
    }
    Ok(found)
}

/// The smallest key behind all that begin with `prefix`; `None` when there is none.
fn end_of(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=kept)?.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_behind_all_that_begin_with_it() {
        assert_eq!(end_of(b""), None);
        assert_eq!(end_of(b"\xff\xff"), None);
        assert_eq!(end_of(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(end_of(b"a\xff"), Some(b"b".to_vec()));
    }
}
