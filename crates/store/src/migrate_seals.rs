//! From version 2 of `kernel.db` to version 3: rows have seals, the need of the log is recorded,
//! and so is the parent of a process, which nobody knows of older ones.

use rusqlite::Connection;

use crate::schema::TABLES;

const RENAME: &str = "
ALTER TABLE process RENAME TO process_2;
ALTER TABLE capability RENAME TO capability_2;
ALTER TABLE state RENAME TO state_2;
";

const MOVE: &str = "
INSERT INTO process SELECT id, wasm_bytes_handle, wit_version, public, on_exit, NULL,
    seal('process', id, wasm_bytes_handle, wit_version, public, on_exit, NULL) FROM process_2 ORDER BY rowid;
INSERT INTO capability SELECT holder, issuer, params_key, params, signature, origin, path,
    seal('capability', holder, issuer, params_key, params, signature, origin, path) FROM capability_2 ORDER BY rowid;
INSERT INTO state SELECT process, bytes, seal('state', process, bytes) FROM state_2;
DROP TABLE process_2;
DROP TABLE capability_2;
DROP TABLE state_2;
";

/// Makes the tables of version 3 out of those of version 2. The caller has a transaction open.
pub(crate) fn to_3(connection: &Connection) -> rusqlite::Result<()> {
    [RENAME, TABLES, MOVE].iter().try_for_each(|step| connection.execute_batch(step))
}
