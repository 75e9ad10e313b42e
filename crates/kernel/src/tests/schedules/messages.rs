//! Requests and responses while somebody is killed or loses patience.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};

use super::super::support::{ask, awaited, send_with, to};
use super::{Stage, assert_gone, assert_in_order, explore, serve};
use crate::Limits;
use crate::session::Session;

const EACH: usize = 2;

/// A life that asks `r` some questions, each with itself as context.
fn asks(name: &'static str, mut session: Session) -> JoinHandle<Session> {
    thread::spawn(move || {
        block_on(async {
            for n in 0..EACH {
                let question = format!("{name}{n}");
                send_with(&mut session, "r", ask(&question, 60), &question).await;
            }
        });
        session
    })
}

/// Each response is that of its own request, and of one that was received.
fn assert_answers(outcomes: &BTreeMap<String, Option<String>>, asked: &[String]) {
    assert_eq!(outcomes.len(), EACH);
    for (question, response) in outcomes.iter().filter_map(|(question, response)| Some((question, response.as_ref()?)))
    {
        assert_eq!(*response, format!("re {question}"));
        assert!(asked.contains(question));
    }
}

fn two_ask_one_that_is_killed(stage: &Stage) {
    let ((_, a), (_, b), (r, receiver)) = (stage.public("a"), stage.public("b"), stage.public("r"));
    let killed = Arc::clone(&r);
    let serving = serve(r, receiver);
    let asking = [("a", asks("a", a)), ("b", asks("b", b))];
    stage.kill("r").join().unwrap();
    let asked = serving.join().unwrap();
    for (name, asking) in asking {
        let mut session = asking.join().unwrap();
        assert_in_order(name, &asked);
        assert_answers(&stage.outcomes(&mut session, EACH), &asked);
    }
    assert_gone(stage, &killed);
}

#[test]
fn whoever_asks_one_that_is_killed_gets_its_answer_or_learns_that_it_failed() {
    explore(|stage| two_ask_one_that_is_killed(&stage));
}

/// As above, and every mailbox has room for one request: most of the time somebody waits for it.
#[test]
fn whoever_waits_for_room_with_one_that_is_killed_gets_its_answer_or_learns_that_it_failed() {
    explore(|stage| two_ask_one_that_is_killed(&stage.with(Limits { mailbox_messages_max: 1, ..Limits::default() })));
}

/// Nobody is killed here, so nothing may fail.
#[test]
fn whoever_waits_for_room_gets_it() {
    explore(|stage| {
        let stage = stage.with(Limits { mailbox_messages_max: 1, ..Limits::default() });
        let ((_, a), (_, b), (r, receiver)) = (stage.public("a"), stage.public("b"), stage.public("r"));
        let serving = serve(Arc::clone(&r), receiver);
        for (asking, name) in [asks("a", a), asks("b", b)].into_iter().zip(["a", "b"]).collect::<Vec<_>>() {
            let mut session = asking.join().unwrap();
            let responses = block_on(async {
                let mut responses = Vec::new();
                for _ in 0..EACH {
                    responses.push(super::super::support::receive(&mut session).await);
                }
                responses
            });
            assert_eq!(responses, (0..EACH).map(|n| format!("re {name}{n}")).collect::<Vec<_>>());
        }
        stage.kill("r").join().unwrap();
        assert_eq!(serving.join().unwrap().len(), 2 * EACH);
    });
}

/// The response to what was given up comes at every moment, also while the next is awaited.
#[test]
fn a_response_that_comes_late_is_not_taken_for_the_next() {
    explore(|stage| {
        let ((_, mut a), (r, receiver)) = (stage.public("a"), stage.public("r"));
        let serving = serve(r, receiver);
        let passing = stage.pass(Duration::from_secs(2));
        let asking = thread::spawn(move || {
            block_on(async {
                // Given up when its time is over, or answered.
                let first = a.send_and_await(to("r"), ask("a1", 1), None).await;
                if first.is_ok() {
                    assert_eq!(awaited(first), "re a1");
                }
                assert_eq!(awaited(a.send_and_await(to("r"), ask("a2", 60), None).await), "re a2");
            });
            a
        });
        let mut a = asking.join().unwrap();
        passing.join().unwrap();
        assert!(stage.outcomes(&mut a, 0).is_empty());
        stage.kill("r").join().unwrap();
        assert_eq!(serving.join().unwrap(), ["a1", "a2"]);
    });
}

/// The same of requests whose responses are received among other messages.
#[test]
fn a_request_has_one_outcome_its_response_or_the_end_of_its_time() {
    explore(|stage| {
        let ((_, mut a), (r, receiver)) = (stage.public("a"), stage.public("r"));
        let serving = serve(r, receiver);
        let passing = stage.pass(Duration::from_secs(2));
        let asking = thread::spawn(move || {
            block_on(async {
                send_with(&mut a, "r", ask("a0", 1), "a0").await;
                send_with(&mut a, "r", ask("a1", 1), "a1").await;
                // The first to come; the other one is looked for afterwards.
                let first = a.receive().await;
                (a, first)
            })
        });
        let (mut a, first) = asking.join().unwrap();
        passing.join().unwrap();
        stage.kill("r").join().unwrap();
        let asked = serving.join().unwrap();
        assert_in_order("a", &asked);
        let mut outcomes = stage.outcomes(&mut a, EACH - 1);
        let (question, response) = match first {
            crate::session::Incoming::Message { envelope, context } => (context, Some(super::body(&envelope.content))),
            crate::session::Incoming::Failed { context, .. } => (context, None),
        };
        assert!(outcomes.insert(super::text(&question.unwrap()), response).is_none());
        assert_answers(&outcomes, &asked);
    });
}
