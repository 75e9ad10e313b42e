//! Each limit of the kernel refuses what is over it, counts that, and can differ for one package.

use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::book::Book;
use crate::lifecycle::{InitializeError, Revocation};
use crate::module::Access;
use crate::session::{SpawnError, SpawnRequest};
use crate::{Limit, Limits};

fn hits(world: &World, limit: Limit) -> u64 {
    world.kernel.limit_hits().get(limit)
}

/// The test's processes are of `pkg:pub`; they have these limits, and everybody else the usual ones.
fn for_pkg(limits: Limits) -> Book<Limits> {
    Book::new(Limits::default(), [("pkg:pub".parse().unwrap(), limits)])
}

#[tokio::test]
async fn mailbox_messages_max() {
    let world = World::with(for_pkg(Limits { mailbox_messages_max: 2, full_mailbox_wait_ms: 0, ..Limits::default() }));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    for text in ["1", "2", "3"] {
        send(&mut a, "b", tell(text)).await;
    }
    assert_eq!((receive(&mut b).await, receive(&mut b).await), ("1".to_owned(), "2".to_owned()));
    assert!(is_idle(&mut b) && hits(&world, Limit::MailboxMessages) == 1);
}

#[tokio::test]
async fn mailbox_bytes_max() {
    let world = World::with(for_pkg(Limits { mailbox_bytes_max: 2_000, full_mailbox_wait_ms: 0, ..Limits::default() }));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let half = "x".repeat(1_200);
    for text in [half.as_str(), half.as_str(), &"y".repeat(4_000)] {
        send(&mut a, "b", tell(text)).await;
    }
    assert_eq!(receive(&mut b).await, half);
    assert!(is_idle(&mut b));
    assert_eq!(hits(&world, Limit::MailboxBytes), 2);
}

#[tokio::test]
async fn outstanding_max() {
    let world = World::with(for_pkg(Limits { outstanding_max: 2, ..Limits::default() }));
    let (mut a, _b) = (world.public("a").await, world.public("b").await);
    for text in ["1", "2", "3"] {
        send(&mut a, "b", ask(text, 60)).await;
    }
    assert_eq!(body(&failure(&mut a).await.0.content), "3");
    assert_eq!(hits(&world, Limit::Outstanding), 1);
}

#[tokio::test]
async fn outstanding_bytes_max() {
    let world = World::with(for_pkg(Limits { outstanding_bytes_max: 4_000, ..Limits::default() }));
    let (mut a, _b) = (world.public("a").await, world.public("b").await);
    for letter in ["1", "2"] {
        send(&mut a, "b", ask(&letter.repeat(2_500), 60)).await;
    }
    assert!(body(&failure(&mut a).await.0.content).starts_with('2'));
    assert_eq!(hits(&world, Limit::OutstandingBytes), 1);
}

#[tokio::test]
async fn body_bytes_max() {
    let world = World::with(for_pkg(Limits { body_bytes_max: 3, ..Limits::default() }));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    send(&mut a, "b", tell("1234")).await;
    send(&mut a, "b", tell("123")).await;
    assert_eq!(receive(&mut b).await, "123");
    assert_eq!(hits(&world, Limit::BodyBytes), 1);
}

#[tokio::test]
async fn blob_bytes_max() {
    let world = World::with(for_pkg(Limits { blob_bytes_max: 3, ..Limits::default() }));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    for text in ["1234", "123"] {
        a.send_request(to("b"), tell(text), None, blob(text)).await.unwrap();
    }
    assert_eq!(receive(&mut b).await, "123");
    assert_eq!(hits(&world, Limit::BlobBytes), 1);
}

#[tokio::test]
async fn capabilities_max() {
    // One is its own messaging capability.
    let world = World::with(for_pkg(Limits { capabilities_max: 2, ..Limits::default() }));
    let _a = world.public("a").await;
    world.grant("a", messaging("x")).await;
    assert!(world.kernel.grant(&id("a"), vec![messaging("y")]).await.is_err());
    assert!(world.holds("a", &messaging("x")) && !world.holds("a", &messaging("y")));
    assert_eq!(hits(&world, Limit::Capabilities), 1);
}

#[tokio::test]
async fn attached_capabilities_max() {
    let world = World::with(for_pkg(Limits { attached_capabilities_max: 1, ..Limits::default() }));
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    let mut request = tell("x");
    request.capabilities = ["1", "2"].map(|params| Capability::new(address("a"), params)).to_vec();
    send(&mut a, "b", request).await;
    assert_eq!(message(&mut b).await.0.content.capabilities.len(), 1);
    assert_eq!(hits(&world, Limit::AttachedCapabilities), 1);
}

#[tokio::test]
async fn state_bytes_max() {
    let world = World::with(for_pkg(Limits { state_bytes_max: 3, ..Limits::default() }));
    let a = world.public("a").await;
    a.set_state(payload("123")).await.unwrap();
    assert!(a.set_state(payload("1234")).await.is_err());
    assert_eq!(a.state().await.unwrap().as_deref(), Some(b"123".as_slice()));
    assert_eq!(hits(&world, Limit::StateBytes), 1);
}

#[tokio::test]
async fn package_state_bytes_max() {
    let world = World::with(for_pkg(Limits { package_state_bytes_max: 5, ..Limits::default() }));
    let (a, b) = (world.public("a").await, world.public("b").await);
    a.set_state(payload("123")).await.unwrap();
    assert!(b.set_state(payload("456")).await.is_err());
    b.set_state(payload("45")).await.unwrap();
    assert_eq!(hits(&world, Limit::PackageStateBytes), 1);
}

#[tokio::test]
async fn package_states_max() {
    let world = World::with(for_pkg(Limits { package_states_max: 1, ..Limits::default() }));
    let (a, b) = (world.public("a").await, world.public("b").await);
    a.set_state(payload("1")).await.unwrap();
    assert!(b.set_state(payload("2")).await.is_err());
    a.clear_state().await.unwrap();
    b.set_state(payload("2")).await.unwrap();
    assert_eq!(hits(&world, Limit::PackageStates), 1);
}

#[tokio::test]
async fn on_exit_requests_max() {
    let world = World::with(for_pkg(Limits { on_exit_requests_max: 1, ..Limits::default() }));
    let a = world.public("a").await;
    let last = |n| OnExit::Requests(vec![(address("a"), wharf_types::Request::default(), None); n]);
    a.set_on_exit(last(1)).await.unwrap();
    assert!(a.set_on_exit(last(2)).await.is_err());
    world.puppet("b");
    assert!(world.create("b", Access::Public, last(2)).await.is_err());
    assert_eq!(hits(&world, Limit::OnExitRequests), 2);
}

#[tokio::test]
async fn package_processes_max() {
    let world = World::with(for_pkg(Limits { package_processes_max: 2, ..Limits::default() }));
    let (_a, _b) = (world.public("a").await, world.public("b").await);
    world.puppet("c");
    let refused = world.create("c", Access::Public, OnExit::None).await;
    assert!(matches!(refused, Err(InitializeError::TooManyOfPackage(2))));
    assert_eq!(hits(&world, Limit::PackageProcesses), 1);
    // Another package is not concerned, and one that goes makes room.
    world.puppet("c:other:pub");
    world.create("c:other:pub", Access::Public, OnExit::None).await.unwrap();
    world.kernel.kill(&id("a"), Revocation::Revoke).await.unwrap();
    world.create("c", Access::Public, OnExit::None).await.unwrap();
}

#[tokio::test]
async fn children_max() {
    let world = World::with(for_pkg(Limits { children_max: 2, ..Limits::default() }));
    world.components();
    let (mut a, mut b) = (world.public("a").await, world.public("b").await);
    world.puppet("work");
    let child = |name: &str| SpawnRequest {
        name: Some(name.to_owned()),
        wasm_path: "pkg:pub/pkg/work".to_owned(),
        on_exit: OnExit::None,
        request_capabilities: Vec::new(),
        grant_capabilities: Vec::new(),
        access: Access::Public,
    };
    a.spawn(child("one")).await.unwrap();
    let two = a.spawn(child("two")).await.unwrap();
    assert_eq!(a.spawn(child("three")).await, Err(SpawnError::NoFileAtPath));
    assert_eq!(hits(&world, Limit::Children), 1);
    b.spawn(child("of-another")).await.unwrap();
    world.kernel.kill(&two, Revocation::Revoke).await.unwrap();
    a.spawn(child("three")).await.unwrap();
}

#[tokio::test]
async fn notices_per_s_max() {
    let world = World::with(for_pkg(Limits { notices_per_s_max: 3, ..Limits::default() }));
    let mut a = world.public("a").await;
    for _ in 0..10 {
        send(&mut a, "nobody", tell("x")).await;
    }
    assert!((1..=7).contains(&hits(&world, Limit::Notices)));
}

#[tokio::test]
async fn a_process_with_a_package_of_its_own_kind_has_the_limits_of_the_node() {
    let world = World::with(for_pkg(Limits { state_bytes_max: 3, ..Limits::default() }));
    let other = world.public("a:other:pub").await;
    other.set_state(payload("12345")).await.unwrap();
    assert_eq!(hits(&world, Limit::StateBytes), 0);
}
