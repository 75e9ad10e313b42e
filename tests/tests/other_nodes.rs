//! Pins what a node does with names of other nodes while it has no network: what looks like a message from or to another
//! node is neither carried out nor passed on, and a capability that went out comes home whole.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::authority::{hand_over, has};
use wharf_tests::prober::{A, B, C, WASM, address, capability, program};
use wharf_types::Capability;

/// Longer than any test may take: a refusal that comes at all came at once.
const FOREVER_S: u64 = 3600;

fn far(process: &str) -> String {
    format!("far.os@{process}")
}

/// Asks the endpoint to send a message, also to another node. Its status and answer.
fn over_rpc(node: &Node, message: &Value) -> (u16, Value) {
    let response = node.rpc(message).send().unwrap();
    (response.status().as_u16(), response.json().unwrap())
}

#[test]
fn s15_a_message_for_the_kernel_of_another_node_is_not_carried_out_by_ours() {
    let node = Node::with_prober();
    // Who may do anything here may not thereby do it elsewhere, and what is meant for elsewhere must not happen here.
    let kill = json!({ "KillProcess": A }).to_string();
    let mut message = json!({ "node": "far.os", "process": "kernel:distro:sys", "expects_response": 60, "body": kill });
    let (status, answer) = over_rpc(&node, &message);
    assert!(status != 200, "{answer}");
    assert!(node.process(A).is_some());
    let sent = json!([{ "Await": { "to": far("kernel:distro:sys"), "expects": FOREVER_S, "body": kill } }]);
    assert_eq!(node.last(C, sent)["error"], "Offline");
    assert!(node.process(A).is_some());
    // The same, meant for here, is carried out.
    message["node"] = json!("local.os");
    assert_eq!(over_rpc(&node, &message).0, 200);
    assert!(node.process(A).is_none());
}

#[test]
fn s15_a_capability_that_names_another_node_is_none_of_ours() {
    let node = Node::with_prober();
    let (ours, theirs) = (capability(A, "\"read\""), Capability::new(far(A).parse().unwrap(), "\"read\""));
    hand_over(&node, A, B, std::slice::from_ref(&ours));
    // Whole addresses are compared: holding ours is not holding theirs, and neither is it made by saying so.
    assert!(hand_over(&node, B, C, std::slice::from_ref(&theirs)).is_empty());
    node.run(B, json!([{ "Save": [theirs] }]));
    assert!(has(&node, B, &ours) && !has(&node, B, &theirs) && !has(&node, C, &theirs));
}

#[test]
fn s16_nothing_is_passed_on_to_another_node_or_back() {
    let node = Node::with_prober();
    // Of two processes, the one without the network capability, and the one with it, which cannot be served: there is no
    // network. Neither gets an answer from the process of that name here.
    for (prober, error) in [(A, "Timeout"), (C, "Offline")] {
        let away = json!({ "to": far(B), "expects": FOREVER_S, "body": program(json!([{ "SetState": "from afar" }])) });
        let outcome = node.last(prober, json!([{ "Await": away }]));
        assert_eq!(outcome["error"], error, "{outcome}");
    }
    assert_eq!(node.last(B, json!(["GetState"])), Value::Null);
    // A response goes where the request came from; a process has no means to name another place.
    let (status, answer) = over_rpc(&node, &json!({ "node": "far.os", "process": B, "body": "anything" }));
    assert!(status != 200, "{answer}");
    assert_eq!(node.seen(B), Vec::<Value>::new());
}

#[test]
fn s17_a_capability_that_comes_home_is_good_also_after_restarts() {
    let mut node = Node::with_prober();
    let read = capability(A, "\"read\"");
    hand_over(&node, A, C, std::slice::from_ref(&read));
    node.restart();
    hand_over(&node, C, B, std::slice::from_ref(&read));
    node.restart();
    // It went through two others and over two restarts. The issuer gets what it gave, not something pruned.
    let home = hand_over(&node, B, A, std::slice::from_ref(&read));
    assert_eq!(json!(home), json!([read]));
    assert_eq!(read.issuer.to_string(), address(A));
    let child = json!({ "name": "reader", "path": WASM, "on_exit": "None", "give": [read] });
    node.run(B, json!([{ "Spawn": child }]));
    assert!(has(&node, "reader:prober:test.os", &read));
}
