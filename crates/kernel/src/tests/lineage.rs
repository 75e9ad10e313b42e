//! Through whose hands a capability came, and that revoking reaches all of them.

use std::sync::Arc;

use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::Limits;
use crate::capability::{Lineage, Origin};
use crate::grants::Gift;
use crate::lifecycle::Revocation;
use crate::module::Access;
use crate::session::{Session, SpawnRequest};

/// `from` attaches, `to` keeps.
async fn hand_over(from: &mut Session, to: &mut Session, capability: &Capability) {
    let name = to.our().process().process().to_owned();
    send(from, &name, attach(vec![capability.clone()])).await;
    attached(to).await;
    to.save_capabilities(vec![capability.clone()]).await.unwrap();
}

fn lineage(world: &World, holder: &str, capability: &Capability) -> Option<Lineage> {
    let process = world.kernel.find(&id(holder))?;
    process.held(&capability.key()?).map(|holding| holding.lineage())
}

fn through(origin: Origin, path: &[&str]) -> Option<Lineage> {
    Some(Lineage { origin, path: path.iter().map(|hand| address(hand)).collect() })
}

async fn revoke(world: &World, from: Option<&str>, capability: &Capability) {
    world.kernel.revoke(from.map(id).as_ref(), std::slice::from_ref(capability)).await.unwrap();
}

/// In memory and in the store.
fn has(world: &World, holder: &str, capability: &Capability) -> bool {
    let holds = world.holds(holder, capability);
    assert_eq!(holds, world.store.has_capability(holder, capability), "{holder} {capability:?}");
    holds
}

/// A world in which `a` issued to `b`, that handed on to `c`, that to `d`; and `e` has it from `a`.
async fn chain() -> (World, Vec<Session>, Capability) {
    let world = World::new();
    let mut sessions = Vec::new();
    for name in ["a", "b", "c", "d", "e"] {
        sessions.push(world.public(name).await);
    }
    let gift = own("a", "\"gift\"");
    let [a, b, c, d, e] = &mut sessions[..] else { panic!() };
    hand_over(a, b, &gift).await;
    hand_over(b, c, &gift).await;
    hand_over(c, d, &gift).await;
    hand_over(a, e, &gift).await;
    (world, sessions, gift)
}

#[tokio::test]
async fn a_holding_knows_through_whose_hands_it_came() {
    let (world, _sessions, gift) = chain().await;
    assert_eq!(lineage(&world, "b", &gift), through(Origin::Issued, &["a"]));
    assert_eq!(lineage(&world, "d", &gift), through(Origin::Issued, &["a", "b", "c"]));
    world.grant("a", own("x", "1")).await;
    assert_eq!(lineage(&world, "a", &own("x", "1")), through(Origin::Granted, &[]));
}

#[tokio::test]
async fn revoking_from_one_reaches_whoever_has_it_through_them_and_nobody_else() {
    let (world, mut sessions, gift) = chain().await;
    revoke(&world, Some("b"), &own("a", " \"gift\" ")).await;
    for (holder, has_it) in [("b", false), ("c", false), ("d", false), ("e", true)] {
        assert_eq!(has(&world, holder, &gift), has_it, "{holder}");
    }
    // Its issuer may give it anew.
    let [a, b, ..] = &mut sessions[..] else { panic!() };
    hand_over(a, b, &gift).await;
    assert!(has(&world, "b", &gift));
}

#[tokio::test]
async fn revoking_from_everyone_reaches_everyone() {
    let (world, _sessions, gift) = chain().await;
    revoke(&world, None, &gift).await;
    for holder in ["b", "c", "d", "e"] {
        assert!(!has(&world, holder, &gift), "{holder}");
    }
    assert!(has(&world, "b", &messaging("b")), "only what was named");
}

#[tokio::test]
async fn what_is_revoked_on_the_way_or_before_it_is_saved_does_not_arrive() {
    let (world, mut sessions, gift) = chain().await;
    let [a, b, c, ..] = &mut sessions[..] else { panic!() };
    let (mut f, mut g) = (world.public("f").await, world.public("g").await);
    let other = own("a", "\"other\"");
    hand_over(a, b, &other).await;
    // To `f`: on the way. To `g`: received and not saved.
    send(b, "f", attach(vec![gift.clone(), other.clone()])).await;
    send(c, "g", attach(vec![gift.clone()])).await;
    assert_eq!(attached(&mut g).await.len(), 1);
    revoke(&world, Some("b"), &gift).await;
    let arrived: Vec<_> = attached(&mut f).await.iter().map(Capability::key).collect();
    assert_eq!(arrived, [other.key()]);
    for (session, holder) in [(&f, "f"), (&g, "g")] {
        session.save_capabilities(vec![gift.clone()]).await.unwrap();
        assert!(!has(&world, holder, &gift), "{holder}");
    }
}

#[tokio::test]
async fn a_revoked_capability_of_an_awaited_response_is_not_seen() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let gift = own("b", "\"gift\"");
    let asking = tokio::spawn(async move {
        let answer = a.send_and_await(to("b"), ask("x", 60), None).await.unwrap();
        let crate::session::Incoming::Message { envelope, .. } = answer else { panic!() };
        envelope.content.capabilities.len()
    });
    message(&mut b).await;
    let capabilities = vec![gift.clone()];
    b.send_response(crate::session::OutgoingResponse { capabilities, ..answer("y") }, None);
    revoke(&world, None, &gift).await;
    assert_eq!(asking.await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_gave_it_up_is_still_on_the_path() {
    let (world, mut sessions, gift) = chain().await;
    let [_, b, c, _, e] = &mut sessions[..] else { panic!() };
    b.drop_capabilities(vec![gift.clone()]).await.unwrap();
    assert!(has(&world, "c", &gift), "dropping is for one holder only");
    send(c, "e", attach(vec![gift.clone()])).await;
    c.drop_capabilities(vec![gift.clone()]).await.unwrap();
    assert!(has(&world, "d", &gift));
    revoke(&world, Some("b"), &gift).await;
    assert!(!has(&world, "d", &gift) && has(&world, "e", &gift));
    assert!(attached(e).await.is_empty());
}

#[tokio::test]
async fn a_message_sent_before_arrives_and_the_next_is_refused() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.private("b").await);
    world.grant("a", messaging("b")).await;
    send(&mut a, "b", tell("1")).await;
    send(&mut a, "b", tell("2")).await;
    revoke(&world, Some("a"), &messaging("b")).await;
    send(&mut a, "b", ask("3", 60)).await;
    failure(&mut a).await;
    assert_eq!((receive(&mut b).await, receive(&mut b).await), ("1".to_owned(), "2".to_owned()));
    assert!(is_idle(&mut b));
}

#[tokio::test]
async fn s25_killing_reaches_what_is_on_the_way_and_what_was_received() {
    let (world, mut sessions, gift) = chain().await;
    let [a, b, c, ..] = &mut sessions[..] else { panic!() };
    let fresh = own("a", "\"fresh\"");
    send(a, "b", attach(vec![fresh.clone()])).await;
    assert_eq!(attached(b).await.len(), 1);
    send(a, "c", attach(vec![fresh.clone()])).await;
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    // A session that has not noticed yet that it is over issues nothing that would outlive it.
    send(a, "c", attach(vec![fresh.clone()])).await;
    assert!(attached(c).await.is_empty() && attached(c).await.is_empty());
    for (session, holder) in [(&b, "b"), (&c, "c")] {
        session.save_capabilities(vec![fresh.clone(), gift.clone()]).await.unwrap();
        assert!(!has(&world, holder, &fresh) && !has(&world, holder, &gift));
    }
}

/// A save and a revocation at once, in both orders: whichever comes first, nothing revoked is held afterwards.
#[tokio::test]
async fn a_save_beside_a_revocation_leaves_nothing() {
    for save_first in [true, false] {
        let (world, mut sessions, gift) = chain().await;
        let b = &mut sessions[1];
        let mut f = world.public("f").await;
        send(b, "f", attach(vec![gift.clone()])).await;
        attached(&mut f).await;
        // Nothing becomes durable while both are under way.
        world.store.set_open(false);
        let save = f.save_capabilities(vec![gift.clone()]);
        let revoke = revoke(&world, Some("b"), &gift);
        let open = async {
            tokio::task::yield_now().await;
            world.store.set_open(true);
        };
        match save_first {
            true => drop(tokio::join!(save, revoke, open)),
            false => drop(tokio::join!(revoke, save, open)),
        }
        assert!(!has(&world, "f", &gift), "save first: {save_first}");
    }
}

/// The next boot on the same store, with processes of these names.
async fn boot(world: World, names: &[&str]) -> World {
    world.kernel.shut_down().await;
    let next = World::on(Limits::default(), Arc::clone(&world.store));
    for name in names {
        next.puppet(name);
    }
    next.kernel.restore(Arc::<Shelf>::default()).await.unwrap();
    next
}

#[tokio::test]
async fn s25_paths_survive_a_restart_and_revoking_goes_along_them() {
    let (world, mut sessions, gift) = chain().await;
    let [_, b, ..] = &mut sessions[..] else { panic!() };
    b.drop_capabilities(vec![gift.clone()]).await.unwrap();
    let names = ["a", "b", "c", "d", "e"];
    let world = boot(world, &names).await;
    assert_eq!(lineage(&world, "d", &gift), through(Origin::Issued, &["a", "b", "c"]));
    revoke(&world, Some("b"), &gift).await;
    let world = boot(world, &names).await;
    for (holder, has_it) in [("b", false), ("c", false), ("d", false), ("e", true)] {
        assert_eq!(has(&world, holder, &gift), has_it, "{holder}");
    }
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    assert!(!has(&world, "e", &gift));
}

#[tokio::test]
async fn what_a_module_holds_that_this_boot_does_not_have_is_revoked_too() {
    let world = World::new();
    world.components();
    let mut a = world.puppet("a");
    world.create("a", Access::Public, OnExit::Restart).await.unwrap();
    world.run("a");
    a.life().await;
    let (issued, granted) = (own("a", "1"), own("x", "2"));
    world.grant("vfs:distro:sys", issued.clone()).await;
    world.grant("vfs:distro:sys", granted.clone()).await;
    let world = boot(world, &["a"]).await;
    assert!(!world.kernel.is_alive(&id("vfs:distro:sys")));
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    revoke(&world, Some("vfs:distro:sys"), &granted).await;
    assert!(!world.store.has_capability("vfs:distro:sys", &issued));
    assert!(!world.store.has_capability("vfs:distro:sys", &granted));
}

#[tokio::test]
async fn a_capability_goes_through_so_many_hands_and_no_more() {
    let world = World::with(Limits { capability_path_max: 2, ..Limits::default() });
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let (mut c, mut d) = (world.public("c").await, world.public("d").await);
    let gift = own("a", "\"gift\"");
    hand_over(&mut a, &mut b, &gift).await;
    hand_over(&mut b, &mut c, &gift).await;
    hand_over(&mut c, &mut d, &gift).await;
    assert!(has(&world, "c", &gift) && !has(&world, "d", &gift));
}

#[tokio::test]
async fn of_two_ways_the_shorter_counts() {
    let (world, mut sessions, gift) = chain().await;
    let [a, _, c, ..] = &mut sessions[..] else { panic!() };
    hand_over(a, c, &gift).await;
    assert_eq!(lineage(&world, "c", &gift), through(Origin::Issued, &["a"]));
    world.grant("d", gift.clone()).await;
    revoke(&world, Some("b"), &gift).await;
    assert!(has(&world, "c", &gift) && has(&world, "d", &gift));
    assert_eq!(lineage(&world, "d", &gift), through(Origin::Granted, &[]));
}

#[tokio::test]
async fn a_shorter_way_that_is_not_stored_leaves_the_longer_one() {
    let (world, _sessions, gift) = chain().await;
    world.store.set_full(true);
    assert!(world.kernel.grant(&id("d"), vec![gift.clone()]).await.is_err());
    world.store.set_full(false);
    assert_eq!(lineage(&world, "d", &gift), through(Origin::Issued, &["a", "b", "c"]));
    revoke(&world, Some("b"), &gift).await;
    assert!(!has(&world, "d", &gift));
}

fn child(name: &str, wanted: Vec<Capability>) -> SpawnRequest {
    SpawnRequest {
        name: Some(name.to_owned()),
        wasm_path: format!("pkg:pub/pkg/{name}"),
        on_exit: OnExit::Restart,
        request_capabilities: wanted,
        grant_capabilities: Vec::new(),
        access: Access::Public,
    }
}

#[tokio::test]
async fn s27_what_a_child_starts_with_comes_from_its_parent() {
    let (world, mut sessions, gift) = chain().await;
    world.components();
    world.puppet("child");
    let [_, b, ..] = &mut sessions[..] else { panic!() };
    let (issued, foreign) = (own("b", "\"mine\""), own("x", "\"not held\""));
    let wanted = vec![gift.clone(), issued.clone(), foreign.clone()];
    b.spawn(child("child", wanted)).await.unwrap();
    assert_eq!(lineage(&world, "child", &gift), through(Origin::Issued, &["a", "b"]));
    assert_eq!(lineage(&world, "child", &issued), through(Origin::Issued, &["b"]));
    assert_eq!(lineage(&world, "child", &messaging("b")), through(Origin::Issued, &["b"]));
    assert!(!world.holds("child", &foreign));
    revoke(&world, Some("b"), &gift).await;
    assert!(!has(&world, "child", &gift) && has(&world, "child", &issued));
    // What the parent has lost it cannot hand on any more.
    world.puppet("late");
    b.spawn(child("late", vec![gift.clone()])).await.unwrap();
    assert!(!has(&world, "late", &gift));
}

#[tokio::test]
async fn revoking_a_package_leaves_nothing_that_came_through_it() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b:other:pub").await);
    let (held, issued) = (own("x:third:pub", "\"held\""), own("a", "\"issued\""));
    world.grant("a", held.clone()).await;
    for capability in [&held, &issued] {
        send(&mut a, "b:other:pub", attach(vec![capability.clone()])).await;
        attached(&mut b).await;
        b.save_capabilities(vec![capability.clone()]).await.unwrap();
    }
    world.grant("b:other:pub", own("x:third:pub", "\"its own\"")).await;
    world.kernel.kill(&id("a"), Revocation::Keep).await.unwrap();
    assert!(has(&world, "b:other:pub", &held) && has(&world, "b:other:pub", &issued));
    world.kernel.revoke_package(&id("a").package_id()).await.unwrap();
    assert!(!has(&world, "b:other:pub", &held) && !has(&world, "b:other:pub", &issued));
    assert!(has(&world, "b:other:pub", &own("x:third:pub", "\"its own\"")));
}

#[tokio::test]
async fn a_revocation_that_is_not_stored_is_an_error_and_holds_until_the_node_ends() {
    let (world, _sessions, gift) = chain().await;
    world.store.set_full(true);
    assert!(world.kernel.revoke(Some(&id("b")), std::slice::from_ref(&gift)).await.is_err());
    world.store.set_full(false);
    assert!(!world.holds("d", &gift) && world.store.has_capability("d", &gift));
}

#[tokio::test]
async fn a_dead_process_leaves_nothing_in_the_index() {
    let (world, sessions, _gift) = chain().await;
    drop(sessions);
    for name in ["a", "b", "c", "d", "e"] {
        world.kernel.kill(&id(name), Revocation::Revoke).await.unwrap();
    }
    let kernel = world.kernel.clone();
    // The tasks that ran them let go of them a moment later.
    while !kernel.holdings().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_nobody_asked_for_fills_half_of_the_room() {
    let world = World::with(Limits { capabilities_max: 6, ..Limits::default() });
    world.components();
    world.puppet("child");
    let (mut a, b) = (world.public("a").await, world.public("b").await);
    let grant_capabilities = (0..10).map(|n| (Some(id("b")), n.to_string())).collect();
    a.spawn(SpawnRequest { grant_capabilities, ..child("child", Vec::new()) }).await.unwrap();
    assert_eq!(b.capabilities().len(), 3);
    assert_eq!(lineage(&world, "b", &own("child", "0")), through(Origin::Issued, &["child"]));
    b.save_capabilities(vec![own("b", "\"mine\"")]).await.unwrap();
    world.grant("b", own("x", "1")).await;
    assert_eq!(b.capabilities().len(), 5);
}

/// What was looked up before a revocation and is given after it, as two tasks at once may have it.
#[tokio::test]
async fn what_was_valid_a_moment_ago_is_not_given() {
    let (world, _sessions, gift) = chain().await;
    let f = world.public("f").await;
    let of_c = world.kernel.find(&id("c")).unwrap().held(&gift.key().unwrap()).unwrap();
    revoke(&world, Some("b"), &gift).await;
    let process = world.kernel.find(&id("f")).unwrap();
    let mut refused = 0;
    let count = |_| {
        refused += 1;
        Ok(())
    };
    world.kernel.give_each(&process, vec![Gift::HandedOn(of_c)], count).await.unwrap();
    assert_eq!(refused, 1);
    assert!(!has(&world, "f", &gift) && f.capabilities().len() == 1);
}
