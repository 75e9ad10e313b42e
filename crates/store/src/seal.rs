//! The seal of a row: what tells that its values are those that were written.
//!
//! SQLite keeps no checksums of its pages: a bit that turns over inside a value is a different value, and nothing says
//! so. Every row therefore carries the beginning of a SHA-256 over its values, made when it is written and compared when
//! the database is opened. It finds accidents, not tampering: whoever can write the file can seal it.

use ring::digest;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::ValueRef;

/// Bytes of the digest that are kept. By accident, one damaged row in 2^64 fits its seal.
const SEAL_BYTES: usize = 8;

/// Gives the connection the SQL function `seal(table, values...)`.
pub(crate) fn install(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("seal", -1, flags, |context| {
        let mut digest = digest::Context::new(&digest::SHA256);
        for index in 0..context.len() {
            add(&mut digest, context.get_raw(index));
        }
        Ok(digest.finish().as_ref().get(..SEAL_BYTES).unwrap_or_default().to_vec())
    })
}

/// Kind, length and bytes, so that no two lists of values give the same input.
fn add(digest: &mut digest::Context, value: ValueRef<'_>) {
    let (integer, real);
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => {
            integer = number.to_le_bytes();
            (1, &integer)
        }
        ValueRef::Real(number) => {
            real = number.to_bits().to_le_bytes();
            (2, &real)
        }
        ValueRef::Text(bytes) => (3, bytes),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    digest.update(&[kind]);
    digest.update(&(bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn seal(sql: &str) -> Vec<u8> {
        let connection = Connection::open_in_memory().unwrap();
        install(&connection).unwrap();
        connection.query_row(&format!("SELECT seal({sql})"), [], |row| row.get(0)).unwrap()
    }

    /// Seals are on disk: what they are is a part of the format.
    #[test]
    fn the_seal_is_that_of_version_3() {
        assert_eq!(seal("'state', 'a:b:c', x'010203'"), [187, 95, 143, 198, 76, 175, 103, 6]);
    }

    #[test]
    fn other_values_have_other_seals() {
        let all = ["'ab', 'c'", "'a', 'bc'", "'ab', x'63'", "'ab', NULL", "'ab', 1", "'ab', 1.0", "'ab'", "'ab', ''"];
        let seals: std::collections::HashSet<_> = all.iter().map(|sql| seal(sql)).collect();
        assert_eq!(seals.len(), all.len());
    }
}
