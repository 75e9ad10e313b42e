//! One life follows another, and one process another of the same id.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;
use wharf_types::OnExit;

use super::super::support::{ask, body, id, messaging, send_with, tell, text, to};
use super::{assert_gone, assert_in_order, explore, receive, serve};
use crate::envelope::Kind;
use crate::lifecycle::InitializeError;
use crate::mailbox::Mailbox;
use crate::module::Access;
use crate::session::{Incoming, Session};

/// What waits in a mailbox: requests only.
fn waiting(mailbox: &Mailbox) -> Vec<String> {
    let mut waiting = Vec::new();
    while mailbox.len() > 0 {
        let envelope = block_on(mailbox.pop()).unwrap();
        assert_ne!(envelope.kind, Kind::Response, "a response to the life before");
        waiting.push(text(&envelope.content.body));
    }
    waiting
}

/// A life that asked somebody ends, and another begins, while the answer and a request are on their way.
#[test]
fn a_new_life_gets_what_is_sent_to_it_and_no_answer_to_the_one_before() {
    explore(|stage| {
        let ((_, mut a), (s, answering), (r, mut first)) = (stage.public("a"), stage.public("s"), stage.public("r"));
        let serving = serve(s, answering);
        // From here on `a` has a route to the first life.
        block_on(send_with(&mut a, "r", ask("a0", 60), "a0"));
        let sender = thread::spawn(move || {
            block_on(async {
                send_with(&mut a, "r", ask("a1", 60), "a1").await;
                send_with(&mut a, "r", ask("a2", 60), "a2").await;
            });
            a
        });
        block_on(send_with(&mut first, "s", ask("r0", 60), "r0"));
        let process = Arc::clone(&r);
        let supervisor = thread::spawn(move || {
            // The first life receives one message, its answer or a request, and ends.
            let received = match block_on(first.receive()) {
                Incoming::Message { envelope, .. } => body(&envelope.content),
                Incoming::Failed { failure, .. } => panic!("{failure:?}"),
            };
            let before = process.mailbox();
            before.close();
            drop(first);
            process.renew_mailbox();
            (before, received)
        });
        let mut a = sender.join().unwrap();
        let (before, received) = supervisor.join().unwrap();
        stage.kill("s").join().unwrap();
        serving.join().unwrap();
        assert!(before.is_closed() && before.len() == 0);
        let asked: Vec<_> = [received].into_iter().chain(waiting(&r.mailbox())).collect();
        assert_in_order("a", &asked);
        // Nobody answered, so each request failed when its time was over, if not before.
        let outcomes = stage.outcomes(&mut a, 3);
        assert!(outcomes.len() == 3 && outcomes.values().all(Option::is_none));
    });
}

/// A killed process is created again by two at once, while somebody sends to it, and somebody is given a right to it.
#[test]
fn of_a_process_that_is_created_again_while_it_is_killed_table_store_and_census_agree() {
    explore(|stage| {
        let ((old, _), (_, mut a), (h, _)) = (stage.private("p"), stage.public("a"), stage.public("h"));
        block_on(stage.world.grant("a", messaging("p")));
        block_on(a.send_request(to("p"), tell("a0"), None, None)).unwrap();
        let killing = stage.kill("p");
        let creating: Vec<_> = (0..2)
            .map(|_| {
                let world = Arc::clone(&stage.world);
                thread::spawn(move || block_on(world.create("p", Access::Capability, OnExit::None)))
            })
            .collect();
        let sender = thread::spawn(move || {
            block_on(send_with(&mut a, "p", ask("a1", 60), "a1"));
            a
        });
        let world = Arc::clone(&stage.world);
        let changing = thread::spawn(move || block_on(world.kernel.set_on_exit(&id("p"), OnExit::Restart)).unwrap());
        killing.join().unwrap();
        let mut a = sender.join().unwrap();
        changing.join().unwrap();
        let created: Vec<_> = creating.into_iter().map(|creating| creating.join().unwrap()).collect();
        let count = created.iter().filter(|created| created.is_ok()).count();
        assert!(count <= 1 && created.iter().all(|one| matches!(one, Ok(()) | Err(InitializeError::Exists(_)))));
        let (kernel, store) = (&stage.world.kernel, &stage.world.store);
        assert_eq!((kernel.is_alive(&id("p")), store.has_process("p")), (count == 1, count == 1));
        assert_eq!(stage.world.holds("p", &messaging("p")), count == 1);
        assert_eq!(store.has_capability("p", &messaging("p")), count == 1);
        assert_eq!(kernel.census().counted().0, kernel.table().len());
        // The right to message the old one is none to message the new one.
        assert!(!stage.world.holds("a", &messaging("p")) && !store.has_capability("a", &messaging("p")));
        if let Some(new) = kernel.find(&id("p")) {
            assert_eq!(waiting(&new.mailbox()), Vec::<String>::new());
        }
        assert_eq!(stage.outcomes(&mut a, 1)["a1"], None);
        assert_gone(&stage, &old);
        drop(h);
    });
}

/// The route to one that is gone is not used, whoever is there now.
#[test]
fn whoever_sends_while_a_public_process_is_replaced_reaches_one_of_the_two() {
    explore(|stage| {
        let ((old, before), (_, mut a)) = (stage.public("r"), stage.public("a"));
        let killed = Arc::clone(&old);
        let serving = serve(old, before);
        let sender = thread::spawn(move || {
            block_on(async {
                for question in ["a0", "a1", "a2"] {
                    send_with(&mut a, "r", ask(question, 60), question).await;
                }
            });
            a
        });
        stage.kill("r").join().unwrap();
        block_on(stage.world.create("r", Access::Public, OnExit::None)).unwrap();
        let new = stage.world.kernel.find(&id("r")).unwrap();
        let mut after = Session::new(stage.world.kernel.clone(), Arc::clone(&new));
        let asked_first = serving.join().unwrap();
        let mut a = sender.join().unwrap();
        let mut asked = asked_first.clone();
        while new.mailbox().len() > 0 {
            let Some(Incoming::Message { envelope, .. }) = block_on(receive(&new, &mut after)) else { panic!() };
            asked.push(body(&envelope.content));
        }
        assert_in_order("a", &asked);
        for (question, response) in stage.outcomes(&mut a, 3) {
            assert!(
                response.is_none_or(|response| response == format!("re {question}") && asked_first.contains(&question))
            );
        }
        assert_gone(&stage, &killed);
    });
}
