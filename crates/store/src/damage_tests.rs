//! A damaged database is opened with exactly what was written, or not at all.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use tempfile::TempDir;
use wharf_kernel::capability::Origin;
use wharf_kernel::persistence::{Change, Persistence};
use wharf_types::OnExit;

use crate::tests::{everything, fixture, held, id, process, puts, told};
use crate::{KernelStore, OpenError};

const STATES: [&str; 3] = ["a:chess:sys", "m:chess:sys", "large:chess:sys"];

/// The files of a node that was killed: what the log of the second has, the file of the first has.
struct Files {
    database: Vec<u8>,
    log: Vec<u8>,
    content: Vec<String>,
    /// What was there before the last change, and before the one before it.
    earlier: Vec<Vec<String>>,
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

async fn content(store: &KernelStore) -> Result<Vec<String>, wharf_kernel::persistence::StoreError> {
    let mut all = told(&store.load().await?);
    for process in STATES {
        all.push(format!("{process} {:?}", store.get_state(id(process)).await?));
    }
    Ok(all)
}

async fn fill(store: &KernelStore) -> Vec<Vec<String>> {
    store.apply(puts(&everything())).await.unwrap();
    for n in 0..40 {
        let name = format!("p{n}:chess:sys");
        store.apply(vec![Change::PutProcess(process(&name, OnExit::Restart))]).await.unwrap();
        let capability = held(&name, &format!(r#"{{"n":{n}}}"#), Origin::Granted, &[]);
        store.apply(vec![Change::PutCapability(capability)]).await.unwrap();
    }
    store.apply(vec![Change::RemoveProcess(id("p7:chess:sys"))]).await.unwrap();
    let mut contents = Vec::new();
    for (n, process) in (1_u8..).zip(STATES) {
        store.set_state(id(process), Arc::new(vec![n; 700 * usize::from(n * n)])).await.unwrap();
        contents.push(content(store).await.unwrap());
    }
    contents
}

/// All in the file, and no log.
fn stopped() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        runtime().block_on(async {
            let fixture = fixture();
            let content = fill(&fixture.store).await.pop().unwrap();
            let folder = fixture.closed().await;
            let database = std::fs::read(folder.path().join("kernel.db")).unwrap();
            Files { database, log: Vec::new(), content, earlier: Vec::new() }
        })
    })
}

/// Little in the file, and the rest in the log.
fn killed() -> &'static Files {
    static FILES: OnceLock<Files> = OnceLock::new();
    FILES.get_or_init(|| {
        runtime().block_on(async {
            let fixture = fixture();
            let mut earlier = fill(&fixture.store).await;
            let content = earlier.pop().unwrap();
            let read = |name| std::fs::read(fixture.folder.path().join(name)).unwrap();
            Files { database: read("kernel.db"), log: read("kernel.db-wal"), content, earlier }
        })
    })
}

/// Byte 18 of the header says how the file is written. A number that SQLite does not know made it "readonly", and the
/// error said nothing of damage, nor of backups.
#[test]
fn a_header_of_an_unknown_kind_is_damage() {
    let mut database = stopped().database.clone();
    database[18] = 0xff;
    assert!(matches!(open(&database, &stopped().log), Opened::Refused(OpenError::Damaged { .. })));
}

enum Opened {
    With(Vec<String>),
    Refused(OpenError),
}

/// Opens these bytes. What is refused is as it was.
fn open(database: &[u8], log: &[u8]) -> Opened {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("kernel.db");
    std::fs::write(&path, database).unwrap();
    if !log.is_empty() {
        std::fs::write(log_of(&path), log).unwrap();
    }
    match KernelStore::open(&path) {
        Ok(store) => Opened::With(runtime().block_on(content(&store)).unwrap()),
        Err(error) => {
            assert!(std::fs::read(&path).unwrap() == database, "a refused file is not rewritten");
            let log_now = std::fs::read(log_of(&path)).unwrap_or_default();
            assert!(log_now == log, "the log of a refused file is not rewritten");
            assert!(error.to_string().contains("wharf restore FILE --home"), "{error}");
            Opened::Refused(error)
        }
    }
}

fn log_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("db-wal")
}

fn flip(bytes: &mut [u8], flips: &[(prop::sample::Index, u8)]) {
    for (at, bit) in flips {
        bytes[at.index(bytes.len())] ^= bit;
    }
}

fn flips() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), (0..8_u8).prop_map(|bit| 1 << bit)), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_are_harmless_or_refused(flips in flips()) {
        let files = stopped();
        let mut database = files.database.clone();
        flip(&mut database, &flips);
        if let Opened::With(content) = open(&database, &[]) {
            prop_assert_eq!(&content, &files.content);
        }
    }

    #[test]
    fn a_cut_file_is_refused(end in any::<prop::sample::Index>()) {
        let files = stopped();
        let end = end.index(files.database.len());
        let refused = matches!(open(&files.database[..end], &[]), Opened::Refused(OpenError::Damaged { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn an_overwritten_stretch_is_harmless_or_refused(
        at in any::<prop::sample::Index>(), length in 1..5_000_usize, with in any::<u8>()
    ) {
        let files = stopped();
        let mut database = files.database.clone();
        let at = at.index(database.len());
        let end = (at + length).min(database.len());
        database[at..end].fill(with);
        if let Opened::With(content) = open(&database, &[]) {
            prop_assert_eq!(&content, &files.content);
        }
    }

    /// The end of a log may be what a crash cut off before it was acknowledged; what two changes follow may not.
    #[test]
    fn flipped_bits_in_the_log_cost_at_most_its_end(flips in flips()) {
        let files = killed();
        let mut log = files.log.clone();
        flip(&mut log, &flips);
        if let Opened::With(content) = open(&files.database, &log) {
            prop_assert!(content == files.content || files.earlier.contains(&content), "{content:?}");
        }
    }
}

#[test]
fn the_files_as_they_are_have_everything() {
    for files in [stopped(), killed()] {
        assert!(matches!(open(&files.database, &files.log), Opened::With(content) if content == files.content));
    }
}

#[test]
fn a_log_that_went_missing_is_noticed() {
    let files = killed();
    for log in [&[][..], &files.log[..20], &files.log[..31]] {
        let Opened::Refused(error) = open(&files.database, log) else { panic!("it was opened without its log") };
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("-wal file, with the last changes, is missing"), "{error}");
    }
}

/// What a crash leaves: frames of the last change that did not reach the disk.
#[test]
fn a_log_that_ends_in_a_half_written_change_has_everything_before_it() {
    let files = killed();
    let frame = 24 + 4_096;
    for cut in [1, 100, frame, frame + 1] {
        let Opened::With(content) = open(&files.database, &files.log[..files.log.len() - cut]) else {
            panic!("a log that a crash cut off was refused")
        };
        assert_eq!(content, files.earlier[1], "cut by {cut}");
    }
}

#[test]
fn a_value_that_was_changed_is_named() {
    let folder = runtime().block_on(async {
        let fixture = fixture();
        fixture.store.apply(puts(&everything())).await.unwrap();
        fixture.closed().await
    });
    let path = folder.path().join("kernel.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE process SET public = 1 - public WHERE id = 'a:chess:sys'").unwrap();
    connection.close().unwrap();
    let error = KernelStore::open(&path).map(drop).unwrap_err();
    assert!(error.to_string().contains("the row of process `a:chess:sys` is not what was written"), "{error}");
}

/// A database of version 1, as it was written: without seals.
#[test]
fn a_database_of_version_1_is_brought_up_to_date() {
    let old = include_str!("version_1.sql");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("kernel.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(old).unwrap();
    connection.close().unwrap();
    for _ in 0..2 {
        let store = KernelStore::open(&path).unwrap();
        runtime().block_on(async {
            let stored = store.load().await.unwrap();
            let ids: Vec<_> = stored.processes.iter().map(|process| process.id.to_string()).collect();
            assert_eq!(ids, ["z:chess:sys", "a:chess:sys"]);
            assert_eq!(stored.capabilities.len(), 1);
            assert_eq!(store.get_state(id("gone:chess:sys")).await.unwrap().unwrap(), [1, 2, 3]);
            store.close().await;
        });
    }
}
