//! The guest that does what a test tells it: `tests/guests/prober` has the steps.

use serde_json::{Value, json};
use wharf_types::rpc::{RpcRefusal, RpcRefusalKind};
use wharf_types::{Address, Capability};

use crate::node::Node;
use crate::rpc::Reply;
use crate::wait::eventually;

/// A public process that may use the vfs.
pub const A: &str = "prober-a:prober:test.os";
/// Another.
pub const B: &str = "prober-b:prober:test.os";
/// A public process with the network capability, and the right to send to the hermit.
pub const C: &str = "prober-c:prober:test.os";
/// A process that is not public, holds nothing and granted nothing.
pub const HERMIT: &str = "hermit:prober:test.os";
/// The component of all of them.
pub const WASM: &str = "/prober:test.os/pkg/prober.wasm";

/// The body that makes a prober do `steps` and answer with the outcomes.
pub fn program(steps: Value) -> Value {
    json!({ "Do": steps })
}

/// The body that makes a prober do `steps`; it answers only if they do.
pub fn silently(steps: Value) -> Value {
    json!({ "Do": steps, "answer": "later" })
}

/// The address of a process of the node under test.
pub fn address(process: &str) -> String {
    format!("local.os@{process}")
}

/// A capability.
pub fn capability(issuer: &str, params: &str) -> Capability {
    let issuer: Address = address(issuer).parse().unwrap();
    Capability::new(issuer, params)
}

/// The right to send to a process.
pub fn messaging(issuer: &str) -> Capability {
    capability(issuer, Capability::MESSAGING)
}

impl Node {
    /// Runs steps and returns the outcomes.
    pub fn run(&self, prober: &str, steps: Value) -> Vec<Value> {
        self.run_with_blob(prober, steps, None)
    }

    /// Runs steps that come with a blob.
    pub fn run_with_blob(&self, prober: &str, steps: Value, blob: Option<&str>) -> Vec<Value> {
        let body = program(steps).to_string();
        // What a full mailbox refuses has not begun.
        let reply = eventually("there is room in the prober's mailbox", || {
            match self.send(prober, &body, blob.map(str::as_bytes), 60) {
                Err(RpcRefusal { kind: RpcRefusalKind::MailboxFull, .. }) => None,
                reply => Some(reply.unwrap_or_else(|refusal| panic!("{prober} did not do {body}: {refusal:?}"))),
            }
        });
        serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{prober} answered {}", reply.text()))
    }

    /// Runs steps and returns the outcome of the last.
    pub fn last(&self, prober: &str, steps: Value) -> Value {
        self.run(prober, steps).pop().expect("there is a step")
    }

    /// Runs steps one of which answers.
    pub fn answered(&self, prober: &str, steps: Value, blob: Option<&str>) -> Reply {
        let body = silently(steps).to_string();
        self.send(prober, &body, blob.map(str::as_bytes), 60).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}"))
    }

    /// Starts steps and does not wait for them.
    pub fn start_steps(&self, prober: &str, steps: Value) {
        self.tell(prober, &silently(steps).to_string());
    }

    /// Outcomes of steps that were started. They have ended when this returns.
    pub fn results(&self, prober: &str) -> Vec<Value> {
        let results = self.last(prober, json!(["Results"]));
        results.as_array().expect("a list").clone()
    }

    /// What arrived at a prober and was no program.
    pub fn seen(&self, prober: &str) -> Vec<Value> {
        self.last(prober, json!(["Seen"])).as_array().expect("a list").clone()
    }

    /// What a prober holds.
    pub fn holds(&self, prober: &str, wanted: &Capability) -> bool {
        let held = self.last(prober, json!(["Capabilities"]));
        let held: Vec<Capability> = serde_json::from_value(held).unwrap();
        held.iter().any(|capability| capability.key().is_some() && capability.key() == wanted.key())
    }

    /// Waits until a process was started again `times` times and runs.
    pub fn wait_for_restarts(&self, process: &str, times: u64) {
        eventually(&format!("{process} was started again {times} times"), || {
            self.process(process)
                .filter(|info| info.restarts >= times && info.phase == wharf_types::kernel::ProcessPhase::Running)
        });
    }
}
