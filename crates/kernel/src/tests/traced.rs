//! What a trace of one process shows.

use std::time::Duration;

use tokio::time::{Instant, advance};
use wharf_types::metrics::FailureReason;
use wharf_types::trace::{Direction, TraceLine, TracePage, TracedBody, TracedKind};

use super::support::*;
use crate::Limits;
use crate::trace::IDLE;

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
