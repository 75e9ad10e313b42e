//! What survives a boot, and that the store never sees another order than the table.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wharf_types::OnExit;
use wharf_types::kernel::ProcessPhase;

use super::support::*;
use crate::Limits;
use crate::launcher::ComponentSource;
use crate::lifecycle::Revocation;
use crate::module::Access;

/// Components are named after the last part of their path; `missing` is not there.
struct Shelf;

impl ComponentSource for Shelf {
    fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, std::io::Error>> {
        let name = handle.rsplit('/').next().unwrap_or_default().trim_end_matches(".wasm").as_bytes().to_vec();
        let found = if name == b"missing" { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(name) };
        std::future::ready(found).boxed()
    }
}

#[tokio::test]
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
    assert_eq!(next.kernel.restore(&Shelf).await.unwrap(), 1);
    let (session, _end) = a.life().await;
    assert_eq!(session.state().await.unwrap().as_deref(), Some(b"state".as_slice()));
    assert!(matches!(session.on_exit(), OnExit::Restart));
    for name in ["a", "missing"] {
        assert!(next.holds(name, &messaging("x")) && next.holds(name, &messaging(name)));
    }
    let failed = next.kernel.find(&id("missing")).unwrap().status();
    assert_eq!(failed.phase, ProcessPhase::Failed);
    assert!(failed.last_exit.unwrap().contains("missing.wasm"));
    // It is not run, but it can be removed.
    assert!(next.kernel.kill(&id("missing"), Revocation::Revoke).await.unwrap());
    assert!(!next.store.has_process("missing"));
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
