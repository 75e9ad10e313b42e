//! Revoking while what is revoked is attached, received, kept and handed on.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread::{self, JoinHandle};
use wharf_types::Capability;

use super::super::support::{attach, id, own, send};
use super::{Stage, explore, receive};
use crate::process::Process;
use crate::session::Session;

fn right() -> Capability {
    own("p", "\"right\"")
}

/// Sends the right to somebody.
fn gives(mut session: Session, target: &'static str) -> JoinHandle<Session> {
    thread::spawn(move || {
        block_on(send(&mut session, target, attach(vec![right()])));
        session
    })
}

/// Receives a message, keeps the right if it brought one, and hands it on.
fn keeps(process: Arc<Process>, mut session: Session, next: Option<&'static str>) -> JoinHandle<Session> {
    thread::spawn(move || {
        block_on(async {
            receive(&process, &mut session).await;
            session.save_capabilities(vec![right()]).await.unwrap();
            if let Some(next) = next {
                send(&mut session, next, attach(vec![right()])).await;
            }
        });
        session
    })
}

/// Nobody has it, and nobody can come to have it by what he received before.
fn assert_nobody_holds(stage: &Stage, sessions: Vec<(&str, Session)>) {
    for (name, session) in sessions {
        block_on(session.save_capabilities(vec![right()])).unwrap();
        assert!(!stage.world.holds(name, &right()), "{name}");
        assert!(!stage.world.store.has_capability(name, &right()), "{name}");
    }
}

fn is_revoked_while_it_is_handed_on(stage: &Stage, revoke: impl FnOnce(&Stage) -> JoinHandle<()>) {
    let ((_, a), (b, at_b), (c, at_c)) = (stage.public("a"), stage.public("b"), stage.public("c"));
    block_on(stage.world.grant("a", right()));
    let threads = [("a", gives(a, "b")), ("b", keeps(b, at_b, Some("c"))), ("c", keeps(c, at_c, None))];
    revoke(stage).join().unwrap();
    let sessions = threads.map(|(name, thread)| (name, thread.join().unwrap()));
    assert_nobody_holds(stage, sessions.into());
}

#[test]
fn what_is_revoked_while_it_is_handed_on_is_held_by_nobody() {
    explore(|stage| {
        is_revoked_while_it_is_handed_on(&stage, |stage| {
            let world = Arc::clone(&stage.world);
            thread::spawn(move || assert!(block_on(world.kernel.revoke(None, &[right()])).unwrap() > 0))
        });
    });
}

#[test]
fn what_is_revoked_from_its_first_holder_is_held_by_nobody_it_gave_it_to() {
    explore(|stage| {
        is_revoked_while_it_is_handed_on(&stage, |stage| {
            let world = Arc::clone(&stage.world);
            thread::spawn(move || assert!(block_on(world.kernel.revoke(Some(&id("a")), &[right()])).unwrap() > 0))
        });
    });
}

#[test]
fn what_a_package_is_stripped_of_while_it_is_handed_on_is_held_by_nobody() {
    explore(|stage| {
        is_revoked_while_it_is_handed_on(&stage, |stage| {
            let world = Arc::clone(&stage.world);
            thread::spawn(move || block_on(world.kernel.revoke_package(&"pkg:pub".parse().unwrap())).unwrap())
        });
    });
}

/// The issuer is killed while it issues, keeps and sends.
#[test]
fn what_a_process_issues_while_it_is_killed_is_held_by_nobody() {
    explore(|stage| {
        let ((_, issuer), (b, at_b), (c, at_c)) = (stage.public("p"), stage.public("b"), stage.public("c"));
        let issuing = thread::spawn(move || {
            let mut issuer = issuer;
            block_on(async {
                send(&mut issuer, "b", attach(vec![right()])).await;
                issuer.save_capabilities(vec![right()]).await.unwrap();
                send(&mut issuer, "c", attach(vec![right()])).await;
            });
            issuer
        });
        let kept = [("b", keeps(b, at_b, Some("c"))), ("c", keeps(c, at_c, None))];
        stage.kill("p").join().unwrap();
        drop(issuing.join().unwrap());
        let sessions = kept.map(|(name, thread)| (name, thread.join().unwrap()));
        assert!(!stage.world.store.has_process("p") && !stage.world.store.has_capability("p", &right()));
        assert_nobody_holds(&stage, sessions.into());
    });
}

/// The store failed, what was given was taken back, and somebody whom it was handed on to in between went on holding it.
#[test]
fn what_was_given_and_not_stored_is_held_by_nobody_it_was_handed_on_to() {
    explore(|stage| {
        let ((b, _), _) = (stage.public("b"), stage.public("c"));
        stage.world.store.set_full(true);
        let world = Arc::clone(&stage.world);
        let granting = thread::spawn(move || block_on(world.kernel.grant(&id("b"), vec![right()])).is_ok());
        let world = Arc::clone(&stage.world);
        let offering = thread::spawn(move || {
            world.store.set_full(false);
            block_on(world.kernel.offer(&b, &id("c"), vec![right()])).is_ok()
        });
        let (granted, offered) = (granting.join().unwrap(), offering.join().unwrap());
        for (name, holds) in [("b", granted), ("c", granted && offered)] {
            assert_eq!(stage.world.holds(name, &right()), holds, "{name}");
            assert_eq!(stage.world.store.has_capability(name, &right()), holds, "{name}");
        }
    });
}

/// Whoever is killed meanwhile leaves nothing in the store.
#[test]
fn what_a_process_keeps_while_it_is_killed_is_not_stored() {
    explore(|stage| {
        let ((_, a), (b, at_b)) = (stage.public("a"), stage.public("b"));
        block_on(stage.world.grant("a", right()));
        let (giving, keeping) = (gives(a, "b"), keeps(b, at_b, None));
        stage.kill("b").join().unwrap();
        drop((giving.join().unwrap(), keeping.join().unwrap()));
        assert!(!stage.world.store.has_capability("b", &right()) && stage.world.holds("a", &right()));
    });
}
