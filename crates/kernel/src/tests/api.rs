//! `kernel:distro:sys`, in the JSON that guests write and read.

use serde_json::{Value, json};
use wharf_types::{Capability, Failure, OnExit};

use super::support::*;
use crate::api::KernelModule;
use crate::module::Access;
use crate::session::{Incoming, OutgoingRequest, Session};

struct Root {
    world: World,
    session: Session,
}

impl Root {
    async fn new() -> Self {
        let world = World::new();
        world.kernel.start_module(KernelModule { version: "1.2.3" });
        let session = world.public("root").await;
        world.grant("root", messaging("kernel:distro:sys")).await;
        world.grant("root", Capability::new(address("kernel:distro:sys"), "{\"root\":true}")).await;
        Self { world, session }
    }

    /// The answer and the reason in its metadata.
    async fn command(&mut self, request: OutgoingRequest, with: Option<&str>) -> (Value, Option<String>) {
        let blob = with.and_then(blob);
        match self.session.send_and_await(to("kernel:distro:sys"), request, blob).await {
            Ok(Incoming::Message { envelope, .. }) => {
                let reason = Failure::from_metadata(envelope.content.metadata.as_deref());
                (serde_json::from_slice(&envelope.content.body).unwrap(), reason.map(|failure| failure.error))
            }
            other => panic!("{other:?}"),
        }
    }

    async fn ask(&mut self, command: Value) -> Value {
        self.command(ask(&command.to_string(), 60), None).await.0
    }

    async fn ask_with(&mut self, command: Value, component: &str) -> Value {
        self.command(ask(&command.to_string(), 60), Some(component)).await.0
    }
}

fn initialize(name: &str, capabilities: Value) -> Value {
    json!({"InitializeProcess": {
        "id": format!("{name}:pkg:pub"), "wasm_bytes_handle": format!("/pkg:pub/pkg/{name}.wasm"), "wit_version": 1,
        "on_exit": "None", "initial_capabilities": capabilities, "public": false
    }})
}

fn capability(issuer: &str, params: &str) -> Value {
    json!({"issuer": address(issuer), "params": params})
}

#[tokio::test]
async fn nobody_commands_without_the_capability() {
    let root = Root::new().await;
    let mut a = root.world.public("a").await;
    let failed = a.send_and_await(to("kernel:distro:sys"), ask("\"Shutdown\"", 60), None).await;
    await_failed(failed);
    assert!(!root.world.kernel.stop().is_cancelled());
}

#[tokio::test]
async fn a_process_is_initialized_run_and_killed() {
    let mut root = Root::new().await;
    let mut puppet = root.world.puppet("p");
    let held = root.world.store.has_capability("root", &messaging("kernel:distro:sys"));
    assert!(held);
    let wanted = json!([capability("kernel:distro:sys", "\"messaging\""), capability("x", "\"not held\"")]);
    assert_eq!(root.ask_with(initialize("p", wanted), "p").await, json!("InitializedProcess"));
    assert!(root.world.holds("p", &messaging("kernel:distro:sys")) && root.world.holds("p", &messaging("p")));
    assert!(!root.world.holds("p", &Capability::new(address("x"), "\"not held\"")));
    assert!(root.world.holds("root", &messaging("p")));
    assert_eq!(root.ask(json!({"RunProcess": "p:pkg:pub"})).await, json!("StartedProcess"));
    let (_session, end) = puppet.life().await;
    let (again, reason) = root.command(ask("{\"RunProcess\":\"p:pkg:pub\"}", 60), None).await;
    assert_eq!(again, json!("RunProcessError"));
    assert!(reason.unwrap().contains("p:pkg:pub"));
    assert_eq!(root.ask(json!({"KillProcess": "p:pkg:pub"})).await, json!({"KilledProcess": "p:pkg:pub"}));
    end.closed().await;
    assert!(root.ask(json!({"KillProcess": "p:pkg:pub"})).await["Err"].is_string());
    assert!(root.ask(json!({"KillProcess": "kernel:distro:sys"})).await["Err"].is_string());
    assert!(!root.world.holds("root", &messaging("p")));
}

#[tokio::test]
async fn killing_with_no_revoke_leaves_what_the_process_issued() {
    let mut root = Root::new().await;
    root.world.puppet("p");
    root.ask_with(initialize("p", json!([])), "p").await;
    let kill = OutgoingRequest { metadata: Some("no-revoke".into()), ..ask("{\"KillProcess\":\"p:pkg:pub\"}", 60) };
    root.command(kill, None).await;
    assert!(root.world.holds("root", &messaging("p")) && !root.world.kernel.is_alive(&id("p")));
}

#[tokio::test]
async fn a_process_that_cannot_be_initialized_is_an_error_with_a_reason() {
    let mut root = Root::new().await;
    root.world.puppet("p");
    for (name, component, reason) in [
        ("p", None, "blob"),
        ("P", Some("p"), "a-z"),
        ("q", Some("junk"), "WebAssembly"),
        ("root", Some("p"), "already"),
    ] {
        let request = ask(&initialize(name, json!([])).to_string(), 60);
        let (answer, why) = root.command(request, component).await;
        assert_eq!(answer, json!("InitializeProcessError"));
        assert!(why.as_ref().unwrap().contains(reason), "{why:?}");
    }
    root.world.store.set_full(true);
    let (answer, why) = root.command(ask(&initialize("p", json!([])).to_string(), 60), Some("p")).await;
    assert_eq!((answer, why.unwrap().contains("disk is full")), (json!("InitializeProcessError"), true));
    assert!(!root.world.kernel.is_alive(&id("p")));
}

#[tokio::test]
async fn capabilities_are_granted_and_dropped_with_and_without_signatures() {
    let mut root = Root::new().await;
    let _p = root.world.public("p").await;
    let cap = capability("x", "\"y\"");
    for list in [json!([cap]), json!([[cap, [1, 2, 3]]])] {
        let change = |what: &str| json!({what: {"target": "p:pkg:pub", "capabilities": list}});
        assert_eq!(root.ask(change("GrantCapabilities")).await, json!("Ok"));
        let has = json!({"Debug": {"HasCap": {"on": "p:pkg:pub", "cap": cap}}});
        assert_eq!(root.ask(has.clone()).await, json!({"Debug": {"HasCap": true}}));
        assert_eq!(root.ask(change("DropCapabilities")).await, json!("Ok"));
        assert_eq!(root.ask(has).await, json!({"Debug": {"HasCap": false}}));
    }
    for what in ["GrantCapabilities", "DropCapabilities"] {
        let unknown = json!({what: {"target": "no:pkg:pub", "capabilities": []}});
        assert!(root.ask(unknown).await["Err"].as_str().unwrap().contains("no:pkg:pub"));
    }
    root.world.store.set_full(true);
    let grant = json!({"GrantCapabilities": {"target": "p:pkg:pub", "capabilities": [cap]}});
    assert!(root.ask(grant).await["Err"].as_str().unwrap().contains("disk is full"));
}

#[tokio::test]
async fn on_exit_is_set() {
    let mut root = Root::new().await;
    let _p = root.world.public("p").await;
    let set = json!({"SetOnExit": {"target": "p:pkg:pub", "on_exit": "Restart"}});
    assert_eq!(root.ask(set).await, json!("Ok"));
    assert!(matches!(root.world.store.on_exit("p"), Some(OnExit::Restart)));
    for target in ["no:pkg:pub", "kernel:distro:sys"] {
        let set = json!({"SetOnExit": {"target": target, "on_exit": "Restart"}});
        assert!(root.ask(set).await["Err"].is_string());
    }
}

#[tokio::test]
async fn the_table_is_shown_in_the_shape_that_guests_know() {
    let mut root = Root::new().await;
    root.world.puppet("p");
    root.ask_with(initialize("p", json!([])), "p").await;
    let expected = json!({
        "wasm_bytes_handle": "/pkg:pub/pkg/p.wasm", "wit_version": 1, "on_exit": "None",
        "capabilities": [capability("p", "\"messaging\"")], "public": false
    });
    let one = root.ask(json!({"Debug": {"Process": "p:pkg:pub"}})).await;
    assert_eq!(one, json!({"Debug": {"Process": expected}}));
    let none = root.ask(json!({"Debug": {"Process": "no:pkg:pub"}})).await;
    assert_eq!(none, json!({"Debug": {"Process": null}}));
    let map = root.ask(json!({"Debug": "ProcessMap"})).await;
    assert_eq!(map["Debug"]["ProcessMap"]["p:pkg:pub"], expected);
    assert_eq!(map["Debug"]["ProcessMap"]["kernel:distro:sys"]["wasm_bytes_handle"], "");
    let has = json!({"Debug": {"HasCap": {"on": "no:pkg:pub", "cap": capability("x", "1")}}});
    assert_eq!(root.ask(has).await, json!({"Debug": {"HasCap": null}}));
}

#[tokio::test]
async fn people_see_processes_and_the_node() {
    let mut root = Root::new().await;
    let list = root.ask(json!("Processes")).await["Processes"].clone();
    let ids: Vec<_> = list.as_array().unwrap().iter().map(|info| info["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["kernel:distro:sys", "root:pkg:pub"]);
    assert_eq!((list[0]["phase"].as_str(), list[1]["phase"].as_str()), (Some("Module"), Some("Running")));
    let status = root.ask(json!("Status")).await["Status"].clone();
    assert_eq!(status["node"], "a.os");
    assert_eq!(status["version"], "1.2.3");
    assert_eq!(status["processes"], 1);
    assert_eq!(status["public_key"].as_str().unwrap().len(), 2 + 64);
}

#[tokio::test]
async fn a_component_is_checked_and_not_kept() {
    let mut root = Root::new().await;
    root.world.puppet("p");
    assert_eq!(root.ask_with(json!("CheckComponent"), "p").await, json!("Ok"));
    assert!(root.ask_with(json!("CheckComponent"), "junk").await["Err"].is_string());
    assert!(root.ask(json!("CheckComponent")).await["Err"].is_string());
}

#[tokio::test]
async fn what_is_no_command_is_answered_with_the_reason() {
    let mut root = Root::new().await;
    for body in ["", "nonsense", "null", "\"Nothing\"", "{\"KillProcess\":\"a:b\"}", "{\"KillProcess\":\"a:b:c:d\"}"] {
        let (answer, reason) = root.command(ask(body, 60), None).await;
        assert!(answer["Err"].as_str().unwrap().contains("malformed"), "{answer}");
        assert!(reason.is_some());
    }
    assert!(root.ask(json!("Booted")).await["Err"].is_string());
}

#[tokio::test]
async fn shutdown_stops_the_node() {
    let mut root = Root::new().await;
    send(&mut root.session, "kernel:distro:sys", tell("\"Shutdown\"")).await;
    root.world.kernel.stop().cancelled().await;
    root.world.kernel.shut_down().await;
}

#[tokio::test]
async fn a_command_without_expectation_is_done_and_not_answered() {
    let mut root = Root::new().await;
    root.world.puppet("p");
    root.world.create("p", Access::Public, OnExit::None).await.unwrap();
    send(&mut root.session, "kernel:distro:sys", tell("{\"KillProcess\":\"p:pkg:pub\"}")).await;
    while root.world.kernel.is_alive(&id("p")) {
        tokio::task::yield_now().await;
    }
    assert!(is_idle(&mut root.session));
}
