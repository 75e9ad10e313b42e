//! What is counted.

use std::sync::Arc;
use std::time::Duration;

use wharf_types::OnExit;
use wharf_types::metrics::{FailureReason, ProcessMetrics};

use super::support::*;
use super::told::{events, now, shortly, told};
use crate::api::KernelModule;
use crate::launcher::Exit;
use crate::module::Access;
use crate::session::Incoming;
use crate::{Kernel, Limit, Limits};

fn counted(kernel: &Kernel, name: &str) -> ProcessMetrics {
    let metrics = kernel.metrics();
    metrics.processes.into_iter().find(|process| process.id == id(name)).unwrap()
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
