//! What is counted, told as events, and traced.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, advance};
use wharf_types::events::{Event, EventPage, Happening};
use wharf_types::kernel::KernelCommand;
use wharf_types::metrics::{FailureReason, ProcessMetrics};
use wharf_types::trace::{Direction, TraceLine, TracePage, TracedBody, TracedKind};
use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::api::KernelModule;
use crate::launcher::{ComponentSource, Crash, Exit};
use crate::lifecycle::{NewProcess, Revocation};
use crate::module::Access;
use crate::session::Incoming;
use crate::trace::IDLE;
use crate::{Kernel, Limit, Limits};

fn counted(kernel: &Kernel, name: &str) -> ProcessMetrics {
    let metrics = kernel.metrics();
    metrics.processes.into_iter().find(|process| process.id == id(name)).unwrap()
}

async fn events(kernel: &Kernel, after: Option<u64>) -> EventPage {
    kernel.events_after(after, None).await
}

/// Number of the last event so far.
async fn now(kernel: &Kernel) -> u64 {
    events(kernel, None).await.next
}

/// What happened after the event with that number, shortly.
async fn told(kernel: &Kernel, after: u64) -> Vec<String> {
    events(kernel, Some(after)).await.events.iter().map(shortly).collect()
}

fn shortly(event: &Event) -> String {
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

#[tokio::test]
async fn every_message_is_counted_where_it_leaves_and_where_it_arrives() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    a.send_request(to("b"), ask("12345", 60), None, blob("678")).await.unwrap();
    assert_eq!(counted(&world.kernel, "b").mailbox, 1);
    receive(&mut b).await;
    b.send_response(answer("ok"), None);
    receive(&mut a).await;
    send(&mut a, "b", tell("not taken yet")).await;
    let (a, b) = (counted(&world.kernel, "a"), counted(&world.kernel, "b"));
    assert_eq!((a.sent.messages_total, a.sent.bytes_total), (2, 8 + 13));
    assert_eq!((a.received.messages_total, a.received.bytes_total), (1, 2));
    assert_eq!((b.sent.messages_total, b.sent.bytes_total), (1, 2));
    assert_eq!((b.received.messages_total, b.received.bytes_total), (1, 8));
    assert_eq!((b.mailbox, b.mailbox_peak), (1, 1));
}

#[tokio::test]
async fn an_awaited_response_is_counted_once() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let (awaited, ()) = tokio::join!(a.send_and_await(to("b"), ask("?", 60), None), async {
        receive(&mut b).await;
        b.send_response(answer("!"), None);
    });
    awaited.unwrap();
    let a = counted(&world.kernel, "a");
    assert_eq!((a.sent.messages_total, a.received.messages_total), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn requests_that_fail_are_counted_by_reason() {
    let world = World::with(Limits { mailbox_messages_max: 2, full_mailbox_wait_ms: 10, ..Limits::default() });
    let mut a = world.public("a").await;
    let _silent = world.public("silent").await;
    world.private("hermit").await;
    for target in ["nobody", "hermit"] {
        send(&mut a, target, tell("x")).await;
    }
    await_failed(a.send_and_await(to("silent"), ask("x", 1), None).await);
    send(&mut a, "silent", ask("x", 1)).await;
    failure(&mut a).await;
    send(&mut a, "silent", tell("full")).await;
    let failed = counted(&world.kernel, "a").failed;
    let expected = [
        (FailureReason::Timeout, 2),
        (FailureReason::NoSuchProcess, 1),
        (FailureReason::NotAllowed, 1),
        (FailureReason::MailboxFull, 1),
    ];
    assert_eq!(failed, expected.into());
    assert!(counted(&world.kernel, "silent").mailbox_full_total >= 1);
    assert_eq!(shortly(events(&world.kernel, None).await.events.last().unwrap()), "silent hit mailbox_messages_max");
}

#[tokio::test(start_paused = true)]
async fn counters_go_on_over_the_lives_of_a_process() {
    let world = World::new();
    let mut puppet = world.puppet("p");
    world.create("p", Access::Public, OnExit::Restart).await.unwrap();
    world.run("p");
    let (mut first, end) = puppet.life().await;
    let mut a = world.public("a").await;
    for _ in 0..3 {
        send(&mut a, "p", tell("x")).await;
    }
    receive(&mut first).await;
    first.hit(Limit::MemoryBytes);
    end.send(Exit::Returned).unwrap();
    let (mut second, _end) = puppet.life().await;
    send(&mut a, "p", tell("x")).await;
    receive(&mut second).await;
    let p = counted(&world.kernel, "p");
    assert_eq!((p.received.messages_total, p.mailbox, p.mailbox_peak, p.restarts_total), (2, 0, 3, 1));
}

#[tokio::test]
async fn memory_is_that_of_the_present_life() {
    let world = World::new();
    let a = world.public("a").await;
    let meter = a.meter();
    meter.memory_bytes(65_536);
    assert_eq!(counted(&world.kernel, "a").memory_bytes, Some(65_536));
    drop(meter);
    assert_eq!(counted(&world.kernel, "a").memory_bytes, Some(0));
}

#[tokio::test]
async fn what_modules_do_is_counted() {
    let world = World::new();
    world.kernel.start_module(KernelModule { version: "1" });
    let mut a = world.public("a").await;
    world.grant("a", messaging("kernel:distro:sys")).await;
    for body in ["\"Status\"", "no json"] {
        awaited(a.send_and_await(to("kernel:distro:sys"), ask(body, 60), None).await);
    }
    let metrics = world.kernel.metrics();
    let kernel = metrics.modules.iter().find(|module| module.id == id("kernel:distro:sys")).unwrap();
    // A request is counted after it was answered, by another task than ours.
    assert!((1..=2).contains(&kernel.requests_total), "{kernel:?}");
    assert_eq!(counted(&world.kernel, "kernel:distro:sys").received.messages_total, 2);
    assert_eq!(counted(&world.kernel, "kernel:distro:sys").sent.messages_total, 2);
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
async fn processor_time_is_that_of_all_lives() {
    let world = World::new();
    let a = world.public("a").await;
    a.cpu().add(Duration::from_millis(30));
    assert_eq!(counted(&world.kernel, "a").cpu_ms_total, Some(30));
    world.kernel.start_module(KernelModule { version: "1" });
    assert_eq!(counted(&world.kernel, "kernel:distro:sys").cpu_ms_total, None);
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

async fn trace(world: &World, name: &str, after: Option<u64>, body_bytes: u64) -> TracePage {
    let process = world.kernel.find(&id(name)).unwrap();
    let trace = world.kernel.trace(&process, Instant::now(), body_bytes).unwrap();
    trace.after(after, None).await
}

fn seen(line: &TraceLine) -> (Direction, TracedKind, &str, Option<u64>) {
    (line.direction, line.kind, &line.peer, line.took_us)
}

#[tokio::test(start_paused = true)]
async fn a_trace_shows_messages_and_the_time_between_request_and_response() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", tell("before anybody looked")).await;
    receive(&mut b).await;
    assert!(trace(&world, "b", None, 3).await.lines.is_empty());
    assert!(trace(&world, "a", None, 0).await.lines.is_empty());
    a.send_request(to("b"), ask("größe", 60), None, blob("12")).await.unwrap();
    receive(&mut b).await;
    advance(Duration::from_millis(250)).await;
    b.send_response(answer("ok"), None);
    receive(&mut a).await;
    let request = TracedKind::Request { expects_response: Some(60) };
    let at_b = trace(&world, "b", None, 3).await.lines;
    let [asked, answered] = at_b.as_slice() else { panic!("{at_b:?}") };
    assert_eq!(seen(asked), (Direction::In, request, "a.os@a:pkg:pub", None));
    assert_eq!((asked.body_bytes, asked.blob_bytes), (7, Some(2)));
    assert_eq!(asked.body, Some(TracedBody::Text("gr".to_owned())));
    assert_eq!(seen(answered), (Direction::Out, TracedKind::Response, "a.os@a:pkg:pub", Some(250_000)));
    let at_a = trace(&world, "a", None, 0).await.lines;
    let [sent, received] = at_a.as_slice() else { panic!("{at_a:?}") };
    assert_eq!((sent.direction, sent.body.as_ref()), (Direction::Out, None));
    assert_eq!(seen(received), (Direction::In, TracedKind::Response, "a.os@b:pkg:pub", Some(250_000)));
    assert!(at_a.iter().chain(&at_b).all(|line| line.request == asked.request));
}

#[tokio::test(start_paused = true)]
async fn a_trace_shows_why_a_request_failed() {
    let world = World::new();
    let mut a = world.public("a").await;
    let _silent = world.public("silent").await;
    trace(&world, "a", None, 0).await;
    await_failed(a.send_and_await(to("silent"), ask("x", 1), None).await);
    send(&mut a, "nobody", tell("x")).await;
    let lines = trace(&world, "a", None, 0).await.lines;
    let failed: Vec<_> = lines.iter().filter(|line| matches!(line.kind, TracedKind::Failed(_))).map(seen).collect();
    let out = |reason, peer, took| (Direction::Out, TracedKind::Failed(reason), peer, took);
    let expected = [
        out(FailureReason::Timeout, "our@silent:pkg:pub", Some(1_000_000)),
        out(FailureReason::NoSuchProcess, "our@nobody:pkg:pub", None),
    ];
    assert_eq!(failed, expected);
}

#[tokio::test]
async fn a_request_that_is_passed_on_keeps_its_id_through_all_hops() {
    let world = World::new();
    let (mut a, mut b, mut c) = (world.public("a").await, world.public("b").await, world.public("c").await);
    for name in ["a", "b", "c"] {
        trace(&world, name, None, 0).await;
    }
    send(&mut a, "b", ask("x", 60)).await;
    let (first, _, _) = message(&mut b).await;
    send(&mut b, "c", inherit(tell("x"))).await;
    receive(&mut c).await;
    c.send_response(answer("ok"), None);
    receive(&mut a).await;
    let public = world.kernel.public_id(first.id).to_string();
    assert_ne!(public, format!("{:?}", first.id));
    for (name, count) in [("a", 2), ("b", 2), ("c", 2)] {
        let lines = trace(&world, name, None, 0).await.lines;
        assert_eq!(lines.len(), count, "{lines:?}");
        assert!(lines.iter().all(|line| line.request == public), "{lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_ends_when_nobody_asks_and_goes_on_with_its_numbers() {
    let world = World::with(Limits { traces_max: 1, ..Limits::default() });
    let (mut a, _b) = (world.public("a").await, world.public("b").await);
    trace(&world, "a", None, 0).await;
    send(&mut a, "b", tell("x")).await;
    let known = trace(&world, "a", None, 0).await.next;
    let b = world.kernel.find(&id("b")).unwrap();
    let refused = world.kernel.trace(&b, Instant::now(), 0).unwrap_err();
    assert!(refused.to_string().contains("1 processes are traced already"));
    let a_process = world.kernel.find(&id("a")).unwrap();
    tokio::time::sleep(IDLE - Duration::from_secs(1)).await;
    assert!(a_process.trace.is_on());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!a_process.trace.is_on());
    world.kernel.trace(&b, Instant::now(), 0).unwrap();
    tokio::time::sleep(IDLE + Duration::from_secs(1)).await;
    assert!(trace(&world, "a", Some(known), 0).await.lines.is_empty());
    send(&mut a, "b", tell("y")).await;
    let page = trace(&world, "a", Some(known), 0).await;
    assert_eq!((page.lost, page.lines.len(), page.next), (0, 1, known + 1));
}

#[tokio::test]
async fn a_trace_is_bounded_in_lines_and_bytes() {
    let limits = Limits { trace_lines_max: 3, trace_body_bytes_max: 2, ..Limits::default() };
    let world = World::with(limits);
    let (mut a, _b) = (world.public("a").await, world.public("b").await);
    let known = trace(&world, "a", None, u64::MAX).await.next;
    for _ in 0..5 {
        send(&mut a, "b", tell("12345")).await;
    }
    let page = trace(&world, "a", Some(known), u64::MAX).await;
    assert_eq!((page.lost, page.lines.len()), (2, 3));
    assert_eq!(page.lines[0].body, Some(TracedBody::Text("12".to_owned())));
}

#[tokio::test]
async fn a_message_to_a_process_that_is_gone_is_no_event() {
    let world = World::new();
    let mut a = world.public("a").await;
    let start = now(&world.kernel).await;
    for _ in 0..3 {
        send(&mut a, "nobody", tell("x")).await;
        send(&mut a, "a", tell("x")).await;
        assert!(matches!(a.receive().await, Incoming::Message { .. }));
    }
    assert!(told(&world.kernel, start).await.is_empty());
}

/// Counters of a process are written by one task at a time, also while others read them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_missed_by_the_counters() {
    const EACH: u64 = 2_000;
    let world = Arc::new(World::new());
    let mut sink = world.public("sink").await;
    let mut senders = Vec::new();
    for name in ["a", "b", "c"] {
        let mut session = world.public(name).await;
        senders.push(tokio::spawn(async move {
            for _ in 0..EACH {
                session.send_request(to("sink"), ask("x", 600), None, None).await.unwrap();
            }
            session
        }));
    }
    for _ in 0..3 * EACH {
        receive(&mut sink).await;
        sink.send_response(answer("y"), None);
        world.kernel.metrics();
    }
    for sender in senders {
        let mut session = sender.await.unwrap();
        for _ in 0..EACH {
            receive(&mut session).await;
        }
    }
    let sink = counted(&world.kernel, "sink");
    assert_eq!((sink.received.messages_total, sink.sent.messages_total), (3 * EACH, 3 * EACH));
    for name in ["a", "b", "c"] {
        let counted = counted(&world.kernel, name);
        assert_eq!((counted.sent.messages_total, counted.received.messages_total), (EACH, EACH), "{name}");
    }
}
