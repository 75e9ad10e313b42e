//! What is told as events, and to whom.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use wharf_types::events::{Event, EventPage, Happening};
use wharf_types::kernel::KernelCommand;
use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::api::KernelModule;
use crate::launcher::{ComponentSource, Crash, Exit};
use crate::lifecycle::{NewProcess, Revocation};
use crate::module::Access;
use crate::{Kernel, Limit, Limits};

pub(super) async fn events(kernel: &Kernel, after: Option<u64>) -> EventPage {
    kernel.events_after(after, None).await
}

/// Number of the last event so far.
pub(super) async fn now(kernel: &Kernel) -> u64 {
    events(kernel, None).await.next
}

/// What happened after the event with that number, shortly.
pub(super) async fn told(kernel: &Kernel, after: u64) -> Vec<String> {
    events(kernel, Some(after)).await.events.iter().map(shortly).collect()
}

pub(super) fn shortly(event: &Event) -> String {
    let what = match &event.what {
        Happening::Exited { exit } => format!("exited {exit}"),
        Happening::CapabilityGranted(capability) => format!("granted {}", capability.params),
        Happening::CapabilitySaved(capability) => format!("saved {}", capability.params),
        Happening::CapabilityDropped(capability) => format!("dropped {}", capability.params),
        Happening::CapabilityRevoked(capability) => format!("revoked {}", capability.params),
        Happening::Restarted { restarts } => format!("restarted {restarts}"),
        Happening::LimitHit { limit } => format!("hit {limit}"),
        other => format!("{other:?}").to_lowercase(),
    };
    format!("{} {what}", event.process.process())
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_process_is_told_in_order() {
    let world = World::new();
    let kernel = &world.kernel;
    let mut puppet = world.puppet("p");
    let _holder = world.public("holder").await;
    let start = now(kernel).await;
    world.create("p", Access::Public, OnExit::Restart).await.unwrap();
    world.run("p");
    let (_session, end) = puppet.life().await;
    world.grant("holder", messaging("p")).await;
    world.grant("holder", messaging("p")).await;
    end.send(Exit::Trapped(Crash::new("boom"))).unwrap();
    let (session, _end) = puppet.life().await;
    session.drop_capabilities(vec![messaging("p")]).await.unwrap();
    session.save_capabilities(vec![Capability::new(address("p"), "1")]).await.unwrap();
    assert!(kernel.kill(&id("p"), Revocation::Revoke).await.unwrap());
    let expected = [
        "p created",
        "p granted \"messaging\"",
        "p running",
        "holder granted \"messaging\"",
        "p exited trapped: boom",
        "p restarted 1",
        "p dropped \"messaging\"",
        "p saved 1",
        "p killed",
        "holder revoked \"messaging\"",
    ];
    assert_eq!(told(kernel, start).await, expected);
}

#[tokio::test]
async fn a_process_that_ends_for_good_is_gone() {
    let world = World::new();
    let mut puppet = world.puppet("p");
    world.create("p", Access::Public, OnExit::None).await.unwrap();
    let start = now(&world.kernel).await;
    world.run("p");
    let (_session, end) = puppet.life().await;
    end.send(Exit::Returned).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    for known in [start + 1, start + 2] {
        world.kernel.events_after(Some(known), Some(deadline)).await;
    }
    assert_eq!(told(&world.kernel, start).await, ["p running", "p exited returned", "p gone"]);
}

#[tokio::test]
async fn a_grant_that_could_not_be_stored_is_told_to_be_taken_back() {
    let world = World::new();
    let _a = world.public("a").await;
    let start = now(&world.kernel).await;
    world.store.set_full(true);
    world.kernel.grant(&id("a"), vec![messaging("b")]).await.unwrap_err();
    assert_eq!(told(&world.kernel, start).await, ["a granted \"messaging\"", "a dropped \"messaging\""]);
}

#[tokio::test]
async fn a_reader_that_is_too_slow_learns_what_it_lost() {
    let world = World::with(Limits { events_max: 4, ..Limits::default() });
    let _a = world.public("a").await;
    let start = now(&world.kernel).await;
    for n in 0..10 {
        world.grant("a", Capability::new(address("x"), n.to_string())).await;
    }
    let page = events(&world.kernel, Some(start)).await;
    assert_eq!((page.lost, page.events.len(), page.next), (6, 4, start + 10));
    assert_eq!(page.events.first().unwrap().seq, start + 7);
}

#[tokio::test]
async fn limits_are_told_once_a_second() {
    let world = World::with(Limits { capabilities_max: 1, ..Limits::default() });
    let _a = world.public("a").await;
    let start = now(&world.kernel).await;
    for _ in 0..50 {
        world.kernel.grant(&id("a"), vec![messaging("b")]).await.unwrap_err();
    }
    let told = told(&world.kernel, start).await;
    assert_eq!(world.kernel.metrics().limit_hits["capabilities_max"], 50, "each is counted");
    // The 50 attempts may reach into a second second, hardly a third.
    assert!((1..=3).contains(&told.len()), "{told:?}");
    assert_eq!(told[0], "a hit capabilities_max");
}

#[tokio::test]
async fn a_limit_that_is_hit_all_the_time_does_not_hide_another() {
    let world = World::new();
    let a = world.public("a").await;
    let start = now(&world.kernel).await;
    for _ in 0..50 {
        a.hit(Limit::PrintedBytes);
    }
    a.hit(Limit::MemoryBytes);
    let told = told(&world.kernel, start).await;
    assert_eq!(told.iter().filter(|told| *told == "a hit memory_bytes_max").count(), 1, "{told:?}");
    let hits = world.kernel.metrics().limit_hits;
    assert_eq!((hits["printed_bytes_per_s_max"], hits["memory_bytes_max"], hits["timers_max"]), (50, 1, 0));
}

#[tokio::test]
async fn there_being_no_room_for_a_process_is_told_of_who_wanted_it() {
    let world = World::with(Limits { processes_max: 1, ..Limits::default() });
    world.kernel.start_module(KernelModule { version: "1" });
    let a = world.public("a").await;
    let start = now(&world.kernel).await;
    world.puppet("b");
    world.create("b", Access::Public, OnExit::None).await.unwrap_err();
    assert_eq!(told(&world.kernel, start).await, ["kernel hit processes_max"], "nobody asked but the node");
    let initializer = world.kernel.find(a.our().process()).unwrap();
    let new = || NewProcess::installed(id("b"), String::new(), None, OnExit::None, Access::Public);
    let start = now(&world.kernel).await;
    world.kernel.initialize(new(), payload("b"), Vec::new(), Some(&initializer)).await.unwrap_err();
    assert_eq!(told(&world.kernel, start).await, ["a hit processes_max"]);
}

#[tokio::test]
async fn revoking_is_told_of_everyone_it_reaches() {
    let world = World::new();
    let (mut a, mut b, mut c) = (world.public("a").await, world.public("b").await, world.public("c").await);
    let gift = own("a", "1");
    let start = now(&world.kernel).await;
    send(&mut a, "b", attach(vec![gift.clone()])).await;
    attached(&mut b).await;
    b.save_capabilities(vec![gift.clone()]).await.unwrap();
    send(&mut b, "c", attach(vec![gift.clone()])).await;
    attached(&mut c).await;
    c.save_capabilities(vec![gift.clone()]).await.unwrap();
    world.kernel.revoke(Some(&id("b")), std::slice::from_ref(&gift)).await.unwrap();
    world.kernel.revoke(Some(&id("b")), &[gift]).await.unwrap();
    let mut told = told(&world.kernel, start).await;
    told[2..].sort();
    assert_eq!(told, ["b saved 1", "c saved 1", "b revoked 1", "c revoked 1"]);
}

#[tokio::test]
async fn what_is_held_in_another_way_already_is_not_told_to_be_lost() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let gift = own("a", "1");
    send(&mut a, "b", attach(vec![gift.clone()])).await;
    attached(&mut b).await;
    b.save_capabilities(vec![gift.clone()]).await.unwrap();
    let start = now(&world.kernel).await;
    world.store.set_full(true);
    world.kernel.grant(&id("b"), vec![gift.clone()]).await.unwrap_err();
    assert!(world.holds("b", &gift));
    assert_eq!(told(&world.kernel, start).await, ["b granted 1"]);
}

#[tokio::test]
async fn a_process_that_could_not_be_stored_is_told_to_be_gone() {
    let world = World::new();
    let initializer = world.public("a").await;
    let initializer = world.kernel.find(initializer.our().process()).unwrap();
    let start = now(&world.kernel).await;
    world.store.set_full(true);
    world.puppet("b");
    let new = NewProcess::installed(id("b"), String::new(), None, OnExit::None, Access::Public);
    world.kernel.initialize(new, payload("b"), Vec::new(), Some(&initializer)).await.unwrap_err();
    let messaging = "\"messaging\"";
    let expected = [
        "b created".to_owned(),
        format!("b granted {messaging}"),
        format!("a granted {messaging}"),
        "b gone".to_owned(),
        format!("a dropped {messaging}"),
    ];
    assert_eq!(told(&world.kernel, start).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_cannot_be_loaded_is_told_to_have_failed() {
    let first = World::new();
    first.puppet("p");
    first.create("p", Access::Public, OnExit::None).await.unwrap();
    let next = World::on(Limits::default(), Arc::clone(&first.store));
    next.kernel.restore(Arc::<Shelf>::default() as Arc<dyn ComponentSource>).await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    for known in [0, 1] {
        next.kernel.events_after(Some(known), Some(deadline)).await;
    }
    let told = told(&next.kernel, 0).await;
    assert!(told[0].starts_with("p exited failed to start: "), "{told:?}");
    assert_eq!(told[1..], ["p failed"]);
}

/// A guest that may command the kernel.
async fn commander(world: &World) -> crate::session::Session {
    world.kernel.start_module(KernelModule { version: "1" });
    let session = world.public("root").await;
    world.grant("root", messaging("kernel:distro:sys")).await;
    world.grant("root", Capability::new(world.kernel.address().clone(), "{\"root\":true}")).await;
    session
}

fn command(command: &KernelCommand) -> crate::session::OutgoingRequest {
    ask(&serde_json::to_string(command).unwrap(), 60)
}

#[tokio::test]
async fn a_reader_that_waits_holds_up_nobody_and_is_answered_by_the_next_event() {
    let world = World::new();
    let mut root = commander(&world).await;
    let after = Some(now(&world.kernel).await);
    send_with(&mut root, "kernel:distro:sys", command(&KernelCommand::Events { after, wait_ms: 30_000 }), "events")
        .await;
    // The next request of the same caller is answered while the first one waits.
    let status = root.send_and_await(to("kernel:distro:sys"), command(&KernelCommand::Status), None).await;
    assert!(awaited(status).contains("Status"));
    world.grant("root", messaging("x")).await;
    let (_, body, context) = message(&mut root).await;
    assert_eq!(context.as_deref(), Some("events"));
    assert!(body.contains("CapabilityGranted"), "{body}");
}

#[tokio::test]
async fn only_so_many_readers_wait() {
    let world = World::with(Limits { watchers_max: 1, ..Limits::default() });
    let mut root = commander(&world).await;
    let after = Some(now(&world.kernel).await);
    let wait = command(&KernelCommand::Events { after, wait_ms: 30_000 });
    send(&mut root, "kernel:distro:sys", wait).await;
    let wait = command(&KernelCommand::Events { after, wait_ms: 30_000 });
    let refused = awaited(root.send_and_await(to("kernel:distro:sys"), wait, None).await);
    assert!(refused.contains("1 requests wait already"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn waiting_for_events_ends_when_nothing_happens() {
    let world = World::new();
    let mut root = commander(&world).await;
    let after = Some(now(&world.kernel).await);
    let began = Instant::now();
    let wait = command(&KernelCommand::Events { after, wait_ms: u64::MAX });
    let page = awaited(root.send_and_await(to("kernel:distro:sys"), wait, None).await);
    assert!(page.contains("\"events\":[]"), "{page}");
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}
