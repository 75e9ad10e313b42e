//! The databases of a module, without a node around them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use wharf_types::PackageId;
use wharf_types::database::Durability;

use wharf_kernel::Book;

use crate::{DatabaseError, DatabaseId, DatabaseLimits, Databases, Engine, Kind, Lease, Missing, Mode, Role};

pub(crate) struct Numbers;

impl Engine for Numbers {
    type Extra = ();

    const KIND: Kind =
        Kind { application_id: 0x0054_4500, format: Some(1), tables: "CREATE TABLE number (n INTEGER UNIQUE);" };

    fn extra(&self, _: &DatabaseId) {}

    fn prepare(&self, _: &mut Connection, _: Role, (): &()) -> rusqlite::Result<()> {
        Ok(())
    }
}

pub(crate) fn id(name: &str) -> DatabaseId {
    DatabaseId::new(&PackageId::new("p", "u").unwrap(), name).unwrap()
}

pub(crate) fn open(root: &Path, limits: DatabaseLimits) -> Databases<Numbers> {
    Databases::open(Numbers, root.join("numbers"), Book::new(limits, [])).unwrap()
}

pub(crate) const CREATE: Missing = Missing::Create(Durability::Process);

pub(crate) async fn add(lease: &Lease<Numbers>, n: i64) -> Result<(), DatabaseError> {
    let work = move |connection: &Connection| {
        connection.prepare_cached("INSERT INTO number VALUES (?1)")?.execute([n])?;
        Ok(())
    };
    lease.write(Mode::Together, 8, work, |_| ()).await
}

pub(crate) async fn all(lease: Lease<Numbers>) -> Vec<i64> {
    let read = |connection: &Connection| {
        let mut statement = connection.prepare("SELECT n FROM number ORDER BY n")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    };
    Arc::new(lease).read(read).await.unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_after_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    let missing = databases.lease(&id("a"), Missing::Fail).await.err().unwrap();
    assert!(matches!(missing, DatabaseError::Missing(_)), "{missing}");
    let lease = databases.lease(&id("a"), CREATE).await.unwrap();
    add(&lease, 1).await.unwrap();
    drop(lease);
    databases.close().await;
    let file = folder.path().join("numbers/p:u/a/a.db");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(file.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!file.with_extension("db-wal").exists(), "its log was moved into the file");
    let databases = open(folder.path(), DatabaseLimits::default());
    assert_eq!(all(databases.lease(&id("a"), Missing::Fail).await.unwrap()).await, [1]);
}

/// C6: in the reference, the list of what may be closed can be empty when something has to be.
#[tokio::test]
async fn c6_the_one_that_was_used_least_recently_is_closed_and_none_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits { open_max: 2, ..DatabaseLimits::default() });
    for name in ["a", "b", "a", "c"] {
        drop(databases.lease(&id(name), CREATE).await.unwrap());
    }
    let mut open_ones = databases.open_ones();
    open_ones.sort();
    assert_eq!(open_ones, [id("a"), id("c")]);
    // Both places are in use: the third waits until one is given back.
    let (a, c) = (databases.lease(&id("a"), CREATE).await.unwrap(), databases.lease(&id("c"), CREATE).await.unwrap());
    let b = id("b");
    let waiting = databases.lease(&b, CREATE);
    tokio::pin!(waiting);
    assert!(futures_util::poll!(&mut waiting).is_pending());
    add(&c, 3).await.unwrap();
    drop(c);
    drop(waiting.await.unwrap());
    add(&a, 1).await.unwrap();
    drop(a);
    for (name, expected) in [("a", vec![1]), ("b", vec![]), ("c", vec![3])] {
        assert_eq!(all(databases.lease(&id(name), Missing::Fail).await.unwrap()).await, expected, "{name}");
    }
}

#[tokio::test]
async fn many_at_once_share_few_places() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits { open_max: 2, ..DatabaseLimits::default() });
    let tasks: Vec<_> = (0..60_i64)
        .map(|n| {
            let databases = databases.clone();
            tokio::spawn(async move {
                let lease = databases.lease(&id(&format!("d{}", n % 6)), CREATE).await.unwrap();
                add(&lease, n).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for d in 0..6 {
        let lease = databases.lease(&id(&format!("d{d}")), Missing::Fail).await.unwrap();
        assert_eq!(all(lease).await, (0..60).filter(|n| n % 6 == d).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_removed_database_is_gone_and_can_be_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    let lease = databases.lease(&id("a"), CREATE).await.unwrap();
    add(&lease, 1).await.unwrap();
    drop(lease);
    databases.remove(&id("a")).await.unwrap();
    assert!(matches!(databases.remove(&id("a")).await, Err(DatabaseError::Missing(_))));
    assert!(matches!(databases.lease(&id("a"), Missing::Fail).await, Err(DatabaseError::Missing(_))));
    assert_eq!(all(databases.lease(&id("a"), CREATE).await.unwrap()).await, [0; 0]);
    assert_eq!(std::fs::read_dir(folder.path().join("numbers")).unwrap().count(), 1, "nothing is left beside it");
}

/// Seen once, after a kill in the middle of a purge.
#[tokio::test]
async fn an_empty_folder_that_a_kill_left_is_gone_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    drop(databases.lease(&id("kept"), CREATE).await.unwrap());
    databases.close().await;
    let (left, kept) = (folder.path().join("numbers/gone:u"), folder.path().join("numbers/p:u"));
    std::fs::create_dir(&left).unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    assert!(!left.exists() && kept.exists());
    assert!(databases.lease(&id("kept"), Missing::Fail).await.is_ok());
}

#[tokio::test]
async fn durability_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let synchronous = |connection: &Connection| -> Result<i64, DatabaseError> {
        Ok(connection.pragma_query_value(None, "synchronous", |row| row.get(0))?)
    };
    const NORMAL: i64 = 1;
    const FULL: i64 = 2;
    for (asked, expected) in [
        (None, NORMAL),
        (Some(Durability::Power), FULL),
        (None, FULL),
        (Some(Durability::Process), NORMAL),
        (None, NORMAL),
    ] {
        let databases = open(folder.path(), DatabaseLimits::default());
        let lease = databases.lease(&id("a"), CREATE).await.unwrap();
        if let Some(durability) = asked {
            lease.set_durability(durability).await.unwrap();
        }
        assert_eq!(lease.write(Mode::Alone, 0, synchronous, |_| ()).await.unwrap(), expected, "{asked:?}");
        drop(lease);
        databases.close().await;
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_was_written_is_refused_and_the_others_work() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    for name in ["good", "empty", "text", "foreign", "newer"] {
        drop(databases.lease(&id(name), CREATE).await.unwrap());
    }
    databases.close().await;
    let file = |name: &str| folder.path().join(format!("numbers/p:u/{name}/{name}.db"));
    std::fs::write(file("empty"), b"").unwrap();
    std::fs::write(file("text"), vec![b'x'; 10_000]).unwrap();
    Connection::open(file("foreign")).unwrap().pragma_update(None, "application_id", 7).unwrap();
    Connection::open(file("newer")).unwrap().pragma_update(None, "user_version", 2).unwrap();
    for name in ["empty", "text", "foreign", "newer"] {
        let before = std::fs::read(file(name)).unwrap();
        let refused = databases.lease(&id(name), CREATE).await.err().unwrap();
        assert!(matches!(refused, DatabaseError::Damaged(_)), "{name}: {refused}");
        assert_eq!(std::fs::read(file(name)).unwrap(), before, "it is left as it is");
    }
    add(&databases.lease(&id("good"), Missing::Fail).await.unwrap(), 1).await.unwrap();
}

#[tokio::test]
async fn a_full_database_refuses_what_does_not_fit_and_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits { database_bytes_max: 64 << 10, ..DatabaseLimits::default() });
    let lease = Arc::new(databases.lease(&id("a"), CREATE).await.unwrap());
    let tasks: Vec<_> = (0..20_000_i64)
        .map(|n| {
            let lease = Arc::clone(&lease);
            async move { add(&lease, n).await }
        })
        .collect();
    let outcomes = futures_util::future::join_all(tasks).await;
    let kept: Vec<i64> = (0..).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).map(|(n, _)| n).collect();
    assert!(!kept.is_empty() && outcomes.iter().any(|outcome| matches!(outcome, Err(DatabaseError::Full(_)))));
    assert_eq!(all(Arc::into_inner(lease).unwrap()).await, kept);
}

#[tokio::test]
async fn a_package_has_only_so_many() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits { package_databases_max: 2, ..DatabaseLimits::default() });
    for name in ["a", "b"] {
        drop(databases.lease(&id(name), CREATE).await.unwrap());
    }
    assert!(matches!(databases.lease(&id("c"), CREATE).await, Err(DatabaseError::Limit { .. })));
    drop(databases.lease(&id("a"), CREATE).await.unwrap());
    databases.remove(&id("b")).await.unwrap();
    drop(databases.lease(&id("c"), CREATE).await.unwrap());
}

#[tokio::test]
async fn what_is_undone_leaves_nothing_and_what_fails_takes_nobody_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let databases = open(folder.path(), DatabaseLimits::default());
    let lease = databases.lease(&id("a"), CREATE).await.unwrap();
    let count_after_adding = |connection: &Connection| -> Result<i64, DatabaseError> {
        connection.execute("INSERT INTO number VALUES (100)", [])?;
        Ok(connection.query_row("SELECT count(*) FROM number", [], |row| row.get(0))?)
    };
    let undone = || lease.write(Mode::Undone, 0, count_after_adding, |_| ());
    // Together, so that they may share a transaction.
    let (one, looked, twice, two) = tokio::join!(add(&lease, 1), undone(), add(&lease, 1), add(&lease, 2));
    assert!(one.is_ok() && twice.is_err() && two.is_ok());
    assert_eq!(looked.unwrap(), 2);
    assert_eq!(undone().await.unwrap(), 3);
    assert_eq!(all(lease).await, [1, 2]);
}
