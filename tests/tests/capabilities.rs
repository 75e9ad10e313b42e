//! Pins who may do what: that authority comes only from being granted, from a message, or from oneself; that it is
//! checked where it is used, whatever anything is called; and that it survives restarts and ends with its issuer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::authority::{hand_over, has, reaches};
use wharf_tests::packages::{Entry, manifest, metadata, read_entry, zip};
use wharf_tests::prober::{A, B, C, HERMIT, WASM, address, capability, messaging, program, silently};
use wharf_tests::{Node, eventually, paths};
use wharf_types::Capability;
use wharf_types::kernel::{KernelCommand, KernelResponse, ProcessPhase};

const KERNEL: &str = "kernel:distro:sys";
/// Longer than any test may take: a refusal that comes at all came at once.
const FOREVER_S: u64 = 3600;

fn child(name: &str) -> Value {
    json!({ "name": name, "path": WASM, "on_exit": "None" })
}

#[test]
fn s1_save_capabilities_mints_nothing() {
    let node = Node::with_prober();
    let wanted = [
        messaging(KERNEL),
        messaging(HERMIT),
        capability(KERNEL, Capability::NETWORK),
        capability("vfs:distro:sys", r#"{"root":true}"#),
        capability(B, r#""mine""#),
    ];
    let before = node.last(A, json!(["Capabilities"])).as_array().unwrap().len();
    let after = node.last(A, json!([{ "Save": wanted }, "Capabilities"])).as_array().unwrap().len();
    assert_eq!(after, before);
    for capability in &wanted {
        assert!(!has(&node, A, capability), "{capability:?} was minted");
    }
    assert!(!reaches(&node, A, HERMIT));
    let kill = json!({ "to": KERNEL, "expects": FOREVER_S, "body": { "KillProcess": C } });
    assert_eq!(node.last(A, json!([{ "Await": kill }]))["kind"], "error");
    assert!(node.process(C).is_some());
}

#[test]
fn s2_a_process_called_kernel_has_no_power() {
    let node = Node::with_prober();
    let made = node.last(A, json!([{ "Spawn": child("kernel") }]));
    assert_eq!(made["child"], "kernel:prober:test.os");
    let kill = json!({ "to": "kernel:prober:test.os", "expects": 1, "body": { "KillProcess": C } });
    assert_eq!(node.last(A, json!([{ "Await": kill }]))["kind"], "error", "nobody there answers for the kernel");
    let seen = node.seen("kernel:prober:test.os");
    assert_eq!(seen.len(), 1, "the child gets what is sent to it");
    assert_eq!(seen[0]["body"], json!({ "KillProcess": C }).to_string());
    assert!(node.process(C).is_some());
    let status = json!({ "to": KERNEL, "expects": FOREVER_S, "body": "\"Status\"" });
    assert_eq!(node.last("kernel:prober:test.os", json!([{ "Await": status }]))["kind"], "error");
}

#[test]
fn s18_params_that_are_not_json_are_worth_nothing() {
    let node = Node::with_prober();
    let bad = capability(A, "not json");
    assert_eq!(hand_over(&node, A, B, std::slice::from_ref(&bad)).len(), 0);
    node.run(A, json!([{ "Save": [bad] }]));
    for params in ["not json", "null", "also not json", "\"messaging\" "] {
        assert!(!has(&node, B, &capability(A, params)), "{params}");
    }
    for params in ["not json", "null"] {
        assert!(!has(&node, A, &capability(A, params)), "{params}");
    }
}

#[test]
fn s28_spawn_reads_only_what_the_parent_may_read() {
    let node = Node::with_prober();
    let spawn = |parent: &str, path: &str| {
        let child = json!({ "name": "child", "path": path, "on_exit": "None" });
        node.last(parent, json!([{ "Spawn": child }]))
    };
    let refused = json!({ "error": "NoFileAtPath" });
    for path in [
        "/app-store:sys/pkg/app-store.wasm",
        "app-store:sys/pkg/app-store.wasm",
        "/prober:test.os/../app-store:sys/pkg/app-store.wasm",
        "/prober:test.os/pkg/missing.wasm",
        "/prober:test.os/pkg/manifest.json",
        "/prober:test.os/pkg",
        "../../node.key",
        "",
    ] {
        assert_eq!(spawn(A, path), refused, "{path:?}");
    }
    assert_eq!(spawn(HERMIT, WASM), refused, "a process without the vfs can not have it read for it");
    assert!(node.process("child:prober:test.os").is_none());
    assert_eq!(spawn(A, WASM.trim_start_matches('/')), json!({ "child": "child:prober:test.os" }));
}

/// Everything of a package may write to the drive that its components are in.
#[test]
fn a_component_in_anothers_place_does_not_run_with_what_the_other_may_do() {
    let mut node = Node::with_prober();
    let (component, process) = ("/prober:test.os/pkg/other.wasm", "other:prober:test.os");
    let vfs = |path: &str, action: Value| json!([{ "Await": { "to": "vfs:distro:sys", "inherit": true, "body": { "path": path, "action": action } } }]);
    let done = |outcome: Vec<Value>| assert_eq!(outcome[0]["body"], "\"Ok\"", "{outcome:?}");
    let copy = vfs(WASM, json!({ "CopyFile": { "new_path": component } }));
    done(node.run(A, copy.clone()));
    let child = json!({ "name": "other", "path": component, "on_exit": "Restart" });
    assert_eq!(node.last(A, json!([{ "Spawn": child }])), json!({ "child": process }));
    // An empty section of a name: it can be run, and it is another.
    done(node.run_with_blob(A, vfs(component, json!("Append")), Some("\0\u{2}\u{1}x")));
    node.restart();
    let failed = eventually("the other component is refused", || {
        node.process(process).filter(|info| info.phase == ProcessPhase::Restarting)?.last_exit
    });
    assert!(failed.contains("not the component"), "{failed}");
    node.assert_serves();
    // The right one is taken by itself.
    done(node.run(A, vfs(component, json!("RemoveFile"))));
    done(node.run(A, copy));
    eventually("it runs again", || node.process(process).filter(|info| info.phase == ProcessPhase::Running));
}

#[test]
fn a_taken_name_is_refused_and_its_process_left_alone() {
    let node = Node::with_prober();
    let taken = json!([{ "Spawn": child("prober-b") }]);
    assert_eq!(node.last(A, taken), json!({ "error": "NameTaken" }));
    assert_eq!(node.last(A, json!([{ "Spawn": child("Not A Name") }])), json!({ "error": "NameTaken" }));
    assert_eq!(node.seen(B), [] as [Value; 0]);
    assert_eq!(node.process(B).unwrap().restarts, 0);
}

#[test]
fn a_child_gets_what_its_parent_holds_and_no_more() {
    let node = Node::with_prober();
    let mut child = child("child");
    let issued = capability(A, r#"{"kind":"read"}"#);
    child["give"] = json!([messaging(KERNEL), messaging("vfs:distro:sys"), issued, messaging(HERMIT)]);
    child["grants"] = json!([[B, r#""look""#]]);
    node.run(A, json!([{ "Spawn": child }]));
    let id = "child:prober:test.os";
    assert!(has(&node, id, &messaging("vfs:distro:sys")) && has(&node, id, &issued));
    assert!(!has(&node, id, &messaging(KERNEL)) && !has(&node, id, &messaging(HERMIT)));
    assert!(has(&node, B, &capability(id, r#""look""#)), "what the child was to grant");
    assert!(reaches(&node, A, id), "a parent reaches its child");
    assert!(has(&node, id, &messaging(A)), "a child may answer its parent");
    assert!(!reaches(&node, B, id), "nobody else does");
    assert_eq!(node.last(id, json!(["Our"])), address(id));
}

#[test]
fn a_capability_travels_only_with_messages_from_those_who_hold_it() {
    let node = Node::with_prober();
    let read = capability(A, r#"{"kind":"read","drive":"x"}"#);
    assert_eq!(hand_over(&node, B, C, std::slice::from_ref(&read)).len(), 0, "B does not hold it yet");
    assert_eq!(hand_over(&node, A, B, std::slice::from_ref(&read)).len(), 1, "its issuer gives it");
    assert!(node.holds(B, &capability(A, r#"{ "drive": "x", "kind": "read" }"#)), "blanks and order do not matter");
    assert_eq!(hand_over(&node, B, C, std::slice::from_ref(&read)).len(), 1, "and who holds it passes it on");
    assert_eq!(hand_over(&node, C, A, std::slice::from_ref(&read)).len(), 1, "back to the issuer too");
    node.run(B, json!([{ "Drop": [read] }]));
    assert!(!node.holds(B, &read) && node.holds(C, &read));
    assert_eq!(hand_over(&node, B, C, std::slice::from_ref(&read)).len(), 0, "what was dropped can not be shown");
}

#[test]
fn a_capability_that_came_with_a_message_and_was_not_saved_is_not_held() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    let request = json!({ "to": B, "body": program(json!(["Attached"])), "capabilities": [read] });
    node.run(A, json!([{ "Await": request }]));
    assert!(!has(&node, B, &read));
}

#[test]
fn a_response_carries_capabilities_too() {
    let node = Node::with_prober();
    let read = capability(B, r#""read""#);
    let foreign = messaging(KERNEL);
    let at_b = silently(json!([{ "Respond": { "body": "x", "capabilities": [read, foreign] } }]));
    let outcomes = node.run(A, json!([{ "Await": { "to": B, "body": at_b } }, { "Save": [read] }]));
    assert_eq!(outcomes[0]["capabilities"], json!([read]));
    assert!(has(&node, A, &read));
}

#[test]
fn messaging_begins_with_a_grant_and_ends_when_it_is_taken() {
    let node = Node::with_prober();
    assert!(reaches(&node, C, HERMIT), "as its manifest asks");
    assert!(!reaches(&node, A, HERMIT));
    let capabilities = vec![messaging(HERMIT)];
    let grant = KernelCommand::GrantCapabilities { target: A.parse().unwrap(), capabilities: capabilities.clone() };
    assert!(matches!(node.kernel(&grant), KernelResponse::Ok));
    assert!(reaches(&node, A, HERMIT));
    let drop = KernelCommand::DropCapabilities { target: A.parse().unwrap(), capabilities };
    assert!(matches!(node.kernel(&drop), KernelResponse::Ok));
    assert!(!reaches(&node, A, HERMIT), "also for who sent there a moment before");
}

#[test]
fn who_may_receive_can_give_that_right_away() {
    let node = Node::with_prober();
    node.run(
        HERMIT,
        json!([{ "Send": { "to": A, "body": program(json!(["SaveAttached"])), "capabilities": [messaging(HERMIT)] } }]),
    );
    eventually("A holds what the hermit gave", || has(&node, A, &messaging(HERMIT)).then_some(()));
    assert!(reaches(&node, A, HERMIT));
}

#[test]
fn nobody_without_the_capability_reaches_the_kernel_or_anothers_files() {
    let node = Node::with_prober();
    for command in [json!("\"Status\""), json!({ "KillProcess": C }), json!("\"Shutdown\"")] {
        let request = json!({ "to": KERNEL, "expects": FOREVER_S, "body": command });
        assert_eq!(node.last(A, json!([{ "Await": request }]))["error"], "Timeout");
    }
    let vfs = |action: Value, path: &str| {
        let body = json!({ "path": path, "action": action });
        node.last(A, json!([{ "Await": { "to": "vfs:distro:sys", "body": body } }]))["body"].clone()
    };
    let manifest = "/app-store:sys/pkg/manifest.json";
    assert_eq!(vfs(json!("Read"), manifest), r#"{"Err":"NoReadCap"}"#);
    assert_eq!(vfs(json!("RemoveFile"), manifest), r#"{"Err":"NoWriteCap"}"#);
    assert_eq!(vfs(json!("Read"), "/prober:test.os/pkg/manifest.json"), "\"Read\"", "its own package's are open to it");
    let state = json!({ "to": "state:distro:sys", "expects": FOREVER_S, "body": { "GetState": C } });
    assert_eq!(node.last(A, json!([{ "Await": state }]))["error"], "Timeout");
    node.assert_serves();
}

#[test]
fn capabilities_survive_restarts_and_so_does_giving_them_up() {
    let mut node = Node::with_prober();
    let (kept, dropped) = (capability(A, r#""kept""#), capability(A, r#""dropped""#));
    hand_over(&node, A, B, &[kept.clone(), dropped.clone()]);
    assert!(has(&node, B, &dropped));
    node.run(B, json!([{ "Drop": [dropped] }]));
    node.restart();
    assert!(has(&node, B, &kept) && !has(&node, B, &dropped));
    assert!(has(&node, B, &capability(C, r#"{"kind":"read"}"#)), "granted by a manifest");
    assert_eq!(hand_over(&node, B, C, &[kept]).len(), 1, "and it can still be shown");
    assert!(reaches(&node, C, HERMIT) && !reaches(&node, A, HERMIT));
}

#[test]
fn killing_a_process_revokes_what_it_issued_from_everyone() {
    let mut node = Node::with_prober();
    let read = capability(A, r#""read""#);
    hand_over(&node, A, B, std::slice::from_ref(&read));
    hand_over(&node, B, C, std::slice::from_ref(&read));
    // What was given before a restart is reached too.
    node.restart();
    node.wharf(&["kill", A]).ok();
    assert!(!has(&node, B, &read) && !has(&node, C, &read));
    node.restart();
    assert!(!has(&node, B, &read) && !has(&node, C, &read));
    assert!(node.process(A).is_none());
}

#[test]
fn a_kill_with_no_revoke_leaves_what_was_issued() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    hand_over(&node, A, B, std::slice::from_ref(&read));
    let kill = json!({ "process": KERNEL, "expects_response": 30, "metadata": "no-revoke",
        "body": json!({ "KillProcess": A }).to_string() });
    assert!(node.rpc(&kill).send().unwrap().status().is_success());
    assert!(node.process(A).is_none());
    assert!(has(&node, B, &read));
}

#[test]
fn a_child_that_ends_takes_what_it_issued_with_it() {
    let node = Node::with_prober();
    let mut child = child("child");
    child["grants"] = json!([[B, r#""look""#]]);
    node.run(A, json!([{ "Spawn": child }]));
    let look = capability("child:prober:test.os", r#""look""#);
    assert!(has(&node, B, &look));
    node.start_steps("child:prober:test.os", json!(["Return"]));
    eventually("the child is gone", || node.process("child:prober:test.os").is_none().then_some(()));
    eventually("what it issued is gone", || (!has(&node, B, &look)).then_some(()));
}

#[test]
fn an_uninstalled_package_leaves_no_authority_behind() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    node.install(&paths::package("echo:wharf.os"));
    let grant = KernelCommand::GrantCapabilities {
        target: "echo:echo:wharf.os".parse().unwrap(),
        capabilities: vec![read.clone()],
    };
    node.kernel(&grant);
    node.wharf(&["uninstall", "--yes", "echo:wharf.os"]).ok();
    node.install(&paths::package("echo:wharf.os"));
    assert!(!has(&node, "echo:echo:wharf.os", &read), "a new process does not inherit what an old one held");
}

#[test]
fn s25_an_upgrade_takes_away_what_the_new_version_does_not_ask_for() {
    let node = Node::start();
    let prober = read_entry(&paths::test_package("prober:test.os"), "prober.wasm");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("up:test.os.zip");
    let install = |asks: Value, gives: Value| {
        let mut manifest = manifest();
        manifest[0]["on_exit"] = json!("Restart");
        manifest[0]["request_capabilities"] = asks;
        manifest[0]["grant_capabilities"] = gives;
        let bytes = zip(&[
            Entry::file("manifest.json", manifest.to_string()),
            Entry::file("metadata.json", metadata("up:test.os").to_string()),
            Entry::file("main.wasm", &prober),
        ]);
        std::fs::write(&path, bytes).unwrap();
        node.install(&path);
    };
    let (id, timer) = ("main:up:test.os", "timer:distro:sys");
    let root = json!({ "process": "vfs:distro:sys", "params": { "root": true } });
    install(json!(["vfs:distro:sys", root]), json!([{ "process": timer, "params": "read" }]));
    let (asked, root, given) =
        (messaging("vfs:distro:sys"), capability("vfs:distro:sys", r#"{"root":true}"#), capability(id, r#""read""#));
    assert!(has(&node, id, &asked) && has(&node, id, &root) && has(&node, timer, &given));
    install(json!(["vfs:distro:sys"]), json!([]));
    assert!(has(&node, id, &asked));
    assert!(!has(&node, id, &root) && !has(&node, timer, &given));
}
