//! What a guest may rely on about ids, answers, contexts, blobs and awaiting.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::support::*;
use crate::envelope::{FailureKind, Kind, Seconds};
use crate::session::{AwaitError, Misuse, OutgoingResponse};
use crate::{Kernel, Limits};

async fn three(world: &World) -> (crate::session::Session, crate::session::Session, crate::session::Session) {
    (world.public("a").await, world.public("b").await, world.public("c").await)
}

#[tokio::test]
async fn an_inheriting_request_without_expectation_is_answered_to_the_first_sender_with_its_context() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    a.send_request(to("b"), ask("work", 5), Some(payload("mine")), blob("x")).await.unwrap();
    let (at_b, ..) = message(&mut b).await;
    send(&mut b, "c", inherit(tell("work for a"))).await;
    let (at_c, ..) = message(&mut c).await;
    assert_eq!(at_c.id, at_b.id);
    assert_eq!(*at_c.source(), address("b"));
    assert_eq!(at_c.reply_path().address().clone(), address("a"));
    assert_eq!(blob_text(c.blob()).as_deref(), Some("x"));
    c.send_response(answer("done"), None);
    let (response, body, context) = message(&mut a).await;
    assert_eq!((response.source().clone(), body.as_str(), context.as_deref()), (address("c"), "done", Some("mine")));
    assert!(is_idle(&mut b));
}

#[tokio::test]
async fn an_inheriting_request_with_expectation_comes_back_to_its_sender_who_then_answers_the_first() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send_with(&mut a, "b", ask("work", 5), "of a").await;
    let (at_b, ..) = message(&mut b).await;
    send_with(&mut b, "c", inherit(ask("part", 5)), "of b").await;
    let (at_c, ..) = message(&mut c).await;
    assert_eq!(at_c.id, at_b.id);
    assert_eq!(at_c.reply_path().address().clone(), address("b"));
    c.send_response(answer("part done"), None);
    let (_, body, context) = message(&mut b).await;
    assert_eq!((body.as_str(), context.as_deref()), ("part done", Some("of b")));
    b.send_response(answer("all done"), None);
    let (_, body, context) = message(&mut a).await;
    assert_eq!((body.as_str(), context.as_deref()), ("all done", Some("of a")));
}

#[tokio::test]
async fn requests_that_do_not_inherit_have_ids_of_their_own_and_nobody_to_answer() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("work", 5)).await;
    let (at_b, ..) = message(&mut b).await;
    send(&mut b, "c", tell("news")).await;
    let (at_c, ..) = message(&mut c).await;
    assert_ne!(at_c.id, at_b.id);
    assert!(!at_c.is_answerable());
    c.send_response(answer("to nobody"), None);
    assert!(is_idle(&mut a) && is_idle(&mut b));
}

#[tokio::test]
async fn a_request_that_wants_no_answer_leaves_the_prompt_as_it_was() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("question", 5)).await;
    send(&mut c, "b", tell("noise")).await;
    assert_eq!(receive(&mut b).await, "question");
    assert_eq!(receive(&mut b).await, "noise");
    b.send_response(answer("answer"), None);
    assert_eq!(receive(&mut a).await, "answer");
    assert!(is_idle(&mut c));
}

#[tokio::test]
async fn a_response_restores_the_prompt_that_held_when_its_request_was_sent() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("first", 5)).await;
    receive(&mut b).await;
    send_with(&mut b, "c", ask("help", 5), "").await;
    receive(&mut c).await;
    // Meanwhile another one asks.
    send(&mut c, "b", ask("second", 5)).await;
    receive(&mut b).await;
    c.send_response(answer("helped"), None);
    assert_eq!(receive(&mut b).await, "helped");
    b.send_response(answer("for first"), None);
    assert_eq!(receive(&mut a).await, "for first");
}

#[tokio::test]
async fn requests_that_were_put_aside_are_answered_in_any_order() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send_with(&mut a, "b", ask("first", 5), "1").await;
    send_with(&mut a, "b", ask("second", 5), "2").await;
    let mut put_aside = Vec::new();
    for _ in 0..2 {
        receive(&mut b).await;
        put_aside.push(b.put_aside().unwrap());
    }
    // Nothing is left to be answered by mistake, also after what wants no answer.
    assert!(b.put_aside().is_none());
    send(&mut c, "b", tell("noise")).await;
    receive(&mut b).await;
    assert!(b.put_aside().is_none());
    for (aside, text) in put_aside.into_iter().rev().zip(["to the second", "to the first"]) {
        b.take_up(aside);
        b.send_response(answer(text), None);
    }
    let answers = [message(&mut a).await, message(&mut a).await];
    let answers = answers.map(|(_, body, context)| (body, context));
    let expected = [("to the second", "2"), ("to the first", "1")];
    assert_eq!(answers, expected.map(|(body, context)| (body.to_owned(), Some(context.to_owned()))));
}

#[tokio::test]
async fn a_response_without_a_prompt_goes_nowhere() {
    let world = World::new();
    let mut a = world.public("a").await;
    a.send_response(answer("what?"), None);
    assert!(is_idle(&mut a));
}

#[tokio::test]
async fn late_repeated_and_unsolicited_responses_are_invisible() {
    tokio::time::pause();
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    // Repeated.
    send(&mut a, "b", ask("twice", 5)).await;
    receive(&mut b).await;
    b.send_response(answer("1"), None);
    b.send_response(answer("2"), None);
    assert_eq!(receive(&mut a).await, "1");
    assert!(is_idle(&mut a));
    // Late.
    send(&mut a, "b", ask("slow", 1)).await;
    receive(&mut b).await;
    assert_eq!(failure(&mut a).await.0.kind, FailureKind::Timeout);
    b.send_response(answer("late"), None);
    assert!(is_idle(&mut a));
    // To a request that wanted none: the prompt is still the slow one.
    send(&mut a, "b", tell("no answer")).await;
    receive(&mut b).await;
    b.send_response(answer("unasked"), None);
    assert!(is_idle(&mut a));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_brings_context_message_blob_and_the_target_as_it_was_written() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    a.send_request(to("b"), ask("slow", 3), Some(payload("ctx")), blob("x")).await.unwrap();
    let begin = Instant::now();
    let (failed, context) = failure(&mut a).await;
    assert!(begin.elapsed() >= Duration::from_secs(3));
    assert_eq!(failed.kind, FailureKind::Timeout);
    assert_eq!(failed.target, to("b"));
    assert_eq!(&*failed.target.node, "our");
    assert_eq!((body(&failed.content).as_str(), failed.expects_response), ("slow", Some(Seconds(3))));
    assert_eq!(blob_text(failed.blob.as_ref()).as_deref(), Some("x"));
    assert_eq!(context.as_deref(), Some("ctx"));
    assert_eq!(receive(&mut b).await, "slow");
}

#[tokio::test(start_paused = true)]
async fn timeouts_come_in_the_order_in_which_time_runs_out_and_restore_the_prompt() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut c, "a", ask("question", 100)).await;
    receive(&mut a).await;
    send_with(&mut a, "b", ask("x", 9), "nine").await;
    send_with(&mut a, "b", ask("x", 2), "two").await;
    send(&mut b, "a", ask("another", 100)).await;
    assert_eq!(receive(&mut a).await, "another");
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("two"));
    a.send_response(answer("to the question"), None);
    assert_eq!(receive(&mut c).await, "to the question");
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("nine"));
}

#[tokio::test(start_paused = true)]
async fn zero_seconds_run_out_at_once_but_the_request_arrives() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    send_with(&mut a, "b", ask("now", 0), "ctx").await;
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("ctx"));
    assert_eq!(receive(&mut b).await, "now");
    let result = a.send_and_await(to("b"), ask("now", 0), None).await;
    assert_eq!(await_failed(result).kind, FailureKind::Timeout);
    assert_eq!(receive(&mut b).await, "now");
}

#[tokio::test(start_paused = true)]
async fn absurd_timeouts_are_cut_and_do_not_overflow() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    send(&mut a, "b", ask("patient", u64::MAX)).await;
    receive(&mut b).await;
    b.send_response(answer("ok"), None);
    assert_eq!(receive(&mut a).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_flooded_still_learns_what_ran_out_of_time() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    send_with(&mut a, "b", ask("slow", 1), "ctx").await;
    tokio::time::advance(Duration::from_secs(2)).await;
    let mut before = 0;
    loop {
        send(&mut b, "a", tell("flood")).await;
        send(&mut b, "a", tell("flood")).await;
        match a.receive().await {
            crate::session::Incoming::Failed { .. } => break,
            crate::session::Incoming::Message { .. } => before += 1,
        }
        assert!(before <= 64);
    }
}

#[tokio::test]
async fn a_request_sends_its_own_blob_before_an_inherited_one_and_a_response_the_other_way_round() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    a.send_request(to("b"), ask("with blob", 5), None, blob("theirs")).await.unwrap();
    receive(&mut b).await;
    b.send_request(to("c"), inherit(tell("own")), None, blob("own")).await.unwrap();
    b.send_request(to("c"), inherit(tell("inherited")), None, None).await.unwrap();
    b.send_request(to("c"), tell("none"), None, None).await.unwrap();
    receive(&mut c).await;
    assert_eq!(blob_text(c.blob()).as_deref(), Some("own"));
    receive(&mut c).await;
    assert_eq!(blob_text(c.blob()).as_deref(), Some("theirs"));
    receive(&mut c).await;
    assert!(!c.has_blob() && c.blob().is_none());
    b.send_response(OutgoingResponse { inherit: true, ..answer("inherits") }, blob("ignored"));
    receive(&mut a).await;
    assert_eq!(blob_text(a.blob()).as_deref(), Some("theirs"));
    a.send_request(to("b"), ask("again", 5), None, blob("theirs")).await.unwrap();
    receive(&mut b).await;
    b.send_response(answer("explicit"), blob("explicit"));
    receive(&mut a).await;
    assert_eq!(blob_text(a.blob()).as_deref(), Some("explicit"));
}

#[tokio::test(start_paused = true)]
async fn the_last_blob_survives_messages_without_one_and_failures() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    assert!(!a.has_blob() && a.blob().is_none() && a.last_blob().is_none());
    b.send_request(to("a"), tell("blob"), None, blob("x")).await.unwrap();
    receive(&mut a).await;
    assert!(a.has_blob());
    assert_eq!((blob_text(a.blob()), blob_text(a.blob())), (Some("x".to_owned()), Some("x".to_owned())));
    send(&mut b, "a", tell("no blob")).await;
    receive(&mut a).await;
    assert!(!a.has_blob() && a.blob().is_none());
    assert_eq!(blob_text(a.last_blob()).as_deref(), Some("x"));
    send(&mut a, "b", ask("slow", 1)).await;
    failure(&mut a).await;
    assert!(!a.has_blob());
    // A request inherits the last blob, though the message before had none.
    send(&mut a, "b", inherit(tell("inherits"))).await;
    receive(&mut b).await;
    receive(&mut b).await;
    assert_eq!(blob_text(b.blob()).as_deref(), Some("x"));
}

/// Echoes each request with its blob, after `before` was sent to whoever asked.
fn echo(world: &World, name: &'static str, before: &'static [&'static str]) {
    world.script(name, move |mut session| async move {
        loop {
            let (request, body, _) = message(&mut session).await;
            for note in before {
                session.send_request(Arc::new(request.source().into()), tell(note), None, None).await.unwrap();
            }
            let blob = session.blob().cloned();
            session.send_response(answer(&format!("echo {body}")), blob);
        }
    });
}

async fn start(world: &World, name: &str) {
    world.create(name, crate::module::Access::Public, wharf_types::OnExit::None).await.unwrap();
    world.run(name);
}

#[tokio::test]
async fn awaiting_brings_its_response_and_its_blob_and_leaves_other_messages_in_order() {
    let world = World::new();
    let mut a = world.public("a").await;
    let mut b = world.public("b").await;
    echo(&world, "echo", &["one", "two"]);
    start(&world, "echo").await;
    send(&mut b, "a", tell("zero")).await;
    let result = a.send_and_await(to("echo"), ask("hello", 5), blob("x")).await;
    assert_eq!(awaited(result), "echo hello");
    assert_eq!(blob_text(a.blob()).as_deref(), Some("x"));
    for expected in ["zero", "one", "two"] {
        assert_eq!(receive(&mut a).await, expected);
        assert!(!a.has_blob());
    }
    assert!(is_idle(&mut a));
}

#[tokio::test]
async fn awaiting_keeps_the_prompt() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    echo(&world, "echo", &[]);
    start(&world, "echo").await;
    send(&mut a, "b", ask("question", 5)).await;
    receive(&mut b).await;
    for request in [ask("1", 5), inherit(ask("2", 5))] {
        b.send_and_await(to("echo"), request, None).await.unwrap();
    }
    b.send_response(answer("answer"), None);
    assert_eq!(receive(&mut a).await, "answer");
}

#[tokio::test(start_paused = true)]
async fn an_awaited_request_fails_where_it_was_called_and_its_late_response_is_invisible() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    let failed = await_failed(a.send_and_await(to("b"), ask("slow", 2), blob("x")).await);
    assert_eq!((failed.kind, failed.target), (FailureKind::Timeout, to("b")));
    assert_eq!(blob_text(failed.blob.as_ref()).as_deref(), Some("x"));
    receive(&mut b).await;
    b.send_response(answer("late"), None);
    assert!(is_idle(&mut a));
    // Nor does the next call take it for its own.
    let failed = await_failed(a.send_and_await(to("b"), ask("again", 2), None).await);
    assert_eq!(body(&failed.content), "again");
}

#[tokio::test]
async fn awaiting_oneself_or_nothing_is_misuse() {
    let world = World::new();
    let mut a = world.public("a").await;
    let by_name = Arc::new((&address("a")).into());
    for target in [to("a"), by_name] {
        assert!(matches!(a.send_and_await(target, ask("me", 5), None).await, Err(AwaitError::Misuse(_))));
    }
    assert!(matches!(a.send_and_await(to("b"), tell("x"), None).await, Err(AwaitError::Misuse(_))));
    // Sending to oneself is not.
    send(&mut a, "a", tell("me")).await;
    assert_eq!(receive(&mut a).await, "me");
}

#[tokio::test(start_paused = true)]
async fn of_two_requests_that_inherit_one_id_the_later_one_is_answered() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("question", 50)).await;
    receive(&mut b).await;
    send_with(&mut b, "c", inherit(ask("1", 5)), "first").await;
    send_with(&mut b, "c", inherit(ask("2", 5)), "second").await;
    receive(&mut c).await;
    c.send_response(answer("x"), None);
    assert_eq!(message(&mut b).await.2.as_deref(), Some("second"));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(is_idle(&mut b));
    b.send_response(answer("answer"), None);
    assert_eq!(receive(&mut a).await, "answer");
}

/// The failure of one used to be taken for that of the other, which was then reported a second time and empty.
#[tokio::test(start_paused = true)]
async fn a_failed_request_does_not_fail_a_later_one_with_the_same_id() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("question", 50)).await;
    receive(&mut b).await;
    send_with(&mut b, "nobody", inherit(ask("1", 5)), "first").await;
    send_with(&mut b, "c", inherit(ask("2", 5)), "second").await;
    let (failed, context) = failure(&mut b).await;
    assert_eq!((failed.target, context.as_deref()), (to("nobody"), Some("first")));
    receive(&mut c).await;
    c.send_response(answer("x"), None);
    assert_eq!(message(&mut b).await.2.as_deref(), Some("second"));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert!(is_idle(&mut b));
}

/// The answer to a request with an inherited id was already there; the one that came after it answered the next call.
#[tokio::test(start_paused = true)]
async fn an_awaited_response_is_never_that_of_an_earlier_call() {
    let world = World::new();
    let (mut a, mut b, mut c) = three(&world).await;
    send(&mut a, "b", ask("question", 50)).await;
    receive(&mut b).await;
    send(&mut b, "c", inherit(ask("1", 5))).await;
    receive(&mut c).await;
    c.send_response(answer("to 1"), None);
    assert_eq!(awaited(b.send_and_await(to("c"), inherit(ask("2", 5)), None).await), "to 1");
    receive(&mut c).await;
    c.send_response(answer("to 2"), None);
    assert_eq!(await_failed(b.send_and_await(to("c"), ask("3", 5), None).await).kind, FailureKind::Timeout);
}

#[tokio::test]
async fn an_id_that_was_answered_before_it_was_used_again_does_not_stay_outstanding() {
    let world = World::with(Limits { outstanding_max: 3, ..Limits::default() });
    let (mut a, mut b, mut c) = three(&world).await;
    for _ in 0..10 {
        send(&mut a, "b", ask("question", 50)).await;
        receive(&mut b).await;
        send(&mut b, "c", inherit(ask("1", 50))).await;
        receive(&mut c).await;
        c.send_response(answer("to 1"), None);
        send(&mut b, "c", inherit(ask("2", 50))).await;
        assert_eq!(receive(&mut b).await, "to 1");
        b.send_response(answer("ok"), None);
        assert_eq!(receive(&mut a).await, "ok");
        receive(&mut c).await;
    }
}

#[tokio::test]
async fn one_senders_messages_arrive_in_order() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    for n in 0..500 {
        send(&mut a, "b", tell(&n.to_string())).await;
    }
    for n in 0..500 {
        assert_eq!(receive(&mut b).await, n.to_string());
    }
}

#[tokio::test]
async fn metadata_and_expectation_arrive_as_they_were_sent() {
    let world = World::new();
    let (mut a, mut b, _) = three(&world).await;
    let request = crate::session::OutgoingRequest { metadata: Some(Arc::from("meta")), ..ask("x", 7) };
    send(&mut a, "b", request).await;
    let (envelope, ..) = message(&mut b).await;
    assert_eq!(envelope.content.metadata.as_deref(), Some("meta"));
    assert_eq!(envelope.kind, Kind::Request(Some(Seconds(7))));
    b.send_response(OutgoingResponse { metadata: Some(Arc::from("back")), ..answer("y") }, None);
    assert_eq!(message(&mut a).await.0.content.metadata.as_deref(), Some("back"));
}

/// Requests that failed were kept without a bound until the process received.
#[tokio::test]
async fn a_process_that_never_receives_its_failures_is_stopped() {
    let world = World::with(Limits { outstanding_max: 8, ..Limits::default() });
    let mut a = world.public("a").await;
    for _ in 0..8 {
        send(&mut a, "nobody", ask("x", 5)).await;
    }
    assert!(matches!(a.send_request(to("nobody"), ask("x", 5), None, None).await, Err(Misuse(_))));
    // Requests that expect nothing leave nothing behind.
    for _ in 0..100 {
        send(&mut a, "nobody", tell("x")).await;
    }
    for _ in 0..8 {
        failure(&mut a).await;
    }
    send(&mut a, "nobody", ask("x", 5)).await;
}

/// Their blobs are kept for the error: with 4,096 of them, that was a terabyte.
#[tokio::test]
async fn what_waits_for_responses_has_a_bound_in_bytes() {
    let world = World::with(Limits { outstanding_bytes_max: 10_000, ..Limits::default() });
    let (mut a, mut b, _) = three(&world).await;
    let large = "x".repeat(4_000);
    send_with(&mut a, "b", ask(&large, 5), "1").await;
    send_with(&mut a, "b", ask(&large, 5), "2").await;
    send_with(&mut a, "b", ask(&large, 5), "3").await;
    assert_eq!(failure(&mut a).await.1.as_deref(), Some("3"));
    for expected in ["1", "2"] {
        receive(&mut b).await;
        b.send_response(answer(""), None);
        assert_eq!(message(&mut a).await.2.as_deref(), Some(expected));
    }
    assert!(is_idle(&mut b));
    send_with(&mut a, "b", ask(&large, 5), "4").await;
    receive(&mut b).await;
}

#[test]
fn sessions_and_kernels_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<crate::session::Session>();
    is_send::<Kernel>();
}
