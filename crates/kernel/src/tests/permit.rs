//! What messaging the kernel allows by itself, and what takes root.

use std::sync::Arc;

use serde_json::{Value, json};
use wharf_types::{Capability, OnExit};

use super::support::*;
use crate::api::KernelModule;
use crate::capability::Origin;
use crate::envelope::{Content, Envelope, Kind, MessageId, ReplyPath, Rsvp, Seconds};
use crate::mailbox::Mailbox;
use crate::module::Access;
use crate::session::{Incoming, Session};

/// A world in which `plain` may message the kernel and nothing else.
async fn plain() -> (World, Session) {
    let world = World::new();
    world.kernel.start_module(KernelModule { version: "test" });
    let session = world.public("plain").await;
    world.grant("plain", messaging("kernel:distro:sys")).await;
    for name in ["mate", "victim:other:pub"] {
        world.puppet(name);
        world.create(name, Access::Public, OnExit::Restart).await.unwrap();
    }
    (world, session)
}

async fn command(session: &mut Session, command: Value, component: Option<&str>) -> Value {
    let answer =
        session.send_and_await(to("kernel:distro:sys"), ask(&command.to_string(), 60), component.and_then(blob));
    match answer.await {
        Ok(Incoming::Message { envelope, .. }) => serde_json::from_slice(&envelope.content.body).unwrap(),
        other => panic!("{other:?}"),
    }
}

fn caps(what: &str, target: &str, capability: &Capability) -> Value {
    json!({what: {"target": id(target), "capabilities": [capability]}})
}

fn initialize(name: &str, handle: &str) -> Value {
    json!({"InitializeProcess": {
        "id": id(name), "wasm_bytes_handle": handle, "wit_version": 1, "on_exit": "None", "initial_capabilities": [],
        "public": false
    }})
}

#[tokio::test]
async fn what_others_say_and_leave_is_theirs_to_see() {
    let (world, mut plain) = plain().await;
    for name in ["fails", "fails:other:pub"] {
        world.script(name, |_| async { crate::launcher::Exit::Trapped(wharf_types::kernel::Crash::new("a secret")) });
        let leaves = wharf_types::Request { body: b"another".to_vec(), ..Default::default() };
        world.create(name, Access::Public, OnExit::Requests(vec![(address("mate"), leaves, None)])).await.unwrap();
    }
    let map = command(&mut plain, json!({"Debug": "ProcessMap"}), None).await;
    let leaves = |name: &str| map["Debug"]["ProcessMap"][name]["on_exit"]["Requests"].as_array().unwrap().len();
    assert_eq!((leaves("fails:pkg:pub"), leaves("fails:other:pub")), (1, 0));
    for name in ["fails", "fails:other:pub"] {
        world.kernel.run(&id(name));
        world.kernel.removed(&id(name)).await;
    }
    let ended = command(&mut plain, json!("Ended"), None).await;
    let words = |name: &str| {
        let ended = ended["Ended"].as_array().unwrap().iter().find(|ended| ended["id"] == id(name).to_string());
        ended.unwrap()["last"]["exit"]["Trapped"]["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(words("fails"), "a secret");
    assert_eq!(words("fails:other:pub"), "only its own package is told why");
}

#[tokio::test]
async fn s3_messaging_the_kernel_is_not_root() {
    let (world, mut plain) = plain().await;
    let root = Capability::new(world.kernel.address().clone(), "{\"root\":true}");
    let victim = "victim:other:pub";
    for refused in [
        caps("GrantCapabilities", "plain", &root),
        caps("GrantCapabilities", "plain", &messaging("vfs:distro:sys")),
        caps("GrantCapabilities", victim, &own("plain", "1")),
        caps("DropCapabilities", victim, &messaging(victim)),
        caps("DropCapabilities", "kernel:distro:sys", &messaging(victim)),
        caps("RevokeCapabilities", victim, &messaging(victim)),
        json!({"RevokeCapabilities": {"target": null, "capabilities": [messaging(victim)]}}),
        json!({"RevokePackage": "other:pub"}),
        json!({"SetOnExit": {"target": id(victim), "on_exit": "None"}}),
        json!({"KillProcess": id(victim)}),
        json!("Shutdown"),
        json!("Metrics"),
        json!({"Events": {"after": null}}),
        json!({"Trace": {"process": id(victim), "after": null}}),
        json!({"Trace": {"process": id("plain"), "after": null}}),
    ] {
        let answer = command(&mut plain, refused.clone(), None).await;
        assert!(answer["Err"].is_string(), "{refused} was answered with {answer}");
    }
    assert_eq!(command(&mut plain, json!({"RunProcess": id(victim)}), None).await, "RunProcessError");
    let elsewhere = initialize("new:other:pub", "/other:pub/pkg/mate");
    assert_eq!(command(&mut plain, elsewhere, Some("mate")).await, "InitializeProcessError");
    assert!(!world.kernel.stop().is_cancelled() && world.kernel.is_alive(&id(victim)));
    assert!(world.holds(victim, &messaging(victim)) && !world.holds("plain", &root));
    assert!(matches!(world.store.on_exit(victim), Some(OnExit::Restart)));
}

#[tokio::test]
async fn who_messages_the_kernel_manages_its_own_package_with_what_it_holds() {
    let (world, mut plain) = plain().await;
    let held = own("x:third:pub", "1");
    world.grant("plain", held.clone()).await;
    assert_eq!(command(&mut plain, caps("GrantCapabilities", "mate", &held), None).await, "Ok");
    assert_eq!(command(&mut plain, caps("GrantCapabilities", "mate", &own("plain", "2")), None).await, "Ok");
    let process = world.kernel.find(&id("mate")).unwrap();
    let lineage = process.held(&held.key().unwrap()).unwrap().lineage();
    assert_eq!((lineage.origin, lineage.path), (Origin::Granted, vec![address("plain")]), "it comes from who gave it");
    assert_eq!(command(&mut plain, caps("RevokeCapabilities", "plain", &held), None).await, "Ok");
    assert!(!world.holds("mate", &held) && !world.holds("plain", &held));
    let everyone = json!({"RevokeCapabilities": {"target": null, "capabilities": [own("plain", "2")]}});
    assert_eq!(command(&mut plain, everyone, None).await, "Ok");
    assert!(!world.holds("mate", &own("plain", "2")));
    assert_eq!(command(&mut plain, initialize("new", "/pkg:pub/pkg/mate"), Some("mate")).await, "InitializedProcess");
    assert_eq!(command(&mut plain, json!({"KillProcess": id("new")}), None).await, json!({"KilledProcess": id("new")}));
}

/// S28 by another way: the node reads that file at the next boot, in nobody's name.
#[tokio::test]
async fn s28_a_component_is_named_only_in_the_drives_of_its_package() {
    let (world, mut plain) = plain().await;
    for handle in
        ["/other:pub/pkg/x.wasm", "other:pub/pkg/x.wasm", "/pkg:pub/../other:pub/pkg/x.wasm", "", "/pkg:pubx/a"]
    {
        let answer = command(&mut plain, initialize("new", handle), Some("mate")).await;
        assert_eq!(answer, "InitializeProcessError", "{handle:?}");
    }
    assert!(!world.kernel.is_alive(&id("new")));
}

#[tokio::test]
async fn people_see_who_holds_what_and_from_whom() {
    let (world, mut plain) = plain().await;
    let mut other = world.public("other").await;
    let gift = own("plain", "\"gift\"");
    send(&mut plain, "other", attach(vec![gift.clone()])).await;
    attached(&mut other).await;
    other.save_capabilities(vec![gift.clone()]).await.unwrap();
    let answer = command(&mut plain, json!({"Capabilities": id("other")}), None).await;
    let held = &answer["Capabilities"]["held"];
    assert_eq!(held[1], json!({"capability": gift, "origin": "Issued", "path": [address("plain")]}));
    assert_eq!(held[0]["path"], json!([]));
    let answer = command(&mut plain, json!({"Capabilities": id("plain")}), None).await;
    let issued = &answer["Capabilities"]["issued"];
    let holders = json!([{"process": id("other"), "origin": "Issued", "path": [address("plain")]}]);
    assert_eq!(issued[0], json!({"capability": gift, "holders": holders, "holders_total": 1}));
    let unknown = command(&mut plain, json!({"Capabilities": id("nobody")}), None).await;
    assert!(unknown["Err"].as_str().unwrap().contains("nobody"));
}

#[tokio::test]
async fn s27_an_initializer_hands_on_what_it_holds_and_no_more() {
    let (world, mut plain) = plain().await;
    let held = own("x:third:pub", "1");
    world.grant("plain", held.clone()).await;
    let mut wanted = initialize("new", "/pkg:pub/pkg/mate");
    wanted["InitializeProcess"]["initial_capabilities"] = json!([held, own("x:third:pub", "2")]);
    assert_eq!(command(&mut plain, wanted, Some("mate")).await, "InitializedProcess");
    assert!(world.holds("new", &held) && !world.holds("new", &own("x:third:pub", "2")));
    command(&mut plain, caps("RevokeCapabilities", "plain", &held), None).await;
    assert!(!world.holds("new", &held), "it came from the initializer");
}

/// S15, S16: whoever has an empowered process's name on another node is somebody else, and is not let in.
#[tokio::test]
async fn s15_the_same_name_on_another_node_commands_nothing() {
    let (world, _plain) = plain().await;
    world.grant("plain", Capability::new(world.kernel.address().clone(), "{\"root\":true}")).await;
    let kernel = world.kernel.find(world.kernel.address().process()).unwrap();
    let source = "b.os@plain:pkg:pub".parse().unwrap();
    let reply = ReplyPath(Arc::new(Mailbox::new(source, world.kernel.limits())));
    let asked = MessageId::new(1);
    let response = reply.mailbox().expect_direct(asked).unwrap();
    let foreign = Envelope {
        id: asked,
        kind: Kind::Request(Some(Seconds(60))),
        content: Content::body(b"\"Shutdown\"".to_vec()),
        blob: None,
        rsvp: Rsvp::Source,
        reply,
    };
    kernel.mailbox().push_request(Box::new(foreign)).unwrap();
    assert!(body(&response.await.unwrap().content).contains("other nodes"));
    assert!(!world.kernel.stop().is_cancelled());
}
