//! How much the processes of each package have saved.
//!
//! It is counted beside the database, in a table of the connection, by triggers: a bound then costs one look, whatever a
//! package has, and the count goes back with a transaction that does.

use rusqlite::{Connection, OptionalExtension, params};
use wharf_kernel::Limit;
use wharf_kernel::persistence::{SetStateError, StateRoom};
use wharf_types::ProcessId;

/// What follows the first `:` of a process id is its package.
const COUNT: &str = "
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE saved (
    package TEXT    NOT NULL PRIMARY KEY,
    bytes   INTEGER NOT NULL,
    states  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO temp.saved
    SELECT substr(process, instr(process, ':') + 1), sum(length(bytes)), count(*) FROM main.state GROUP BY 1;
CREATE TEMP TRIGGER saved_more AFTER INSERT ON main.state BEGIN
    INSERT INTO saved VALUES (substr(new.process, instr(new.process, ':') + 1), length(new.bytes), 1)
        ON CONFLICT (package) DO UPDATE SET bytes = bytes + excluded.bytes, states = states + 1;
END;
CREATE TEMP TRIGGER saved_anew AFTER UPDATE ON main.state BEGIN
    UPDATE saved SET bytes = bytes - length(old.bytes) + length(new.bytes)
        WHERE package = substr(new.process, instr(new.process, ':') + 1);
END;
CREATE TEMP TRIGGER saved_less AFTER DELETE ON main.state BEGIN
    UPDATE saved SET bytes = bytes - length(old.bytes), states = states - 1
        WHERE package = substr(old.process, instr(old.process, ':') + 1);
    DELETE FROM saved WHERE package = substr(old.process, instr(old.process, ':') + 1) AND states = 0;
END;
";

/// Begins to count, from what is there.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(COUNT)
}

/// Whether a process may save so many bytes in place of what it saved before.
pub(crate) fn check(
    connection: &Connection,
    process: &ProcessId,
    bytes: usize,
    room: StateRoom,
) -> rusqlite::Result<Result<(), SetStateError>> {
    let before: Option<i64> = connection
        .prepare_cached("SELECT length(bytes) FROM state WHERE process = ?1")?
        .query_row([process.to_string()], |row| row.get(0))
        .optional()?;
    let saved: Option<(i64, i64)> = connection
        .prepare_cached("SELECT bytes, states FROM temp.saved WHERE package = ?1")?
        .query_row(params![process.package_id().to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let number = |number: i64| usize::try_from(number).unwrap_or_default();
    let (all_bytes, states) = saved.map_or((0, 0), |(bytes, states)| (number(bytes), number(states)));
    let old = before.map_or(0, number);
    let full = |limit, max| Ok(Err(SetStateError::Full { process: process.clone(), limit, max }));
    if before.is_none() && states >= room.states_max {
        return full(Limit::PackageStates, room.states_max);
    }
    if bytes > old && all_bytes.saturating_sub(old).saturating_add(bytes) > room.bytes_max {
        return full(Limit::PackageStateBytes, room.bytes_max);
    }
    Ok(Ok(()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;

    use wharf_kernel::persistence::Persistence;

    use super::*;
    use crate::KernelStore;
    use crate::tests::{fixture, id};

    async fn save(store: &KernelStore, process: &str, bytes: usize) -> Option<Limit> {
        let room = StateRoom { bytes_max: 100, states_max: 2 };
        match store.set_state_within(id(process), Arc::new(vec![7; bytes]), room).await {
            Ok(()) => None,
            Err(SetStateError::Full { limit, .. }) => Some(limit),
            Err(SetStateError::Store(error)) => unreachable!("{error}"),
        }
    }

    #[tokio::test]
    async fn a_package_saves_so_much_and_no_more_also_after_a_restart() {
        let fixture = fixture();
        let path = fixture.path();
        assert_eq!(save(&fixture.store, "a:p:q", 60).await, None);
        assert_eq!(save(&fixture.store, "a:p:other", 100).await, None, "another package is not concerned");
        assert_eq!(save(&fixture.store, "b:p:q", 41).await, Some(Limit::PackageStateBytes));
        assert_eq!(save(&fixture.store, "b:p:q", 40).await, None);
        assert_eq!(save(&fixture.store, "c:p:q", 0).await, Some(Limit::PackageStates));
        let folder = fixture.closed().await;
        let store = KernelStore::open(&path).unwrap();
        assert_eq!(save(&store, "a:p:q", 61).await, Some(Limit::PackageStateBytes));
        assert_eq!(save(&store, "a:p:q", 50).await, None);
        assert_eq!(save(&store, "b:p:q", 50).await, None);
        store.clear_state(id("a:p:q")).await.unwrap();
        assert_eq!(save(&store, "c:p:q", 50).await, None);
        store.clear_states("p:q".parse().unwrap()).await.unwrap();
        assert_eq!(save(&store, "d:p:q", 100).await, None);
        drop((store, folder));
    }
}
