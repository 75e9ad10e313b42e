//! Creating, starting, ending and starting again.

use std::time::Duration;

use tokio::time::Instant;
use wharf_types::kernel::{KernelResponse, ProcessPhase};
use wharf_types::{Capability, OnExit, Request};

use super::support::*;
use crate::Limits;
use crate::launcher::{Crash, Exit};
use crate::lifecycle::{InitializeError, NewProcess, Revocation};
use crate::module::Access;
use crate::session::{Session, SpawnError, SpawnRequest};

fn child(name: Option<&str>, component: &str) -> SpawnRequest {
    SpawnRequest {
        name: name.map(str::to_owned),
        wasm_path: format!("pkg:pub/pkg/{component}"),
        on_exit: OnExit::None,
        request_capabilities: Vec::new(),
        grant_capabilities: Vec::new(),
        access: Access::Public,
    }
}

/// Waits until the process is gone.
async fn gone(world: &World, name: &str) {
    while world.kernel.is_alive(&id(name)) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_process_runs_once_it_is_told_to_and_only_once() {
    let world = World::new();
    let mut a = world.public("a").await;
    let mut puppet = world.puppet("b");
    world.create("b", Access::Public, OnExit::None).await.unwrap();
    send(&mut a, "b", tell("early")).await;
    world.run("b");
    assert!(matches!(world.kernel.run(&id("b")), KernelResponse::RunProcessError));
    assert!(matches!(world.kernel.run(&id("nobody")), KernelResponse::RunProcessError));
    let (mut b, _end) = puppet.life().await;
    assert_eq!(receive(&mut b).await, "early");
}

#[tokio::test]
async fn a_bad_id_a_taken_one_and_a_bad_component_leave_nothing() {
    let world = World::new();
    world.puppet("a");
    for bad in ["A:pkg:pub", "a_b:pkg:pub", "a:p.kg:pub"] {
        assert!(matches!(world.create(bad, Access::Public, OnExit::None).await, Err(InitializeError::BadId(_))));
    }
    assert!(matches!(world.create("b", Access::Public, OnExit::None).await, Err(InitializeError::Component(_))));
    world.create("a", Access::Public, OnExit::None).await.unwrap();
    assert!(matches!(world.create("a", Access::Public, OnExit::None).await, Err(InitializeError::Exists(_))));
    assert!(!world.kernel.is_alive(&id("b")) && !world.store.has_process("b"));
    assert!(world.kernel.is_alive(&id("a")) && world.store.has_process("a"));
}

#[tokio::test]
async fn a_failing_store_leaves_no_process_and_no_capability_for_it() {
    let world = World::new();
    let parent = world.public("parent").await;
    world.puppet("a");
    world.store.set_full(true);
    let new = || NewProcess::installed(id("a"), "/a".to_owned(), None, OnExit::None, Access::Public);
    let initializer = world.kernel.find(&id("parent")).unwrap();
    let component = || payload("a");
    let created = world.kernel.initialize(new(), component(), Vec::new(), Some(&initializer)).await;
    assert!(matches!(created, Err(InitializeError::Store(_))));
    assert!(!world.kernel.is_alive(&id("a")));
    assert!(!world.holds("parent", &messaging("a")));
    world.store.set_full(false);
    world.kernel.initialize(new(), component(), Vec::new(), Some(&initializer)).await.unwrap();
    assert!(world.holds("parent", &messaging("a")) && world.store.has_capability("parent", &messaging("a")));
    assert!(world.holds("a", &messaging("a")));
    drop(parent);
}

/// The process stayed in table and store although its creation was reported as failed.
#[tokio::test]
async fn an_initializer_that_may_hold_no_more_creates_nothing() {
    let world = World::with(Limits { capabilities_max: 1, ..Limits::default() });
    let _parent = world.public("parent").await;
    world.puppet("a");
    let new = NewProcess::installed(id("a"), "/a".to_owned(), None, OnExit::None, Access::Public);
    let initializer = world.kernel.find(&id("parent")).unwrap();
    assert!(world.kernel.initialize(new, payload("a"), Vec::new(), Some(&initializer)).await.is_err());
    assert!(!world.kernel.is_alive(&id("a")) && !world.store.has_process("a"));
}

#[tokio::test]
async fn no_more_processes_are_created_than_there_may_be_however_many_try_at_once() {
    let world = World::with(Limits { processes_max: 3, ..Limits::default() });
    world.components();
    world.store.set_open(false);
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..10 {
        world.puppet(&format!("p{n}"));
        let kernel = world.kernel.clone();
        tries.spawn(async move {
            let name = format!("p{n}");
            let new = NewProcess::installed(id(&name), name.clone(), None, OnExit::None, Access::Public);
            kernel.initialize(new, payload(&name), Vec::new(), None).await
        });
    }
    tokio::task::yield_now().await;
    world.store.set_open(true);
    let results = tries.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(InitializeError::TooMany(3)))));
    // One that goes makes room for another.
    let alive = (0..10).map(|n| format!("p{n}")).find(|name| world.kernel.is_alive(&id(name))).unwrap();
    world.kernel.kill(&id(&alive), Revocation::Revoke).await.unwrap();
    world.create(&alive, Access::Public, OnExit::None).await.unwrap();
}

#[tokio::test]
async fn without_on_exit_behaviour_a_process_that_ends_is_gone() {
    let world = World::new();
    for exit in [Exit::Returned, Exit::Trapped(Crash::new("why")), Exit::FailedToStart(Crash::new("how"))] {
        let mut puppet = world.puppet("a");
        world.create("a", Access::Public, OnExit::None).await.unwrap();
        world.run("a");
        let (session, end) = puppet.life().await;
        world.public("holder").await;
        world.grant("holder", messaging("a")).await;
        end.send(exit).unwrap();
        gone(&world, "a").await;
        drop(session);
        world.kernel.kill(&id("holder"), Revocation::Revoke).await.unwrap();
        assert!(!world.store.has_process("a"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_restarts_keeps_its_capabilities_and_waits_longer_each_time() {
    let world = World::new();
    let mut puppet = world.puppet("a");
    world.create("a", Access::Public, OnExit::Restart).await.unwrap();
    world.grant("a", messaging("x")).await;
    world.run("a");
    let begin = Instant::now();
    for n in 0..6 {
        let (session, end) = puppet.life().await;
        assert!(session.capabilities().len() == 2, "{n}");
        end.send(Exit::Trapped(Crash::new("again"))).unwrap();
    }
    puppet.life().await;
    assert!(begin.elapsed() >= Duration::from_millis(50 + 100 + 200 + 400 + 800));
    let status = world.kernel.find(&id("a")).unwrap().status();
    assert_eq!((status.phase, status.restarts), (ProcessPhase::Running, 6));
    assert_eq!(status.last_exit.unwrap().exit, Exit::Trapped(Crash::new("again")));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_waits_to_restart_is_known_to_be_away_and_can_be_killed() {
    let world = World::new();
    let mut a = world.public("a").await;
    let mut puppet = world.puppet("b");
    world.create("b", Access::Public, OnExit::Restart).await.unwrap();
    world.run("b");
    for _ in 0..2 {
        let (_session, end) = puppet.life().await;
        end.send(Exit::Returned).unwrap();
    }
    // The second pause is not empty.
    while world.kernel.find(&id("b")).unwrap().status().phase != ProcessPhase::Restarting {
        tokio::task::yield_now().await;
    }
    let begin = Instant::now();
    send(&mut a, "b", ask("x", 60)).await;
    failure(&mut a).await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(puppet.life_is_over());
}

#[tokio::test]
async fn on_exit_requests_are_sent_in_the_name_of_the_process() {
    let world = World::new();
    let (mut b, mut c) = (world.public("b").await, world.private("c").await);
    let request = |text: &str| Request { body: text.as_bytes().to_vec(), ..Request::default() };
    // One of its own would be worth nothing: it ends with its issuer.
    let with = Request { capabilities: vec![own("x", "\"gift\"")], ..request("bye") };
    let blob = wharf_types::LazyLoadBlob { mime: None, bytes: b"x".to_vec() };
    let requests = vec![
        (address("c"), request("not allowed"), None),
        (address("nobody"), request("nobody"), None),
        (address("b"), with, Some(blob)),
    ];
    let mut puppet = world.puppet("a");
    world.create("a", Access::Public, OnExit::Requests(requests)).await.unwrap();
    world.grant("a", own("x", "\"gift\"")).await;
    world.run("a");
    let (_session, end) = puppet.life().await;
    end.send(Exit::Trapped(Crash::new(""))).unwrap();
    let (envelope, body, _) = message(&mut b).await;
    assert_eq!((envelope.source().clone(), body.as_str()), (address("a"), "bye"));
    assert_eq!(envelope.content.capabilities.len(), 1);
    assert_eq!(blob_text(b.blob()).as_deref(), Some("x"));
    assert!(is_idle(&mut c));
    gone(&world, "a").await;
}

#[tokio::test(start_paused = true)]
async fn on_exit_behaviour_can_be_changed_while_it_runs_and_is_stored() {
    let world = World::new();
    let mut puppet = world.puppet("a");
    world.create("a", Access::Public, OnExit::None).await.unwrap();
    world.run("a");
    let (session, end) = puppet.life().await;
    session.set_on_exit(OnExit::Restart).await.unwrap();
    assert!(matches!(session.on_exit(), OnExit::Restart));
    assert!(matches!(world.store.on_exit("a"), Some(OnExit::Restart)));
    end.send(Exit::Returned).unwrap();
    let (session, _end) = puppet.life().await;
    // What was not stored does not hold either.
    world.store.set_full(true);
    assert!(session.set_on_exit(OnExit::None).await.is_err());
    assert!(matches!(session.on_exit(), OnExit::Restart));
}

#[tokio::test]
async fn killing_does_not_do_what_was_asked_for_at_exit() {
    let world = World::new();
    let mut puppet = world.puppet("a");
    world.create("a", Access::Public, OnExit::Restart).await.unwrap();
    world.run("a");
    let (_session, end) = puppet.life().await;
    assert!(world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap());
    assert!(!world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap());
    end.closed().await;
    assert!(puppet.life_is_over());
    assert!(!world.kernel.is_alive(&id("a")));
}

#[tokio::test]
async fn a_panic_in_the_runtime_ends_one_process_and_nothing_else() {
    let world = World::new();
    world.script("a", |_| async { panic!("a bug of the node") });
    world.create("a", Access::Public, OnExit::None).await.unwrap();
    world.run("a");
    gone(&world, "a").await;
    world.public("b").await;
    let Exit::NodeFault(text) = &world.kernel.ended().all().last().unwrap().last.exit.clone() else { panic!() };
    assert!(text.contains("a bug of the node"), "{text}");
}

/// A guest that is ended in the middle of its tick goes on to the end of it.
#[tokio::test]
async fn a_process_that_was_killed_saves_nothing_in_the_name_of_its_successor() {
    let world = World::new();
    let old = world.public("a").await;
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    let new = world.public("a").await;
    new.set_state(payload("of the successor")).await.unwrap();
    assert!(old.set_state(payload("of the one before")).await.is_err());
    assert!(old.clear_state().await.is_err());
    assert_eq!(new.state().await.unwrap().as_deref(), Some(b"of the successor".as_slice()));
}

#[tokio::test]
async fn of_processes_that_are_gone_it_is_remembered_how_they_ended_up_to_a_limit() {
    let world = World::with(Limits { ended_max: 3, ..Limits::default() });
    for (n, exit) in [Exit::Returned, Exit::Returned, Exit::OutOfCpu(Crash::new("why"))].into_iter().enumerate() {
        let name = format!("p{n}");
        let mut puppet = world.puppet(&name);
        world.create(&name, Access::Public, OnExit::None).await.unwrap();
        world.run(&name);
        puppet.life().await.1.send(exit).unwrap();
        gone(&world, &name).await;
    }
    world.public("p3").await;
    world.kernel.kill(&id("p3"), Revocation::Revoke).await.unwrap();
    let ended: Vec<_> = world.kernel.ended().all().into_iter().map(|ended| (ended.id, ended.last.exit)).collect();
    let expected =
        [(id("p1"), Exit::Returned), (id("p2"), Exit::OutOfCpu(Crash::new("why"))), (id("p3"), Exit::Killed)];
    assert_eq!(ended, expected);
}

/// A life that began while its process was stopped left a mailbox that nobody closed.
#[tokio::test]
async fn whatever_life_was_the_last_its_mailbox_is_closed() {
    let world = World::new();
    let mut puppet = world.puppet("a");
    world.create("a", Access::Public, OnExit::None).await.unwrap();
    world.run("a");
    let (_session, end) = puppet.life().await;
    let process = world.kernel.find(&id("a")).unwrap();
    // As the supervisor does between two lives.
    process.mailbox().close();
    process.stop.cancel();
    process.renew_mailbox();
    end.closed().await;
    process.mailbox().closed().await;
}

#[tokio::test]
async fn shutting_down_ends_processes_that_run_wait_and_serve() {
    let world = World::new();
    world.components();
    world.kernel.start_module(crate::api::KernelModule { version: "test" });
    let _a = world.public("a").await;
    world.script("b", |mut session| async move {
        let _ = session.receive().await;
        Exit::Returned
    });
    world.create("b", Access::Public, OnExit::Restart).await.unwrap();
    world.run("b");
    world.puppet("c");
    world.create("c", Access::Public, OnExit::None).await.unwrap();
    world.kernel.shut_down().await;
    // They are for the next boot.
    assert!(world.store.has_process("a") && world.store.has_process("b") && world.store.has_process("c"));
}

async fn parent(world: &World) -> Session {
    world.components();
    world.public("parent").await
}

#[tokio::test]
async fn a_child_is_of_its_parents_package_and_both_may_message_each_other() {
    let world = World::new();
    let mut parent = parent(&world).await;
    let mut puppet = world.puppet("work");
    let spawned =
        parent.spawn(SpawnRequest { access: Access::Capability, ..child(Some("kid"), "work") }).await.unwrap();
    assert_eq!(spawned, id("kid"));
    let (mut kid, _end) = puppet.life().await;
    send(&mut parent, "kid", ask("hello", 5)).await;
    receive(&mut kid).await;
    kid.send_response(answer("hi"), None);
    assert_eq!(receive(&mut parent).await, "hi");
    assert_eq!(parent.spawn(child(Some("kid"), "work")).await, Err(SpawnError::NameTaken));
    assert_eq!(parent.spawn(child(Some("No Name"), "work")).await, Err(SpawnError::NameTaken));
    assert_eq!(parent.spawn(child(None, "nothing")).await, Err(SpawnError::NoFileAtPath));
    let unnamed = parent.spawn(child(None, "work")).await.unwrap();
    assert!(unnamed.process().parse::<u64>().is_ok());
}

#[tokio::test]
async fn a_child_gets_what_its_parent_holds_and_others_what_it_grants() {
    let world = World::new();
    let mut parent = parent(&world).await;
    let _other = world.public("other").await;
    let mut puppet = world.puppet("work");
    world.grant("parent", messaging("x")).await;
    let request = SpawnRequest {
        request_capabilities: vec![messaging("x"), messaging("y"), Capability::new(address("parent"), "1")],
        grant_capabilities: vec![(Some(id("other")), "\"use\"".to_owned()), (None, "\"use\"".to_owned())],
        ..child(Some("kid"), "work")
    };
    parent.spawn(request).await.unwrap();
    puppet.life().await;
    assert!(world.holds("kid", &messaging("x")) && world.holds("kid", &Capability::new(address("parent"), "1")));
    assert!(!world.holds("kid", &messaging("y")));
    assert!(world.holds("other", &Capability::new(address("kid"), "\"use\"")));
}

/// Each child that ended with the node left its parent a stored capability, until the parent could hold no more.
#[tokio::test]
async fn of_a_child_that_ends_with_the_node_nothing_is_stored() {
    let world = World::new();
    let mut parent = parent(&world).await;
    let mut puppet = world.puppet("work");
    let before = world.store.calls();
    let kid = parent.spawn(child(Some("kid"), "work")).await.unwrap();
    puppet.life().await;
    world.kernel.grant(&kid, vec![messaging("x")]).await.unwrap();
    assert_eq!(world.store.calls(), before);
    assert!(world.holds("parent", &messaging("kid")) && world.holds("kid", &messaging("x")));
    assert!(!world.store.has_process("kid") && !world.store.has_capability("parent", &messaging("kid")));
    world.kernel.kill(&kid, Revocation::Revoke).await.unwrap();
    assert!(!world.holds("parent", &messaging("kid")));
    // One that is to last is stored.
    parent.spawn(SpawnRequest { on_exit: OnExit::Restart, ..child(Some("kid"), "work") }).await.unwrap();
    assert!(world.store.has_process("kid") && world.store.has_capability("parent", &messaging("kid")));
}

/// A parent that was killed in the middle left a child that nobody ran, and that ran after the next boot.
#[tokio::test]
async fn a_parent_that_is_killed_while_it_spawns_leaves_no_half_made_child() {
    let world = World::new();
    world.components();
    let mut puppet = world.puppet("work");
    world.script("parent", |mut session| async move {
        drop(session.spawn(SpawnRequest { on_exit: OnExit::Restart, ..child(Some("kid"), "work") }).await);
        Exit::Returned
    });
    world.create("parent", Access::Public, OnExit::None).await.unwrap();
    world.store.set_open(false);
    world.run("parent");
    while !world.store.has_process("kid") {
        tokio::task::yield_now().await;
    }
    let kernel = world.kernel.clone();
    let killing = tokio::spawn(async move { kernel.kill(&id("parent"), Revocation::Revoke).await });
    tokio::task::yield_now().await;
    world.store.set_open(true);
    assert!(killing.await.unwrap().unwrap());
    puppet.life().await;
}
