#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wharf_kernel::capability::Origin;
use wharf_kernel::persistence::{Change, Persistence, Stored, StoredProcess};
use wharf_types::OnExit;

use super::*;
use crate::tests::{process, told};
use crate::{KernelStore, OpenError};

/// Holder, origin, and who it was received from, of one capability of `i:p:u`.
type Row = (&'static str, &'static str, Option<&'static str>);

/// A database of version 1.
async fn version_1(rows: &[Row]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(include_str!("version_1.sql")).unwrap();
    connection.execute_batch("DELETE FROM capability").unwrap();
    for (holder, origin, from) in rows {
        let insert = "INSERT INTO capability VALUES (?1, 'a.os@i:p:u', '7', ' 7', zeroblob(64), ?2, ?3)";
        connection.execute(insert, params![holder, origin, from]).unwrap();
    }
    connection.close().unwrap();
    (folder, path)
}

async fn lineages(path: &Path) -> Vec<(String, Origin, String)> {
    let store = KernelStore::open(path).unwrap();
    let stored = store.load().await.unwrap();
    store.close().await;
    let told = stored.capabilities.into_iter().map(|one| {
        assert_eq!(one.capability.capability().params, " 7");
        let path: Vec<_> = one.lineage.path.iter().map(ToString::to_string).collect();
        (one.holder.to_string(), one.lineage.origin, path.join(" "))
    });
    told.collect()
}

#[tokio::test]
async fn paths_are_put_together_from_who_gave_what_to_whom() {
    let (_folder, path) = version_1(&[
        ("c:p:u", "received", Some("a.os@b:p:u")),
        ("b:p:u", "received", Some("a.os@g:p:u")),
        ("g:p:u", "granted", None),
        ("i:p:u", "issued", None),
        ("d:p:u", "received", Some("a.os@i:p:u")),
        ("e:p:u", "received", Some("a.os@gone:p:u")),
    ])
    .await;
    let expected = [
        ("c:p:u", Origin::Granted, "a.os@g:p:u a.os@b:p:u"),
        ("b:p:u", Origin::Granted, "a.os@g:p:u"),
        ("g:p:u", Origin::Granted, ""),
        ("i:p:u", Origin::Issued, ""),
        ("d:p:u", Origin::Issued, "a.os@i:p:u"),
        ("e:p:u", Origin::Issued, "a.os@i:p:u a.os@gone:p:u"),
    ];
    let expected = expected.map(|(holder, origin, path)| (holder.to_owned(), origin, path.to_owned()));
    assert_eq!(lineages(&path).await, expected);
    // It is done once, and what it did stays.
    assert_eq!(lineages(&path).await, expected);
}

#[tokio::test]
async fn a_path_that_goes_in_circles_ends() {
    let (_folder, path) =
        version_1(&[("b:p:u", "received", Some("a.os@c:p:u")), ("c:p:u", "received", Some("a.os@b:p:u"))]).await;
    for (_, origin, path) in lineages(&path).await {
        assert_eq!((origin, path.split(' ').count()), (Origin::Issued, PATH_MAX));
        assert!(path.starts_with("a.os@i:p:u "));
    }
}

/// A database of version 3 that has these processes.
async fn version_3(processes: &[StoredProcess]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kernel.db");
    let store = KernelStore::open(&path).unwrap();
    store.apply(processes.iter().cloned().map(Change::PutProcess).collect()).await.unwrap();
    store.close().await;
    let connection = Connection::open(&path).unwrap();
    crate::seal::install(&connection).unwrap();
    let steps = [
        "ALTER TABLE process RENAME TO process_4",
        migrate_seals::PROCESS_TABLE_3,
        "INSERT INTO process SELECT id, wasm_bytes_handle, wit_version, public, on_exit, parent,
            seal('process', id, wasm_bytes_handle, wit_version, public, on_exit, parent) FROM process_4 ORDER BY rowid;
        DROP TABLE process_4; PRAGMA user_version = 3;",
    ];
    steps.iter().for_each(|step| connection.execute_batch(step).unwrap());
    connection.close().unwrap();
    (folder, path)
}

#[tokio::test]
async fn processes_of_version_3_keep_all_they_had() {
    let processes = [process("z:chess:sys", OnExit::None), process("a:chess:sys", crate::wire::tests::requests())];
    let (_folder, path) = version_3(&processes).await;
    let store = KernelStore::open(&path).unwrap();
    let found = store.load().await.unwrap().processes;
    store.close().await;
    let expected = processes.map(|process| StoredProcess { component: None, ..process });
    let told = |processes: &[StoredProcess]| told(&Stored { processes: processes.to_vec(), ..Stored::default() });
    assert_eq!(told(&found), told(&expected));
}

/// What it brings along would be sealed anew, and nobody could ever tell.
#[tokio::test]
async fn a_damaged_database_of_version_3_is_refused_and_left_alone() {
    let damages = [
        "UPDATE process SET public = 0",
        // Its log, which is not there, has changes that were acknowledged.
        "UPDATE log SET is_needed = 1",
    ];
    for damage in damages {
        let (_folder, path) = version_3(&[process("z:chess:sys", OnExit::None)]).await;
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch(damage).unwrap();
        connection.close().unwrap();
        let error = KernelStore::open(&path).map(|_| ()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged { .. }), "{damage}: {error}");
        let connection = Connection::open(&path).unwrap();
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        assert_eq!(version, 3);
    }
}

#[tokio::test]
async fn what_fails_leaves_version_1_as_it_was() {
    let (_folder, path) = version_1(&[("g:p:u", "granted", None)]).await;
    let connection = Connection::open(&path).unwrap();
    // The name that the old table is given for a moment is taken.
    connection.execute_batch("CREATE TABLE capability_1 (x)").unwrap();
    assert!(matches!(KernelStore::open(&path).map(|_| ()), Err(OpenError::Database { .. })));
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1);
    connection.execute_batch("DROP TABLE capability_1").unwrap();
    assert_eq!(lineages(&path).await.len(), 1);
}
