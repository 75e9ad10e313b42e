//! Pins that authority can be taken back: from one holder and everyone it came to through that one, on the way, after
//! restarts, with a package; and that messaging the kernel is not power over all of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::authority::{hand_over, has, reaches};
use wharf_tests::packages::{Entry, manifest, metadata, read_entry, zip};
use wharf_tests::prober::{A, B, C, HERMIT, WASM, address, capability, messaging, program, silently};
use wharf_tests::{Node, paths};
use wharf_types::Capability;
use wharf_types::kernel::{KernelCommand, KernelResponse};

const KERNEL: &str = "kernel:distro:sys";
const ECHO: &str = "echo:echo:wharf.os";
/// Longer than any test may take: a refusal that comes at all came at once.
const FOREVER_S: u64 = 3600;

fn revoke(node: &Node, holder: Option<&str>, issuer: &str, params: &str) {
    let from = holder.unwrap_or("--everyone");
    node.wharf(&["caps", "revoke", "--yes", from, issuer, params]).ok();
}

fn listed(node: &Node, process: &str) -> Value {
    serde_json::from_str(&node.wharf(&["caps", process, "--json"]).ok()).unwrap()
}

/// Through whose hands a process has a capability.
fn path(node: &Node, holder: &str, wanted: &Capability) -> Value {
    let held = listed(node, holder)["held"].clone();
    let held = held.as_array().unwrap().iter().find(|held| held["capability"] == json!(wanted));
    held.unwrap_or_else(|| panic!("{holder} does not hold {wanted:?}"))["path"].clone()
}

fn grant(node: &Node, holder: &str, capabilities: Vec<Capability>) {
    let grant = KernelCommand::GrantCapabilities { target: holder.parse().unwrap(), capabilities };
    assert!(matches!(node.kernel(&grant), KernelResponse::Ok));
}

#[test]
fn s25_revoking_reaches_whoever_has_it_through_the_holder_also_after_a_restart() {
    let mut node = Node::with_prober();
    let read = capability(A, r#""read""#);
    let mut child = json!({ "name": "child", "path": WASM, "on_exit": "Restart" });
    child["give"] = json!([read]);
    hand_over(&node, A, B, std::slice::from_ref(&read));
    grant(&node, HERMIT, vec![read.clone()]);
    hand_over(&node, B, C, std::slice::from_ref(&read));
    node.run(B, json!([{ "Spawn": child }]));
    let child = "child:prober:test.os";
    node.restart();
    assert_eq!(path(&node, child, &read), json!([address(A), address(B)]));
    let issued = listed(&node, A)["issued"].clone();
    let read_holders = issued.as_array().unwrap().iter().find(|issued| issued["capability"] == json!(read)).unwrap();
    assert_eq!(read_holders["holders_total"], 4);
    revoke(&node, Some(B), A, "read");
    for _ in 0..2 {
        for (holder, has_it) in [(B, false), (C, false), (child, false), (HERMIT, true)] {
            assert_eq!(has(&node, holder, &read), has_it, "{holder}");
        }
        node.restart();
    }
    revoke(&node, None, A, "\"read\"");
    assert!(!has(&node, HERMIT, &read));
}

/// Lets `to` wait in a message of its own while `from` sends it capabilities and `meanwhile` happens; what it was given
/// of them is returned, and it tried to save all of it.
fn on_the_way(node: &Node, from: &str, capabilities: &[Capability], meanwhile: impl FnOnce()) -> Vec<Capability> {
    node.start_steps(B, json!([{ "Await": { "to": C, "expects": FOREVER_S, "body": program(json!(["Receive"])) } }]));
    let body = silently(json!(["Attached", "SaveAttached"]));
    node.run(from, json!([{ "Send": { "to": B, "body": body, "capabilities": capabilities } }]));
    meanwhile();
    node.tell(C, "go on");
    serde_json::from_value(node.results(B)[0].clone()).unwrap()
}

#[test]
fn s25_what_is_revoked_on_the_way_does_not_arrive() {
    let node = Node::with_prober();
    let (kept, revoked) = (capability(A, r#""kept""#), capability(A, r#""revoked""#));
    let child = "child:prober:test.os";
    node.run(A, json!([{ "Spawn": { "name": "child", "path": WASM, "on_exit": "None", "give": [kept, revoked] } }]));
    let arrived = on_the_way(&node, child, &[kept.clone(), revoked.clone()], || {
        revoke(&node, Some(child), A, "revoked");
    });
    assert_eq!(json!(arrived), json!([kept]));
    assert!(has(&node, B, &kept) && !has(&node, B, &revoked));
}

#[test]
fn s25_killing_reaches_what_is_on_the_way() {
    let mut node = Node::with_prober();
    let read = capability(A, r#""read""#);
    let arrived = on_the_way(&node, A, std::slice::from_ref(&read), || {
        node.wharf(&["kill", A]).ok();
    });
    assert_eq!(arrived.len(), 0);
    assert!(!has(&node, B, &read));
    node.restart();
    assert!(!has(&node, B, &read));
}

#[test]
fn s25_what_was_received_and_revoked_can_not_be_saved_any_more() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    let request = json!({ "to": B, "body": program(json!(["Attached"])), "capabilities": [read] });
    node.run(A, json!([{ "Await": request }]));
    let everyone = KernelCommand::RevokeCapabilities { target: None, capabilities: vec![read.clone()] };
    assert!(matches!(node.kernel(&everyone), KernelResponse::Ok));
    node.run(B, json!([{ "Save": [read] }]));
    assert!(!has(&node, B, &read));
    assert_eq!(hand_over(&node, A, B, std::slice::from_ref(&read)).len(), 1, "its issuer may give it anew");
    assert!(has(&node, B, &read));
}

#[test]
fn a_revoked_right_to_send_ends_at_once() {
    let node = Node::with_prober();
    assert!(reaches(&node, C, HERMIT));
    revoke(&node, Some(C), HERMIT, "messaging");
    assert!(!reaches(&node, C, HERMIT), "also for who sent there a moment before");
}

#[test]
fn dropping_is_for_one_holder_only() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    hand_over(&node, A, B, std::slice::from_ref(&read));
    hand_over(&node, B, C, std::slice::from_ref(&read));
    let drop = KernelCommand::DropCapabilities { target: B.parse().unwrap(), capabilities: vec![read.clone()] };
    assert!(matches!(node.kernel(&drop), KernelResponse::Ok));
    assert!(!has(&node, B, &read) && has(&node, C, &read));
}

#[test]
fn revoking_asks_and_says_what_is_not_there() {
    let node = Node::with_prober();
    let read = capability(A, r#""read""#);
    hand_over(&node, A, B, std::slice::from_ref(&read));
    let declined = node.wharf(&["caps", "revoke", B, A, "read"]).failed(5);
    assert!(declined.contains(B) && declined.contains("--yes"), "{declined}");
    assert!(has(&node, B, &read));
    let unknown = node.wharf(&["caps", "revoke", "--yes", C, A, "read"]).failed(1);
    assert!(unknown.contains("wharf caps"), "{unknown}");
    node.wharf(&["caps", "revoke", "--yes", A, "read"]).failed(4);
    let shown = node.wharf(&["caps", "prober-b"]).ok();
    assert!(shown.lines().any(|line| line.starts_with(A) && line.ends_with(A)), "{shown}");
    let done = node.wharf(&["caps", "revoke", "--yes", "--json", "prober-b", "prober-a", "read"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&done).unwrap()["revoked_from"], json!([B]));
}

#[test]
fn what_is_revoked_from_the_nodes_own_packages_stays_so() {
    let mut node = Node::start();
    let (terminal, root) = ("terminal:terminal:sys", capability("vfs:distro:sys", r#"{"root":true}"#));
    assert!(has(&node, terminal, &root));
    revoke(&node, Some(terminal), "vfs:distro:sys", r#"{"root":true}"#);
    node.restart();
    assert!(!has(&node, terminal, &root) && has(&node, terminal, &messaging(KERNEL)));
}

#[test]
fn s3_messaging_the_kernel_is_not_root() {
    let node = Node::with_prober();
    node.install(&paths::package("echo:wharf.os"));
    grant(&node, A, vec![messaging(KERNEL)]);
    let command = |body: Value| {
        let response = node.last(A, json!([{ "Await": { "to": KERNEL, "expects": FOREVER_S, "body": body } }]));
        assert_eq!(response["kind"], "response", "{body}");
        serde_json::from_str::<Value>(response["body"].as_str().unwrap()).unwrap()
    };
    let root = capability(KERNEL, r#"{"root":true}"#);
    for refused in [
        json!({ "GrantCapabilities": { "target": A, "capabilities": [root] } }),
        json!({ "GrantCapabilities": { "target": B, "capabilities": [messaging(HERMIT)] } }),
        json!({ "GrantCapabilities": { "target": ECHO, "capabilities": [messaging(A)] } }),
        json!({ "DropCapabilities": { "target": ECHO, "capabilities": [messaging(ECHO)] } }),
        json!({ "RevokeCapabilities": { "target": null, "capabilities": [messaging(ECHO)] } }),
        json!({ "RevokePackage": "echo:wharf.os" }),
        json!({ "SetOnExit": { "target": ECHO, "on_exit": "None" } }),
        json!({ "KillProcess": ECHO }),
        json!("Shutdown"),
    ] {
        let answer = command(refused.clone());
        assert!(answer["Err"].is_string(), "{refused} was answered with {answer}");
    }
    assert_eq!(command(json!({ "RunProcess": ECHO })), "RunProcessError");
    assert!(!has(&node, A, &root) && !has(&node, B, &messaging(HERMIT)));
    assert!(has(&node, ECHO, &messaging(ECHO)) && node.process(ECHO).is_some());
    node.assert_serves();
    // Its own package it may manage, with what it holds.
    let vfs = messaging("vfs:distro:sys");
    let hand_on = json!({ "GrantCapabilities": { "target": HERMIT, "capabilities": [vfs] } });
    assert_eq!(command(hand_on), "Ok");
    assert_eq!(path(&node, HERMIT, &vfs), json!([address(A)]));
    assert_eq!(command(json!({ "KillProcess": C })), json!({ "KilledProcess": C }));
    // And what it issued it may revoke.
    let everyone = json!({ "RevokeCapabilities": { "target": null, "capabilities": [messaging(A)] } });
    assert_eq!(command(everyone), "Ok");
}

#[test]
fn s27_a_child_loses_what_its_parent_loses() {
    let node = Node::with_prober();
    let vfs = messaging("vfs:distro:sys");
    let foreign = capability(HERMIT, "\"x\"");
    let child = json!({ "name": "child", "path": WASM, "on_exit": "None", "give": [vfs, foreign, messaging(HERMIT)] });
    node.run(A, json!([{ "Spawn": child }]));
    let child = "child:prober:test.os";
    assert_eq!(path(&node, child, &vfs), json!([address(A)]));
    assert!(!has(&node, child, &foreign) && !has(&node, child, &messaging(HERMIT)));
    revoke(&node, Some(A), "vfs", "messaging");
    assert!(!has(&node, A, &vfs) && !has(&node, child, &vfs) && has(&node, B, &vfs));
}

/// A package whose one process is a prober.
fn package(folder: &tempfile::TempDir, asks: Value) -> std::path::PathBuf {
    let mut manifest = manifest();
    manifest[0]["on_exit"] = json!("Restart");
    manifest[0]["request_capabilities"] = asks;
    let bytes = zip(&[
        Entry::file("manifest.json", manifest.to_string()),
        Entry::file("metadata.json", metadata("up:test.os").to_string()),
        Entry::file("main.wasm", read_entry(&paths::test_package("prober:test.os"), "prober.wasm")),
    ]);
    let path = folder.path().join("up:test.os.zip");
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn s26_what_a_package_handed_on_ends_with_it() {
    let mut node = Node::with_prober();
    let folder = tempfile::tempdir().unwrap();
    let main = "main:up:test.os";
    let root = capability("vfs:distro:sys", r#"{"root":true}"#);
    let asks = json!(["vfs:distro:sys", B, { "process": "vfs:distro:sys", "params": { "root": true } }]);
    let issued = capability(main, r#""issued""#);
    let hand_on = |node: &Node| {
        hand_over(node, main, B, &[root.clone(), issued.clone()]);
        hand_over(node, B, C, &[root.clone(), issued.clone()]);
        assert!(has(node, C, &root) && has(node, C, &issued));
    };
    let is_gone = |node: &Node| {
        for holder in [B, C] {
            assert!(!has(node, holder, &root) && !has(node, holder, &issued), "{holder}");
        }
    };
    node.install(&package(&folder, asks.clone()));
    hand_on(&node);
    // An upgrade that asks for less.
    node.install(&package(&folder, json!([B])));
    is_gone(&node);
    assert!(!has(&node, main, &root));
    node.install(&package(&folder, asks));
    hand_on(&node);
    // Also when the process ended before, in an earlier boot, and left what it issued.
    let kill = json!({ "process": KERNEL, "expects_response": 30, "metadata": "no-revoke",
        "body": json!({ "KillProcess": main }).to_string() });
    assert!(node.rpc(&kill).send().unwrap().status().is_success());
    node.restart();
    assert!(has(&node, C, &root) && has(&node, C, &issued));
    node.wharf(&["uninstall", "--yes", "up:test.os"]).ok();
    is_gone(&node);
    node.restart();
    is_gone(&node);
}
