//! What survives a boot, and that the store never sees another order than the table.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::BoxFuture;
use wharf_types::kernel::{Exit, LastExit, ProcessPhase};
use wharf_types::{OnExit, Request};

use super::support::*;
use crate::Limits;
use crate::launcher::ComponentSource;
use crate::lifecycle::{NewProcess, Revocation};
use crate::module::Access;
use crate::process::Kept;

#[tokio::test(start_paused = true)]
async fn the_next_boot_brings_back_processes_with_their_capabilities_and_runs_them() {
    let world = World::new();
    let mut a = world.puppet("a");
    world.puppet("missing");
    for name in ["a", "missing"] {
        world.create(name, Access::Public, OnExit::Restart).await.unwrap();
        world.grant(name, messaging("x")).await;
    }
    world.run("a");
    a.life().await.0.set_state(payload("state")).await.unwrap();
    world.kernel.shut_down().await;
    let next = World::on(Limits::default(), Arc::clone(&world.store));
    let mut a = next.puppet("a");
    assert_eq!(next.kernel.restore(Arc::<Shelf>::default()).await.unwrap(), 1);
    let (session, _end) = a.life().await;
    assert_eq!(session.state().await.unwrap().as_deref(), Some(b"state".as_slice()));
    assert!(matches!(session.on_exit(), OnExit::Restart));
    for name in ["a", "missing"] {
        assert!(next.holds(name, &messaging("x")) && next.holds(name, &messaging(name)));
    }
    // It is tried again and again, and can be removed meanwhile.
    let status = || next.kernel.find(&id("missing")).unwrap().status();
    while status().restarts < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(status().phase, ProcessPhase::Restarting);
    assert!(failed_because(&status().last_exit).contains("missing.wasm"));
    assert!(next.kernel.kill(&id("missing"), Revocation::Revoke).await.unwrap());
    assert!(!next.store.has_process("missing"));
}

fn failed_because(last: &Option<LastExit>) -> &str {
    match last {
        Some(LastExit { exit: Exit::FailedToStart(crash), .. }) => &crash.message,
        other => panic!("{other:?}"),
    }
}

/// A node that has a process `missing` whose component cannot be read, with this on-exit behaviour.
async fn without_component(on_exit: OnExit) -> (World, Arc<Shelf>) {
    let world = World::new();
    world.puppet("missing");
    world.create("missing", Access::Public, on_exit).await.unwrap();
    world.kernel.shut_down().await;
    (World::on(Limits::default(), Arc::clone(&world.store)), Arc::default())
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_component_comes_back_starts_without_anybody_asking() {
    let (world, shelf) = without_component(OnExit::Restart).await;
    let mut puppet = world.puppet("missing");
    assert_eq!(world.kernel.restore(Arc::clone(&shelf) as Arc<dyn ComponentSource>).await.unwrap(), 0);
    let mut a = world.public("a").await;
    tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
    // Nobody waits for one that is not there.
    send(&mut a, "missing", ask("x", 60)).await;
    failure(&mut a).await;
    shelf.found.store(true, Ordering::SeqCst);
    let (mut session, _end) = puppet.life().await;
    send(&mut a, "missing", tell("hello")).await;
    assert_eq!(receive(&mut session).await, "hello");
}

#[tokio::test]
async fn a_process_whose_component_cannot_be_loaded_sends_its_last_requests() {
    let request = Request { body: b"bye".to_vec(), ..Request::default() };
    let (world, shelf) = without_component(OnExit::Requests(vec![(address("b"), request, None)])).await;
    let mut b = world.public("b").await;
    world.kernel.restore(shelf).await.unwrap();
    let (envelope, body, _) = message(&mut b).await;
    assert_eq!((envelope.source(), body.as_str()), (&address("missing"), "bye"));
    while world.kernel.is_alive(&id("missing")) {
        tokio::task::yield_now().await;
    }
    assert!(failed_because(&world.kernel.ended().all().pop().map(|ended| ended.last)).contains("missing.wasm"));
}

#[tokio::test]
async fn a_process_that_asked_for_nothing_is_kept_when_its_component_cannot_be_loaded() {
    let (world, shelf) = without_component(OnExit::None).await;
    world.kernel.restore(shelf).await.unwrap();
    let process = world.kernel.find(&id("missing")).unwrap();
    process.mailbox().closed().await;
    assert_eq!(process.status().phase, ProcessPhase::Failed);
    assert!(failed_because(&process.status().last_exit).contains("missing.wasm"));
    assert!(world.store.has_process("missing"));
    assert!(world.kernel.kill(&id("missing"), Revocation::Revoke).await.unwrap());
    assert!(!world.store.has_process("missing"));
}

#[tokio::test]
async fn a_process_runs_only_what_it_was_created_with_also_when_it_was_created_by_an_older_version() {
    let world = World::new();
    world.puppet("bytes");
    let new = NewProcess::installed(id("a"), "/p:u/pkg/a.wasm".to_owned(), None, OnExit::None, Access::Public);
    world.kernel.initialize(new, payload("bytes"), Vec::new(), None).await.unwrap();
    world.kernel.shut_down().await;
    let boot = |world: &World| {
        let next = World::on(Limits::default(), Arc::clone(&world.store));
        // At the path there is `a`, which is not what it was created with.
        next.puppet("a");
        next
    };
    let next = boot(&world);
    assert_eq!(next.kernel.restore(Arc::<Shelf>::default()).await.unwrap(), 0);
    let process = next.kernel.find(&id("a")).unwrap();
    process.mailbox().closed().await;
    assert!(failed_because(&process.status().last_exit).contains("not the component"));
    next.kernel.shut_down().await;
    // An older version did not keep what it was: what is there at the first boot is.
    next.store.forget_components();
    let next = boot(&next);
    assert_eq!(next.kernel.restore(Arc::<Shelf>::default()).await.unwrap(), 1);
    next.kernel.shut_down().await;
    assert_eq!(next.store.component_of("a").unwrap().0[0], b'a');
}

/// Ten thousand processes may run one component: to read it for each would make a boot take minutes.
#[tokio::test]
async fn a_boot_reads_each_component_once() {
    struct Counted {
        shelf: Shelf,
        reads: AtomicUsize,
    }

    impl ComponentSource for Counted {
        fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, std::io::Error>> {
            self.reads.fetch_add(1, Ordering::SeqCst);
            self.shelf.read(handle)
        }
    }

    let world = World::new();
    world.components();
    world.puppet("a");
    for n in 0..5 {
        let new = NewProcess::installed(
            id(&format!("a-{n}")),
            "/p:u/pkg/a.wasm".to_owned(),
            None,
            OnExit::Restart,
            Access::Public,
        );
        world.kernel.initialize(new, Arc::new(b"a".to_vec()), Vec::new(), None).await.unwrap();
    }
    world.kernel.shut_down().await;
    let next = World::on(Limits::default(), Arc::clone(&world.store));
    next.puppet("a");
    let counted = Arc::new(Counted { shelf: Shelf::default(), reads: AtomicUsize::new(0) });
    assert_eq!(next.kernel.restore(Arc::<Counted>::clone(&counted)).await.unwrap(), 5);
    assert_eq!(counted.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn state_that_is_too_large_or_cannot_be_stored_is_an_error() {
    let world = World::with(Limits { state_bytes_max: 4, ..Limits::default() });
    let a = world.public("a").await;
    assert!(a.set_state(payload("12345")).await.is_err());
    a.set_state(payload("1234")).await.unwrap();
    world.store.set_full(true);
    assert!(a.set_state(payload("4321")).await.is_err());
    assert_eq!(a.state().await.unwrap().as_deref(), Some(b"1234".as_slice()));
    a.clear_state().await.unwrap();
    assert_eq!(a.state().await.unwrap(), None);
}

/// The removal of the old one used to reach the store after the new one, which was gone after the next boot.
#[tokio::test]
async fn a_process_that_is_created_while_its_predecessor_is_removed_is_stored() {
    let world = World::new();
    world.puppet("a");
    world.create("a", Access::Public, OnExit::None).await.unwrap();
    world.store.set_open(false);
    let killing = {
        let kernel = world.kernel.clone();
        tokio::spawn(async move { kernel.kill(&id("a"), Revocation::Revoke).await })
    };
    while world.kernel.is_alive(&id("a")) {
        tokio::task::yield_now().await;
    }
    let creating = world.create("a", Access::Public, OnExit::None);
    let (created, ()) = tokio::join!(creating, async { world.store.set_open(true) });
    created.unwrap();
    killing.await.unwrap().unwrap();
    assert!(world.kernel.is_alive(&id("a")) && world.store.has_process("a"));
    assert!(world.store.has_capability("a", &messaging("a")));
}

/// A change to a process that was removed meanwhile put it back into the store.
#[tokio::test]
async fn what_is_done_to_a_process_that_is_gone_is_not_stored() {
    let world = World::new();
    let a = world.public("a").await;
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    let own = wharf_types::Capability::new(address("a"), "1");
    a.save_capabilities(vec![own.clone()]).await.unwrap();
    a.set_on_exit(OnExit::Restart).await.unwrap();
    world.kernel.grant(&id("a"), vec![messaging("x")]).await.unwrap();
    assert!(!world.store.has_process("a") && !world.store.has_capability("a", &own));
    assert!(!world.store.has_capability("a", &messaging("x")));
}

/// A process that is not started again at the next boot, unless it asks for that.
async fn passing(world: &World, name: &str) {
    world.puppet(name);
    let new = NewProcess::installed(id(name), name.to_owned(), None, OnExit::None, Access::Public);
    let new = NewProcess { kept: Kept::UntilShutdown, ..new };
    world.kernel.initialize(new, payload(name), Vec::new(), None).await.unwrap();
}

/// The store failed while a process was killed, and the next one of that id held at the next boot what that one had.
#[tokio::test]
async fn what_the_store_did_not_remove_of_a_process_is_not_the_next_ones() {
    for asks_later in [false, true] {
        let world = World::new();
        let _a = world.public("a").await;
        world.grant("a", messaging("x")).await;
        world.store.set_full(true);
        assert!(world.kernel.kill(&id("a"), Revocation::Revoke).await.is_err());
        world.store.set_full(false);
        assert!(world.store.has_capability("a", &messaging("x")));
        if asks_later {
            passing(&world, "a").await;
            assert!(world.kernel.set_on_exit(&id("a"), OnExit::Restart).await.unwrap());
        } else {
            world.create("a", Access::Public, OnExit::None).await.unwrap();
        }
        assert!(world.store.has_process("a") && world.store.has_capability("a", &messaging("a")));
        assert!(!world.store.has_capability("a", &messaging("x")));
    }
}

/// It was taken for one that lasts, and what it was given was stored, for whoever had its id after the next boot.
#[tokio::test]
async fn a_process_whose_wish_to_last_was_not_stored_does_not_last() {
    let world = World::new();
    passing(&world, "a").await;
    world.store.set_full(true);
    assert!(world.kernel.set_on_exit(&id("a"), OnExit::Restart).await.is_err());
    world.store.set_full(false);
    world.grant("a", messaging("x")).await;
    assert!(!world.store.has_process("a") && !world.store.has_capability("a", &messaging("x")));
    assert!(world.kernel.set_on_exit(&id("a"), OnExit::Restart).await.unwrap());
    assert!(world.store.has_process("a") && world.store.has_capability("a", &messaging("x")));
}

/// Many tasks that create, kill, give and take: what is stored at the end is what is in the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn table_and_store_agree_after_a_storm() {
    let world = Arc::new(World::new());
    world.components();
    world.puppet("a");
    world.puppet("b");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8_u32 {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            for round in 0..200_u32 {
                let name = if (n + round) % 2 == 0 { "a" } else { "b" };
                match (n + round / 3) % 4 {
                    0 => drop(world.create(name, Access::Public, OnExit::None).await),
                    1 => drop(world.kernel.kill(&id(name), Revocation::Revoke).await),
                    2 => drop(world.kernel.grant(&id(name), vec![messaging("a"), messaging("b")]).await),
                    _ => drop(world.kernel.drop_capabilities(&id(name), &[messaging("b")]).await),
                }
                drop(world.kernel.set_on_exit(&id(name), OnExit::Restart).await);
            }
        });
    }
    tasks.join_all().await;
    for name in ["a", "b"] {
        assert_eq!(world.kernel.is_alive(&id(name)), world.store.has_process(name), "{name}");
        for other in ["a", "b"] {
            let capability = messaging(other);
            assert_eq!(world.holds(name, &capability), world.store.has_capability(name, &capability), "{name} {other}");
        }
    }
}
