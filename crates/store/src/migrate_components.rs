//! From version 3 of `kernel.db` to version 4: a process has the hash of the component it was created with. What older ones
//! were created with is not known; the kernel learns it at the next boot.

use rusqlite::Connection;

use crate::schema::PROCESS_TABLE;

const RENAME: &str = "ALTER TABLE process RENAME TO process_3;";

const MOVE: &str = "
INSERT INTO process SELECT id, wasm_bytes_handle, NULL, wit_version, public, on_exit, parent,
    seal('process', id, wasm_bytes_handle, NULL, wit_version, public, on_exit, parent) FROM process_3 ORDER BY rowid;
DROP TABLE process_3;
";

/// Makes the tables of version 4 out of those of version 3. The caller has a transaction open.
pub(crate) fn to_4(connection: &Connection) -> rusqlite::Result<()> {
    [RENAME, PROCESS_TABLE, MOVE].iter().try_for_each(|step| connection.execute_batch(step))
}
