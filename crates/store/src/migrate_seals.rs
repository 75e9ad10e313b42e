//! From version 2 of `kernel.db` to version 3: rows have seals, the need of the log is recorded,
//! and so is the parent of a process, which nobody knows of older ones.

use rusqlite::Connection;

use crate::schema::OTHER_TABLES;

const RENAME: &str = "
ALTER TABLE process RENAME TO process_2;
ALTER TABLE capability RENAME TO capability_2;
ALTER TABLE state RENAME TO state_2;
";

/// The table as version 3 had it.
pub(crate) const PROCESS_TABLE_3: &str = "
CREATE TABLE process (
    id                TEXT    NOT NULL PRIMARY KEY,
    wasm_bytes_handle TEXT    NOT NULL,
    wit_version       INTEGER,
    public            INTEGER NOT NULL CHECK (public IN (0, 1)),
    on_exit           BLOB    NOT NULL,
    parent            TEXT,
    seal              BLOB    NOT NULL
) STRICT;
";

/// Its rows that are not what was written, as [`crate::schema::broken_seals`] has them.
pub(crate) const BROKEN_PROCESSES_3: &str = "SELECT 'process `' || id || '`' FROM process
     WHERE seal IS NOT seal('process', id, wasm_bytes_handle, wit_version, public, on_exit, parent)";

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
    [RENAME, PROCESS_TABLE_3, OTHER_TABLES, MOVE].iter().try_for_each(|step| connection.execute_batch(step))
}
