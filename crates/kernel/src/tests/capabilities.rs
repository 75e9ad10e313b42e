//! Who may hold what.

use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::Limits;
use crate::lifecycle::Revocation;
use crate::module::Access;
use crate::session::OutgoingResponse;

#[tokio::test]
async fn only_what_is_held_or_issued_is_attached() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    world.grant("a", own("x", "\"held\"")).await;
    let wanted = vec![own("a", "\"mine\""), own("x", "\"held\""), own("x", "\"invented\""), own("a", "not json")];
    send(&mut a, "b", attach(wanted)).await;
    let params: Vec<_> = attached(&mut b).await.into_iter().map(|capability| capability.params).collect();
    assert_eq!(params, ["\"mine\"", "\"held\""]);
    // The same for responses.
    send(&mut b, "a", ask("x", 5)).await;
    message(&mut a).await;
    let capabilities = vec![own("x", "\"invented\""), own("a", "\"mine\"")];
    a.send_response(OutgoingResponse { capabilities, ..answer("y") }, None);
    assert_eq!(attached(&mut b).await.len(), 1);
}

#[tokio::test]
async fn s1_only_received_and_issued_capabilities_are_saved() {
    let world = World::new();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let root = Capability::messaging(world.kernel.address().clone());
    b.save_capabilities(vec![root.clone(), own("a", "\"x\"")]).await.unwrap();
    assert!(!world.holds("b", &root) && !world.holds("b", &own("a", "\"x\"")));
    b.save_capabilities(vec![own("b", "\"mine\"")]).await.unwrap();
    assert!(world.holds("b", &own("b", "\"mine\"")));
    send(&mut a, "b", attach(vec![own("a", "{\"x\":1}")])).await;
    attached(&mut b).await;
    b.save_capabilities(vec![own("a", "{ \"x\": 1 }"), own("a", "{\"x\":2}")]).await.unwrap();
    assert!(world.holds("b", &own("a", "{\"x\":1}")));
    assert!(!world.holds("b", &own("a", "{\"x\":2}")));
    assert!(world.store.has_capability("b", &own("a", "{\"x\":1}")));
}

#[tokio::test]
async fn capabilities_of_an_awaited_response_may_be_saved() {
    let world = World::new();
    let mut a = world.public("a").await;
    world.script("b", |mut session| async move {
        loop {
            message(&mut session).await;
            let capabilities = vec![own("b", "\"gift\"")];
            session.send_response(OutgoingResponse { capabilities, ..answer("take") }, None);
        }
    });
    world.create("b", Access::Public, OnExit::None).await.unwrap();
    world.run("b");
    awaited(a.send_and_await(to("b"), ask("give", 5), None).await);
    a.save_capabilities(vec![own("b", "\"gift\"")]).await.unwrap();
    assert!(world.holds("a", &own("b", "\"gift\"")));
}

#[tokio::test]
async fn what_was_received_is_passed_on_only_when_it_was_saved() {
    let world = World::new();
    let (mut a, mut b, mut c) = (world.public("a").await, world.public("b").await, world.public("c").await);
    let gift = own("a", "\"gift\"");
    send(&mut a, "b", attach(vec![gift.clone()])).await;
    attached(&mut b).await;
    send(&mut b, "c", attach(vec![gift.clone()])).await;
    assert!(attached(&mut c).await.is_empty());
    b.save_capabilities(vec![gift.clone()]).await.unwrap();
    send(&mut b, "c", attach(vec![gift.clone()])).await;
    assert_eq!(attached(&mut c).await.len(), 1);
}

#[tokio::test]
async fn dropping_takes_a_capability_from_table_and_store() {
    let world = World::new();
    let a = world.public("a").await;
    world.grant("a", own("x", "\"y\"")).await;
    assert_eq!(a.capabilities().len(), 2);
    a.drop_capabilities(vec![own("x", " \"y\" "), own("x", "\"other\""), own("x", "not json")]).await.unwrap();
    assert!(!world.holds("a", &own("x", "\"y\"")));
    assert!(!world.store.has_capability("a", &own("x", "\"y\"")));
}

#[tokio::test]
async fn killing_revokes_what_the_process_issued_from_everybody_unless_told_not_to() {
    for (revocation, stays) in [(Revocation::Revoke, false), (Revocation::Keep, true)] {
        let world = World::new();
        let (mut a, mut b) = (world.public("a").await, world.public("b").await);
        world.public("c").await;
        world.grant("c", messaging("a")).await;
        send(&mut a, "b", attach(vec![own("a", "\"derived\"")])).await;
        attached(&mut b).await;
        b.save_capabilities(vec![own("a", "\"derived\"")]).await.unwrap();
        assert!(world.kernel.kill(&id("a"), revocation).await.unwrap());
        for (holder, capability) in [("b", own("a", "\"derived\"")), ("c", messaging("a"))] {
            assert_eq!(world.holds(holder, &capability), stays);
            assert_eq!(world.store.has_capability(holder, &capability), stays);
        }
        assert!(!world.store.has_process("a"));
    }
}

#[tokio::test]
async fn a_full_process_is_given_nothing_and_the_giver_is_told() {
    let world = World::with(Limits { capabilities_max: 3, ..Limits::default() });
    let a = world.public("a").await;
    let list: Vec<_> = (0..3).map(|n| own("x", &n.to_string())).collect();
    let error = world.kernel.grant(&id("a"), list.clone()).await.unwrap_err();
    assert!(error.to_string().contains("no more than 3 capabilities"), "{error}");
    assert_eq!(a.capabilities().len(), 1);
    assert!(!list.iter().any(|capability| world.store.has_capability("a", capability)));
    world.kernel.grant(&id("a"), list[..2].to_vec()).await.unwrap();
    // What it holds already takes no room.
    world.kernel.grant(&id("a"), list[..2].to_vec()).await.unwrap();
    a.save_capabilities(vec![own("a", "\"one more\"")]).await.unwrap();
    assert_eq!(a.capabilities().len(), 3);
}

#[tokio::test]
async fn a_failing_store_gives_nobody_anything() {
    let world = World::new();
    let a = world.public("a").await;
    world.store.set_full(true);
    let gift = own("x", "\"y\"");
    assert!(world.kernel.grant(&id("a"), vec![gift.clone()]).await.is_err());
    assert!(a.save_capabilities(vec![own("a", "\"mine\"")]).await.is_err());
    assert!(!world.holds("a", &gift) && !world.holds("a", &own("a", "\"mine\"")));
    world.store.set_full(false);
    world.grant("a", gift.clone()).await;
    assert!(world.holds("a", &gift));
}

#[tokio::test]
async fn s2_a_process_named_kernel_elsewhere_has_no_power() {
    let world = World::new();
    world.kernel.start_module(crate::api::KernelModule { version: "test" });
    let (mut a, mut fake) = (world.public("a").await, world.public("kernel").await);
    send(&mut a, "kernel", ask("{\"KillProcess\":\"a:pkg:pub\"}", 5)).await;
    receive(&mut fake).await;
    assert!(world.kernel.is_alive(&id("a")));
    // It speaks with nobody who is not public, and not with the kernel.
    let mut private = world.private("b").await;
    send(&mut fake, "b", ask("x", 5)).await;
    failure(&mut fake).await;
    send(&mut fake, "kernel:distro:sys", ask("\"Status\"", 5)).await;
    failure(&mut fake).await;
    assert!(is_idle(&mut private));
}

#[tokio::test]
async fn at_most_so_many_capabilities_are_attached() {
    let world = World::with(Limits { attached_capabilities_max: 2, ..Limits::default() });
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", attach((0..5).map(|n| own("a", &n.to_string())).collect())).await;
    assert_eq!(attached(&mut b).await.len(), 2);
}
