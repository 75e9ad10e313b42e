#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]

use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, mpsc};

use futures_util::{FutureExt, poll};
use tempfile::TempDir;
use tokio::sync::oneshot;
use wharf_kernel::capability::{Authority, CapabilityRef, Lineage, Origin};
use wharf_kernel::launcher::ComponentHash;
use wharf_kernel::persistence::{Change, Persistence, StoreError, Stored, StoredCapability, StoredProcess};
use wharf_types::{Capability, OnExit, ProcessId};

use crate::KernelStore;
use crate::database::Database;
use crate::error::DatabaseError;
use crate::queue::Queue;
use crate::task::Kind;

pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) store: KernelStore,
}

pub(crate) fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = KernelStore::open(&folder.path().join("kernel.db")).unwrap();
    Fixture { folder, store }
}

impl Fixture {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("kernel.db")
    }

    /// Opens what a `kill -9` would leave behind now: the files as they are, while the store is still open.
    fn after_kill(&self) -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        for name in ["kernel.db", "kernel.db-wal"] {
            std::fs::copy(self.folder.path().join(name), folder.path().join(name)).unwrap();
        }
        let store = KernelStore::open(&folder.path().join("kernel.db")).unwrap();
        Fixture { folder, store }
    }

    pub(crate) async fn closed(self) -> TempDir {
        self.store.close().await;
        self.folder
    }
}

pub(crate) fn id(text: &str) -> ProcessId {
    text.parse().unwrap()
}

pub(crate) fn process(text: &str, on_exit: OnExit) -> StoredProcess {
    let handle = format!("{text}/pkg/main.wasm");
    StoredProcess {
        id: id(text),
        wasm_bytes_handle: handle,
        component: Some(ComponentHash([7; 32])),
        wit_version: Some(1),
        on_exit,
        public: true,
        parent: None,
    }
}

pub(crate) fn signed(params: &str) -> CapabilityRef {
    let authority = Authority::from_seed(&[1; 32]).unwrap();
    authority.sign(Capability::new("a.os@vfs:distro:sys".parse().unwrap(), params)).unwrap()
}

pub(crate) fn held(holder: &str, params: &str, origin: Origin, path: &[&str]) -> StoredCapability {
    let path = path.iter().map(|hand| hand.parse().unwrap()).collect();
    StoredCapability { holder: id(holder), capability: signed(params), lineage: Lineage { origin, path } }
}

/// Everything about what is stored that can be told apart.
pub(crate) fn told(stored: &Stored) -> Vec<String> {
    let process = |p: &StoredProcess| {
        let on_exit = serde_json::to_string(&p.on_exit).unwrap();
        let runs = format!("{} {} {:?}", p.id, p.wasm_bytes_handle, p.component);
        format!("{runs} {:?} {} {on_exit} {:?}", p.wit_version, p.public, p.parent)
    };
    let capability = |c: &StoredCapability| {
        format!("{} {:?} {:?} {:?}", c.holder, c.capability.capability(), c.capability.signature().0, c.lineage)
    };
    stored.processes.iter().map(process).chain(stored.capabilities.iter().map(capability)).collect()
}

pub(crate) fn everything() -> Stored {
    Stored {
        processes: vec![
            process("z:chess:sys", OnExit::None),
            StoredProcess {
                component: None,
                wit_version: None,
                public: false,
                parent: Some(id("m:chess:sys")),
                ..process("a:chess:sys", OnExit::Restart)
            },
            process("m:chess:sys", crate::wire::tests::requests()),
        ],
        capabilities: vec![
            held("z:chess:sys", r#"{ "root" : true }"#, Origin::Granted, &[]),
            held("a:chess:sys", "\"messaging\"", Origin::Issued, &[]),
            held(
                "timer:distro:sys",
                r#"{"b":1,"a":[1.5,null]}"#,
                Origin::Granted,
                &["b.os@seller:shop:sys", "a.os@x:y:z"],
            ),
            held("z:chess:sys", "\"messaging\"", Origin::Granted, &[]),
        ],
    }
}

pub(crate) fn puts(stored: &Stored) -> Vec<Change> {
    let processes = stored.processes.iter().cloned().map(Change::PutProcess);
    processes.chain(stored.capabilities.iter().cloned().map(Change::PutCapability)).collect()
}

/// Holds the store's thread until the sender is used or dropped. Returns when the thread is held.
async fn hold(queue: &Queue) -> mpsc::Sender<()> {
    let (release, gate) = mpsc::channel::<()>();
    let (mut reached, is_reached) = (None, oneshot::channel::<()>());
    reached.replace(is_reached.0);
    let work = move |_: &Database| {
        if let Some(reached) = reached.take() {
            reached.send(()).unwrap();
        }
        let _ = gate.recv();
        Ok(())
    };
    queue.submit(Kind::Read, "holding".into(), 0, work).await.unwrap();
    is_reached.1.await.unwrap();
    release
}

type Outcome = oneshot::Receiver<Result<(), StoreError>>;

async fn submit_state(queue: &Queue, process: &str, bytes: Vec<u8>) -> Outcome {
    let process = id(process);
    let work = move |database: &Database| database.set_state(&process, &bytes);
    queue.submit(Kind::Write, "saving".into(), 0, work).await.unwrap()
}

/// From now on the database may grow by `pages` and no more: a disk that is almost full.
async fn limit_growth(store: &KernelStore, pages: u32) {
    let work = move |database: &Database| {
        let connection = database.connection();
        let now: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
        let max = now.saturating_add(pages);
        Ok(connection.query_row(&format!("PRAGMA max_page_count = {max}"), [], |_| Ok(()))?)
    };
    store.queue.call(Kind::Read, "limiting".into(), 0, work).await.unwrap();
}

#[tokio::test]
async fn everything_comes_back_in_order_with_signatures_and_origins() {
    let fixture = fixture();
    fixture.store.apply(puts(&everything())).await.unwrap();
    fixture.store.set_state(id("a:chess:sys"), Arc::new(vec![1, 2, 3])).await.unwrap();
    let folder = fixture.closed().await;

    assert!(!folder.path().join("kernel.db-wal").exists(), "closing moves the log into the file");
    let store = KernelStore::open(&folder.path().join("kernel.db")).unwrap();
    let stored = store.load().await.unwrap();
    assert_eq!(told(&stored), told(&everything()));
    let authority = Authority::from_seed(&[1; 32]).unwrap();
    assert!(stored.capabilities.iter().all(|held| authority.verifies(&held.capability)));
    assert_eq!(store.get_state(id("a:chess:sys")).await.unwrap().unwrap(), [1, 2, 3]);
    assert_eq!(store.get_state(id("z:chess:sys")).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let fixture = fixture();
    fixture.store.apply(puts(&everything())).await.unwrap();
    fixture.store.set_state(id("a:chess:sys"), Arc::new(b"saved".to_vec())).await.unwrap();
    let after = fixture.after_kill();
    assert_eq!(told(&after.store.load().await.unwrap()), told(&everything()));
    assert_eq!(after.store.get_state(id("a:chess:sys")).await.unwrap().unwrap(), b"saved");
}

#[tokio::test]
async fn dropping_the_store_finishes_what_is_queued() {
    let Fixture { folder, store } = fixture();
    let release = hold(&store.queue).await;
    let outcome = submit_state(&store.queue, "a:b:c", vec![9]).await;
    drop(release);
    drop(store);
    outcome.await.unwrap().unwrap();
    let store = KernelStore::open(&folder.path().join("kernel.db")).unwrap();
    assert_eq!(store.get_state(id("a:b:c")).await.unwrap().unwrap(), [9]);
}

#[tokio::test]
async fn a_closed_store_says_so_and_closes_twice() {
    let fixture = fixture();
    fixture.store.close().await;
    fixture.store.close().await;
    let error = fixture.store.get_state(id("a:b:c")).await.unwrap_err();
    assert_eq!(error.to_string(), "reading the state of a:b:c: the store is closed");
    let error = fixture.store.apply(puts(&everything())).await.unwrap_err();
    assert_eq!(error.action, "saving process z:chess:sys (with 6 more changes)");
}

#[tokio::test]
async fn removing_a_process_takes_its_capabilities_and_keeps_its_state() {
    let fixture = fixture();
    fixture.store.apply(puts(&everything())).await.unwrap();
    fixture.store.set_state(id("z:chess:sys"), Arc::new(vec![1])).await.unwrap();
    fixture.store.apply(vec![Change::RemoveProcess(id("z:chess:sys"))]).await.unwrap();

    let stored = fixture.store.load().await.unwrap();
    let mut expected = everything();
    expected.processes.remove(0);
    expected.capabilities.retain(|held| held.holder != id("z:chess:sys"));
    assert_eq!(told(&stored), told(&expected));
    assert_eq!(fixture.store.get_state(id("z:chess:sys")).await.unwrap().unwrap(), [1]);

    fixture.store.clear_state(id("z:chess:sys")).await.unwrap();
    assert_eq!(fixture.store.get_state(id("z:chess:sys")).await.unwrap(), None);
}

#[tokio::test]
async fn the_states_of_a_package_go_and_those_of_its_neighbours_stay() {
    let fixture = fixture();
    let (gone, stay) =
        (["a:chess:sys", "b:chess:sys"], ["a:chess:sys.os", "chess:sys:chess", "a:xchess:sys", "a:ches_:sys"]);
    for process in gone.iter().chain(&stay) {
        fixture.store.set_state(id(process), Arc::new(vec![1])).await.unwrap();
    }
    fixture.store.clear_states(id("x:chess:sys").package_id()).await.unwrap();
    let after = fixture.after_kill();
    for (list, left) in [(&gone[..], None), (&stay[..], Some(vec![1]))] {
        for process in list {
            assert_eq!(after.store.get_state(id(process)).await.unwrap(), left, "{process}");
        }
    }
}

#[tokio::test]
async fn a_capability_is_found_again_however_its_params_are_written() {
    let fixture = fixture();
    let first = held("a:b:c", r#"{"x":1,"y":2}"#, Origin::Granted, &[]);
    let same = held("a:b:c", r#"{ "y": 2, "x": 1 }"#, Origin::Issued, &[]);
    fixture.store.apply(vec![Change::PutCapability(first), Change::PutCapability(same)]).await.unwrap();
    let stored = fixture.store.load().await.unwrap();
    assert_eq!(stored.capabilities.len(), 1);
    assert_eq!(stored.capabilities[0].lineage.origin, Origin::Issued, "the last one put is the one that is kept");

    let key = signed(r#"{"y":2,"x":1}"#).key().clone();
    fixture.store.apply(vec![Change::RemoveCapability { holder: id("other:b:c"), key: key.clone() }]).await.unwrap();
    assert_eq!(fixture.store.load().await.unwrap().capabilities.len(), 1);
    fixture.store.apply(vec![Change::RemoveCapability { holder: id("a:b:c"), key }]).await.unwrap();
    assert!(fixture.store.load().await.unwrap().capabilities.is_empty());
}

/// The normal form of params is a part of the format: a row is found by it.
#[test]
fn the_normal_form_of_params_has_not_changed() {
    let key = |params: &str| signed(params).key().params().to_owned();
    assert_eq!(key(r#"{ "b": [1, 2.50, 1e2], "a": "\u00e4\/" }"#), r#"{"a":"ä/","b":[1,2.5,100.0]}"#);
    assert_eq!(key("\"messaging\""), "\"messaging\"");
}

#[tokio::test]
async fn a_process_put_again_replaces_the_old_one() {
    let fixture = fixture();
    fixture.store.apply(puts(&everything())).await.unwrap();
    let again = StoredProcess { wit_version: None, public: false, ..process("z:chess:sys", OnExit::Restart) };
    fixture.store.apply(vec![Change::PutProcess(again.clone())]).await.unwrap();
    let mut expected = everything();
    expected.processes[0] = again;
    assert_eq!(told(&fixture.store.load().await.unwrap()), told(&expected));
}

#[tokio::test]
async fn changes_given_together_are_applied_together_or_not_at_all() {
    let fixture = fixture();
    let request = wharf_types::Request { body: vec![0; crate::wire::ON_EXIT_BYTES_MAX + 1], ..Default::default() };
    let too_large = OnExit::Requests(vec![("n@p:k:u".parse().unwrap(), request, None)]);
    let mut changes = puts(&everything());
    changes.push(Change::PutProcess(process("large:b:c", too_large)));
    let error = fixture.store.apply(changes).await.unwrap_err();
    assert!(error.reason.contains("are allowed"), "{error}");
    assert!(told(&fixture.store.load().await.unwrap()).is_empty());
}

/// FULL (2) in WAL mode syncs the log at each commit.
#[tokio::test]
async fn every_commit_is_synced() {
    let fixture = fixture();
    let work = |database: &Database| {
        let connection = database.connection();
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok((mode, connection.pragma_query_value(None, "synchronous", |row| row.get::<_, u32>(0))?))
    };
    let set = fixture.store.queue.call(Kind::Read, "looking".into(), 0, work).await.unwrap();
    assert_eq!(set, ("wal".to_owned(), 2));
}

/// The kernel counts on it for what is revoked to stay so: see [`Queue`].
#[tokio::test]
async fn jobs_that_wait_for_room_are_done_in_the_order_in_which_they_came() {
    let fixture = fixture();
    let queue = &fixture.store.queue;
    let release = hold(queue).await;
    let mut outcomes = Vec::new();
    while let Some(outcome) = submit_state(queue, "p:b:c", vec![0]).now_or_never() {
        outcomes.push(outcome);
    }
    let mut first = pin!(submit_state(queue, "p:b:c", vec![1]));
    let mut second = pin!(submit_state(queue, "p:b:c", vec![2]));
    assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
    drop(release);
    for outcome in outcomes {
        outcome.await.unwrap().unwrap();
    }
    // There is room for both: whichever is asked first.
    let (of_second, of_first) = tokio::join!(second, first);
    of_first.await.unwrap().unwrap();
    of_second.await.unwrap().unwrap();
    assert_eq!(fixture.store.get_state(id("p:b:c")).await.unwrap().unwrap(), [2]);
}

#[tokio::test]
async fn writers_that_wait_share_one_commit() {
    let fixture = fixture();
    let release = hold(&fixture.store.queue).await;
    let mut outcomes = Vec::new();
    for n in 0..200_u8 {
        outcomes.push(submit_state(&fixture.store.queue, &format!("p{n}:b:c"), vec![n]).await);
    }
    drop(release);
    for outcome in outcomes {
        outcome.await.unwrap().unwrap();
    }
    assert_eq!(fixture.store.commits(), 1);
    let after = fixture.after_kill();
    for n in 0..200_u8 {
        assert_eq!(after.store.get_state(id(&format!("p{n}:b:c"))).await.unwrap().unwrap(), [n]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_concurrent_writers_are_all_acknowledged() {
    let Fixture { folder, store } = fixture();
    let store = Arc::new(store);
    let writers: Vec<_> = (0..2_000_u32)
        .map(|n| {
            let store = Arc::clone(&store);
            let bytes = Arc::new(n.to_le_bytes().to_vec());
            tokio::spawn(async move { store.set_state(id(&format!("p{n}:b:c")), bytes).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    assert!(store.commits() < 2_000, "{} commits", store.commits());
    store.close().await;
    let store = KernelStore::open(&folder.path().join("kernel.db")).unwrap();
    for n in (0..2_000_u32).step_by(97) {
        assert_eq!(store.get_state(id(&format!("p{n}:b:c"))).await.unwrap().unwrap(), n.to_le_bytes());
    }
}

#[tokio::test]
async fn reads_commit_nothing_and_see_the_writes_before_them() {
    let fixture = fixture();
    let release = hold(&fixture.store.queue).await;
    let written = submit_state(&fixture.store.queue, "a:b:c", vec![1]).await;
    let work = |database: &Database| database.get_state(&id("a:b:c"));
    let read = fixture.store.queue.submit(Kind::Read, "reading".into(), 0, work).await.unwrap();
    drop(release);
    written.await.unwrap().unwrap();
    assert_eq!(read.await.unwrap().unwrap().unwrap(), [1]);
    let commits = fixture.store.commits();
    fixture.store.load().await.unwrap();
    fixture.store.get_state(id("a:b:c")).await.unwrap();
    assert_eq!(fixture.store.commits(), commits);
}

#[tokio::test]
async fn one_job_that_fails_does_not_fail_its_neighbours() {
    let fixture = fixture();
    let queue = &fixture.store.queue;
    let release = hold(queue).await;
    let before = submit_state(queue, "a:b:c", vec![1]).await;
    let work = |database: &Database| -> Result<(), DatabaseError> {
        database.set_state(&id("a:b:c"), b"half")?;
        Err(crate::error::Damaged::new("test", "on purpose").into())
    };
    let failing = queue.submit(Kind::Write, "failing".into(), 0, work).await.unwrap();
    let after = submit_state(queue, "d:b:c", vec![2]).await;
    drop(release);
    before.await.unwrap().unwrap();
    assert!(failing.await.unwrap().unwrap_err().reason.contains("on purpose"));
    after.await.unwrap().unwrap();
    assert_eq!(fixture.store.commits(), 1);
    assert_eq!(fixture.store.get_state(id("a:b:c")).await.unwrap().unwrap(), [1]);
    assert_eq!(fixture.store.get_state(id("d:b:c")).await.unwrap().unwrap(), [2]);
}

#[tokio::test]
async fn a_full_disk_fails_what_does_not_fit_and_nothing_else() {
    let fixture = fixture();
    let queue = &fixture.store.queue;
    fixture.store.set_state(id("kept:b:c"), Arc::new(vec![7; 100])).await.unwrap();
    limit_growth(&fixture.store, 8).await;

    let release = hold(queue).await;
    let before = submit_state(queue, "a:b:c", vec![1]).await;
    let large = submit_state(queue, "large:b:c", vec![0; 1 << 20]).await;
    let after = submit_state(queue, "d:b:c", vec![2]).await;
    drop(release);
    before.await.unwrap().unwrap();
    let error = large.await.unwrap().unwrap_err();
    assert!(error.reason.contains("full"), "{error}");
    after.await.unwrap().unwrap();

    let error = fixture.store.set_state(id("kept:b:c"), Arc::new(vec![0; 1 << 20])).await.unwrap_err();
    assert!(error.to_string().starts_with("saving the state of kept:b:c: "), "{error}");
    limit_growth(&fixture.store, 10_000).await;
    fixture.store.set_state(id("large:b:c"), Arc::new(vec![5; 1 << 20])).await.unwrap();

    let after = fixture.after_kill();
    assert_eq!(after.store.get_state(id("kept:b:c")).await.unwrap().unwrap(), [7; 100]);
    assert_eq!(after.store.get_state(id("a:b:c")).await.unwrap().unwrap(), [1]);
    assert_eq!(after.store.get_state(id("d:b:c")).await.unwrap().unwrap(), [2]);
    assert_eq!(after.store.get_state(id("large:b:c")).await.unwrap().unwrap().len(), 1 << 20);
}

#[tokio::test]
async fn a_job_that_carries_more_than_the_queue_may_hold_still_gets_in() {
    let fixture = fixture();
    let outcome = fixture.store.queue.call(Kind::Read, "large".into(), usize::MAX, |_| Ok(5)).await;
    assert_eq!(outcome.unwrap(), 5);
}
