//! A disk that fails at any one moment: what was acknowledged is kept, what failed has left nothing, and the next works.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use rusqlite::Connection;
use wharf_types::database::Durability;

use crate::faults::Faults;
use crate::tests::{CREATE, add, all, id, open};
use crate::{DatabaseError, DatabaseLimits, Missing, Mode};

/// Some at once, then one after the other.
const AT_ONCE: i64 = 5;
const CHANGES: i64 = 10;

#[tokio::test]
async fn whatever_fails_once_is_not_acknowledged_and_works_when_it_is_tried_again() {
    for fault in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let databases = open(folder.path(), DatabaseLimits::default());
        // Databases of tests are told apart by their names.
        let id = id(&format!("fault-{fault}"));
        let lease = databases.lease(&id, CREATE).await.unwrap();
        let faults = Faults::of(&id);
        faults.fail_after(fault);
        let at_once = futures_util::future::join_all((0..AT_ONCE).map(|n| add(&lease, n))).await;
        let mut failed: Vec<i64> = (0..).zip(&at_once).filter(|(_, done)| done.is_err()).map(|(n, _)| n).collect();
        for n in AT_ONCE..CHANGES {
            if add(&lease, n).await.is_err() {
                failed.push(n);
            }
        }
        let durable = lease.set_durability(Durability::Power).await;
        let has_failed = faults.lift();
        assert_eq!(has_failed, !failed.is_empty() || durable.is_err(), "fault {fault}");
        for n in failed {
            // A commit that fails at its sync may have taken effect; then it is there, and whole.
            let again = add(&lease, n).await;
            let is_there = matches!(&again, Err(DatabaseError::Sql(error)) if error.to_string().contains("UNIQUE"));
            assert!(again.is_ok() || is_there, "{n} after fault {fault}: {again:?}");
        }
        lease.set_durability(Durability::Power).await.unwrap();
        drop(lease);
        databases.close().await;
        let databases = open(folder.path(), DatabaseLimits::default());
        let lease = databases.lease(&id, Missing::Fail).await.unwrap();
        assert_eq!(all(lease).await, (0..CHANGES).collect::<Vec<_>>(), "fault {fault}");
        if !has_failed {
            assert!(fault > 3 * (CHANGES - AT_ONCE), "only {fault} places can fail");
            return;
        }
    }
}

/// What a task changed before it failed is undone, whatever happens around it.
#[tokio::test]
async fn a_task_of_several_changes_is_never_half_done() {
    for fault in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let databases = open(folder.path(), DatabaseLimits::default());
        let id = id(&format!("half-{fault}"));
        let lease = databases.lease(&id, CREATE).await.unwrap();
        let faults = Faults::of(&id);
        faults.fail_after(fault);
        let pair = |n: i64| {
            let work = move |connection: &Connection| {
                for half in [n, -n] {
                    connection.execute("INSERT OR IGNORE INTO number VALUES (?1)", [half])?;
                }
                Ok(())
            };
            lease.write(Mode::Together, 16, work, |_| ())
        };
        let outcomes = futures_util::future::join_all((1..8).map(pair)).await;
        let has_failed = faults.lift();
        drop(lease);
        databases.close().await;
        let databases = open(folder.path(), DatabaseLimits::default());
        let found = all(databases.lease(&id, Missing::Fail).await.unwrap()).await;
        for (n, outcome) in (1..).zip(&outcomes) {
            assert_eq!(found.contains(&n), found.contains(&-n), "{n} is there in half after fault {fault}");
            assert!(
                outcome.is_err() || found.contains(&n),
                "{n} was acknowledged and is not there after fault {fault}"
            );
        }
        if !has_failed {
            return;
        }
    }
}
