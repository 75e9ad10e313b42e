//! Which files are opened, and which are refused and left alone.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use wharf_kernel::persistence::Persistence;

use crate::database::Database;
use crate::task::Kind;
use crate::tests::{everything, fixture, id, puts};
use crate::{KernelStore, OpenError};

async fn alter(path: &Path, sql: &'static str) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
}

fn refusal(path: &Path) -> OpenError {
    let before = std::fs::read(path).unwrap();
    let error = KernelStore::open(path).map(|_| ()).unwrap_err();
    assert_eq!(std::fs::read(path).unwrap(), before, "a refused file is not rewritten");
    assert!(error.to_string().contains("restore a backup"), "{error}");
    error
}

#[tokio::test]
async fn the_files_are_for_the_node_alone() {
    let fixture = fixture();
    fixture.store.set_state(id("a:b:c"), Arc::new(vec![1])).await.unwrap();
    for name in ["kernel.db", "kernel.db-wal", "kernel.db-shm"] {
        let mode = std::fs::metadata(fixture.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let folder = fixture.closed().await;
    let path = folder.path().join("kernel.db");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = KernelStore::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_unfinished_draft_of_a_new_database_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel.db");
    std::fs::write(folder.path().join("kernel.db.new"), b"half").unwrap();
    KernelStore::open(&path).unwrap().close().await;
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn another_version_is_refused() {
    for (sql, expected) in [("PRAGMA user_version = 5", 5), ("PRAGMA user_version = 0", 0)] {
        let path = fixture().closed().await;
        let path = path.path().join("kernel.db");
        alter(&path, sql).await;
        let error = refusal(&path);
        assert!(matches!(error, OpenError::Version { found, needed: 4, .. } if found == expected), "{error}");
    }
}

#[tokio::test]
async fn a_version_that_only_the_log_knows_of_is_refused() {
    let fixture = fixture();
    let work = |database: &Database| Ok(database.connection().pragma_update(None, "user_version", 5)?);
    fixture.store.queue.call(Kind::Write, "migrating".into(), 0, work).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    for name in ["kernel.db", "kernel.db-wal"] {
        std::fs::copy(fixture.folder.path().join(name), copy.path().join(name)).unwrap();
    }
    let error = KernelStore::open(&copy.path().join("kernel.db")).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Version { found: 5, .. }), "{error}");
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel.db");
    alter(&path, "CREATE TABLE theirs (x); PRAGMA user_version = 4;").await;
    assert!(matches!(refusal(&path), OpenError::Foreign { found: 0, .. }));
}

#[tokio::test]
async fn garbage_and_cut_files_are_refused() {
    let fixture = fixture();
    fixture.store.apply(puts(&everything())).await.unwrap();
    let folder = fixture.closed().await;
    let path = folder.path().join("kernel.db");
    let good = std::fs::read(&path).unwrap();
    let mut overwritten = good.clone();
    overwritten[100..].fill(0xaa);
    for bad in [&[][..], b"garbage", &[0x5a; 10_000], &good[..50], &good[..4_096], &good[..5_000], &overwritten] {
        std::fs::write(&path, bad).unwrap();
        assert!(matches!(refusal(&path), OpenError::Damaged { .. }), "{} bytes", bad.len());
    }
}

#[tokio::test]
async fn a_database_without_our_tables_is_refused() {
    let folder = fixture().closed().await;
    let path = folder.path().join("kernel.db");
    alter(&path, "DROP TABLE state").await;
    let error = refusal(&path).to_string();
    assert!(error.contains("no such table"), "{error}");
}

/// A log without its database holds changes that were acknowledged; a new database must neither hide nor replay it.
#[tokio::test]
async fn a_log_whose_database_is_missing_is_refused() {
    let fixture = fixture();
    fixture.store.set_state(id("a:b:c"), Arc::new(vec![1])).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(fixture.folder.path().join("kernel.db-wal"), copy.path().join("kernel.db-wal")).unwrap();
    let error = KernelStore::open(&copy.path().join("kernel.db")).map(|_| ()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(!copy.path().join("kernel.db").exists());
}

#[tokio::test]
async fn a_row_that_does_not_decode_is_named_and_never_half_read() {
    for (sql, row) in [
        ("UPDATE process SET on_exit = x'0109' WHERE id = 'm:chess:sys'", "process `m:chess:sys`"),
        ("UPDATE process SET id = 'nonsense' WHERE id = 'm:chess:sys'", "process `nonsense`"),
        ("UPDATE capability SET params = '{' WHERE path <> ''", "held by `timer:distro:sys`"),
        ("UPDATE capability SET params = '7' WHERE path <> ''", "held by `timer:distro:sys`"),
        ("UPDATE capability SET path = 'a.os@b:c:d x' WHERE path <> ''", "held by `timer:distro:sys`"),
    ] {
        let fixture = fixture();
        fixture.store.apply(puts(&everything())).await.unwrap();
        alter(&fixture.path(), sql).await;
        let error = fixture.store.load().await.unwrap_err();
        assert!(error.reason.contains(row) && error.reason.contains("is damaged"), "{error}");
        // The rest of the store goes on.
        fixture.store.set_state(id("a:b:c"), Arc::new(vec![1])).await.unwrap();
    }
}
