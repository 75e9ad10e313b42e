//! Who may do what: asked of the kernel, and tried with the prober.

use serde_json::{Value, json};
use wharf_types::Capability;
use wharf_types::kernel::{KernelCommand, KernelDebug, KernelDebugResponse, KernelResponse};

use crate::node::Node;
use crate::prober::program;

/// Longer than any test may take: a refusal that comes at all came at once.
const FOREVER_S: u64 = 3600;

/// Whether the kernel says that a process holds something.
pub fn has(node: &Node, holder: &str, wanted: &Capability) -> bool {
    let question = KernelDebug::HasCap { on: holder.parse().unwrap(), cap: wanted.clone() };
    match node.kernel(&KernelCommand::Debug(question)) {
        KernelResponse::Debug(KernelDebugResponse::HasCap(Some(has))) => has,
        other => panic!("{other:?}"),
    }
}

/// Whether a prober can reach another.
pub fn reaches(node: &Node, from: &str, to: &str) -> bool {
    let request = json!({ "to": to, "expects": FOREVER_S, "body": program(json!([])) });
    node.last(from, json!([{ "Await": request }]))["kind"] == "response"
}

/// `from` shows capabilities to `to`, which keeps them. What arrived there is returned.
pub fn hand_over(node: &Node, from: &str, to: &str, capabilities: &[Capability]) -> Vec<Capability> {
    let at_receiver = program(json!(["Attached", "SaveAttached"]));
    let request = json!({ "to": to, "body": at_receiver, "capabilities": capabilities });
    let response = node.last(from, json!([{ "Await": request }]));
    let outcomes: Vec<Value> = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    serde_json::from_value(outcomes[0].clone()).unwrap()
}
