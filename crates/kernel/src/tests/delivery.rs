//! What a sender learns when a message cannot be delivered, and when.

use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use wharf_types::{Capability, OnExit};

use super::support::*;
use std::sync::Arc;

use crate::Limits;
use crate::envelope::{FailureKind, WrittenAddress};
use crate::lifecycle::Revocation;
use crate::module::Access;
use crate::session::{OutgoingResponse, Session};

fn small(messages: usize) -> Limits {
    Limits { mailbox_messages_max: messages, ..Limits::default() }
}

/// It fails as soon as it is sent: no time passes.
async fn fails_at_once(session: &mut Session, target: Arc<WrittenAddress>, kind: FailureKind) {
    let begin = Instant::now();
    session.send_request(target.clone(), ask("x", 60), Some(payload("ctx")), None).await.unwrap();
    let (failed, context) = failure(session).await;
    assert_eq!((failed.kind, failed.target, context.as_deref()), (kind, target.clone(), Some("ctx")));
    let failed = await_failed(session.send_and_await(target, ask("x", 60), None).await);
    assert_eq!(failed.kind, kind);
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_missing_process_is_known_at_once() {
    let world = World::new();
    let mut a = world.public("a").await;
    fails_at_once(&mut a, to("nobody"), FailureKind::Timeout).await;
    let no_address = Arc::new(WrittenAddress { process: "".into(), ..(*to("x")).clone() });
    fails_at_once(&mut a, no_address, FailureKind::Timeout).await;
    // Without an expectation nobody is told.
    send(&mut a, "nobody", tell("x")).await;
    assert!(is_idle(&mut a));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_may_not_be_messaged_is_known_at_once() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.private("b").await);
    fails_at_once(&mut a, to("b"), FailureKind::Timeout).await;
    assert!(is_idle(&mut b));
    world.grant("a", messaging("b")).await;
    send(&mut a, "b", tell("allowed")).await;
    assert_eq!(receive(&mut b).await, "allowed");
}

#[tokio::test(start_paused = true)]
async fn other_nodes_take_the_network_capability_and_are_offline() {
    let world = World::new();
    let mut a = world.public("a").await;
    let far = Arc::new(WrittenAddress { node: "b.os".into(), ..(*to("a")).clone() });
    fails_at_once(&mut a, far.clone(), FailureKind::Timeout).await;
    world.grant("a", Capability::new(world.kernel.address().clone(), Capability::NETWORK)).await;
    fails_at_once(&mut a, far, FailureKind::Offline).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_over_a_limit_fails_at_once() {
    let limits = Limits { body_bytes_max: 8, blob_bytes_max: 8, mailbox_bytes_max: 1_000, ..Limits::default() };
    let world = World::with(limits);
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", ask("123456789", 60)).await;
    assert_eq!(failure(&mut a).await.0.kind, FailureKind::Timeout);
    a.send_request(to("b"), ask("", 60), None, blob("123456789")).await.unwrap();
    failure(&mut a).await;
    let metadata = Some("m".repeat(2_000).into());
    let request = crate::session::OutgoingRequest { metadata, ..ask("", 60) };
    await_failed(a.send_and_await(to("b"), request, None).await);
    send(&mut a, "b", ask("12345678", 60)).await;
    assert_eq!(receive(&mut b).await, "12345678");
    b.send_response(answer("123456789"), None);
    assert!(is_idle(&mut a));
    b.send_response(answer("ok"), None);
    assert_eq!(receive(&mut a).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_sender_waits_for_room_up_to_its_own_timeout() {
    let world = World::with(small(1));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", tell("1")).await;
    let begin = Instant::now();
    send_with(&mut a, "b", ask("2", 3), "ctx").await;
    assert!(begin.elapsed() >= Duration::from_secs(3));
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("ctx"));
    let failed = await_failed(a.send_and_await(to("b"), ask("2", 3), None).await);
    assert_eq!(failed.kind, FailureKind::Timeout);
    // Without an expectation it waits a little, and the message is lost.
    send(&mut a, "b", tell("2")).await;
    assert_eq!(receive(&mut b).await, "1");
    assert!(is_idle(&mut b));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_for_room_goes_on_when_there_is_some() {
    let world = World::with(small(1));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", tell("1")).await;
    let sending = tokio::spawn(async move {
        send(&mut a, "b", ask("2", 60)).await;
        a
    });
    tokio::task::yield_now().await;
    assert_eq!(receive(&mut b).await, "1");
    let mut a = sending.await.unwrap();
    assert_eq!(receive(&mut b).await, "2");
    b.send_response(answer("ok"), None);
    assert_eq!(receive(&mut a).await, "ok");
}

/// The bytes were given back, but whoever waited for them slept on.
#[tokio::test(start_paused = true)]
async fn a_response_taken_out_of_its_turn_makes_room_for_senders_that_wait() {
    let world = World::with(Limits { mailbox_bytes_max: 3_000, outstanding_bytes_max: 1 << 20, ..Limits::default() });
    let (mut a, mut b, mut c) = (world.public("a").await, world.public("b").await, world.public("c").await);
    send(&mut a, "b", ask("question", 600)).await;
    receive(&mut b).await;
    send(&mut b, "c", inherit(ask("1", 600))).await;
    receive(&mut c).await;
    c.send_response(answer(&"x".repeat(2_500)), None);
    let sending = tokio::spawn(async move {
        let begin = Instant::now();
        send(&mut a, "b", ask(&"y".repeat(1_000), 500)).await;
        begin.elapsed()
    });
    tokio::task::yield_now().await;
    b.send_and_await(to("c"), inherit(ask("2", 600)), None).await.unwrap();
    assert_eq!(sending.await.unwrap(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_full_mailbox_of_ones_own_is_known_at_once() {
    let world = World::with(small(1));
    let mut a = world.public("a").await;
    send(&mut a, "a", tell("1")).await;
    let begin = Instant::now();
    send_with(&mut a, "a", ask("2", 60), "ctx").await;
    assert_eq!(begin.elapsed(), Duration::ZERO);
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("ctx"));
    assert_eq!(receive(&mut a).await, "1");
}

#[tokio::test]
async fn responses_need_no_room() {
    let world = World::with(small(2));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    for n in 0..50 {
        send(&mut a, "b", ask(&n.to_string(), 60)).await;
        assert_eq!(receive(&mut b).await, n.to_string());
        b.send_response(answer(&n.to_string()), None);
    }
    send(&mut b, "a", tell("1")).await;
    send(&mut b, "a", tell("2")).await;
    for n in 0..50 {
        assert_eq!(receive(&mut a).await, n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_outstanding_limit_requests_fail_and_earlier_ones_go_on() {
    let world = World::with(Limits { outstanding_max: 2, ..Limits::default() });
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send_with(&mut a, "b", ask("1", 60), "1").await;
    send_with(&mut a, "b", ask("2", 60), "2").await;
    fails_at_once(&mut a, to("b"), FailureKind::Timeout).await;
    for n in ["1", "2"] {
        assert_eq!(receive(&mut b).await, n);
        b.send_response(answer(n), None);
        assert_eq!(message(&mut a).await.2.as_deref(), Some(n));
    }
    assert!(is_idle(&mut b));
}

#[tokio::test]
async fn a_response_takes_the_messaging_capability_of_whoever_asked() {
    let world = World::new();
    let (mut a, mut b) = (world.private("a").await, world.public("b").await);
    send(&mut a, "b", ask("x", 60)).await;
    receive(&mut b).await;
    b.send_response(answer("refused"), None);
    assert!(is_idle(&mut a));
    world.grant("b", messaging("a")).await;
    b.send_response(answer("allowed"), None);
    assert_eq!(receive(&mut a).await, "allowed");
    // And not any longer than it is held.
    send(&mut a, "b", ask("y", 60)).await;
    receive(&mut b).await;
    b.drop_capabilities(vec![messaging("a")]).await.unwrap();
    b.send_response(answer("refused"), None);
    assert!(is_idle(&mut a));
}

#[tokio::test]
async fn a_capability_that_was_dropped_no_longer_opens_a_route_that_is_known() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.private("b").await);
    world.grant("a", messaging("b")).await;
    send(&mut a, "b", tell("1")).await;
    assert_eq!(receive(&mut b).await, "1");
    a.drop_capabilities(vec![messaging("b")]).await.unwrap();
    send(&mut a, "b", ask("2", 60)).await;
    failure(&mut a).await;
    assert!(is_idle(&mut b));
}

#[tokio::test(start_paused = true)]
async fn killing_a_process_closes_its_mailbox_and_wakes_senders_that_wait_for_room() {
    let world = World::with(small(1));
    let (mut a, b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", tell("1")).await;
    let sending = tokio::spawn(async move {
        let begin = Instant::now();
        send(&mut a, "b", ask("2", 60)).await;
        failure(&mut a).await;
        begin.elapsed()
    });
    tokio::task::yield_now().await;
    assert!(world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap());
    assert_eq!(sending.await.unwrap(), Duration::ZERO);
    let mut b = b;
    assert!(b.receive().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_process_that_is_killed_while_it_handles_it_runs_out_of_time() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", ask("x", 4)).await;
    receive(&mut b).await;
    world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap();
    let begin = Instant::now();
    failure(&mut a).await;
    assert!(begin.elapsed() >= Duration::from_secs(4));
}

#[tokio::test]
async fn what_is_sent_after_a_process_was_replaced_reaches_the_new_one_and_its_answers_to_the_old_nobody() {
    let world = World::new();
    let (mut a, mut old) = (world.public("a").await, world.public("b").await);
    let mut c = world.public("c").await;
    send(&mut a, "b", tell("to the old")).await;
    assert_eq!(receive(&mut old).await, "to the old");
    // The old one asked something; the answer is not for its successor.
    send(&mut old, "c", ask("question", 60)).await;
    receive(&mut c).await;
    world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap();
    let mut new = world.public("b").await;
    c.send_response(answer("for the old"), None);
    send(&mut a, "b", tell("to the new")).await;
    assert_eq!(receive(&mut new).await, "to the new");
    assert!(is_idle(&mut new));
}

/// The route led to the old process, which this one may not message any more.
#[tokio::test]
async fn a_known_route_does_not_hide_a_public_successor() {
    let world = World::new();
    let (mut a, mut old) = (world.public("a").await, world.private("b").await);
    world.grant("a", messaging("b")).await;
    send(&mut a, "b", tell("1")).await;
    receive(&mut old).await;
    world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap();
    let mut new = world.public("b").await;
    send(&mut a, "b", tell("2")).await;
    assert_eq!(receive(&mut new).await, "2");
}

/// The decision for the public process was kept for the one that took its place.
#[tokio::test]
async fn an_answer_that_was_allowed_to_a_public_process_is_not_to_its_private_successor() {
    let world = World::new();
    let (mut a, mut old) = (world.public("a").await, world.public("b").await);
    send(&mut old, "a", ask("1", 60)).await;
    receive(&mut a).await;
    a.send_response(answer("1"), None);
    assert_eq!(receive(&mut old).await, "1");
    world.kernel.kill(&id("b"), Revocation::Revoke).await.unwrap();
    let mut new = world.private("b").await;
    send(&mut new, "a", ask("2", 60)).await;
    receive(&mut a).await;
    a.send_response(answer("2"), None);
    assert!(is_idle(&mut new));
}

#[tokio::test(start_paused = true)]
async fn a_life_that_ended_leaves_nothing_to_the_next() {
    let world = World::new();
    let mut a = world.public("a").await;
    let mut puppet = world.puppet("b");
    world.create("b", Access::Public, OnExit::Restart).await.unwrap();
    world.run("b");
    let (mut first, end) = puppet.life().await;
    send(&mut a, "b", tell("unread")).await;
    send(&mut first, "a", ask("question", 60)).await;
    receive(&mut a).await;
    end.send(crate::launcher::Exit::Returned).unwrap();
    let (mut second, _end) = puppet.life().await;
    a.send_response(OutgoingResponse { ..answer("for the first") }, None);
    assert!(is_idle(&mut second));
    send(&mut a, "b", tell("for the second")).await;
    assert_eq!(receive(&mut second).await, "for the second");
}

/// Capabilities used to weigh nothing, however long.
#[tokio::test(start_paused = true)]
async fn attached_capabilities_count_against_the_mailbox() {
    let world = World::with(Limits { mailbox_bytes_max: 10_000, ..Limits::default() });
    let (mut a, _b) = (world.public("a").await, world.public("b").await);
    let heavy = Capability::new(address("a"), format!("\"{}\"", "x".repeat(9_000)));
    let too_long = Capability::new(address("a"), format!("\"{}\"", "x".repeat(20_000)));
    let with = |list: Vec<Capability>| crate::session::OutgoingRequest { capabilities: list, ..ask("", 1) };
    send(&mut a, "b", with(vec![heavy.clone()])).await;
    send(&mut a, "b", with(vec![heavy])).await;
    failure(&mut a).await;
    // One that is longer than any may be is not attached at all.
    send(&mut a, "b", with(vec![too_long])).await;
}
