//! Numbers that are written one after the other, each in two places that must not be told apart: what is found later
//! shows what an acknowledgement was worth.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_types::Capability;
use wharf_types::kernel::KernelCommand;

use crate::databases::{Db, probers};
use crate::node::Node;
use crate::prober::{A, capability};

/// A place where one number after the other is written.
#[derive(Debug)]
pub struct Pair {
    /// `kv`, `sqlite`, or `kernel`, where a number is a capability that the prober is granted.
    pub module: &'static str,
    /// Name of the database.
    pub db: &'static str,
    /// The last number that was acknowledged.
    acknowledged: AtomicU64,
    /// The highest number that was ever sent.
    sent: AtomicU64,
}

/// How an attempt to write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was acknowledged.
    Done,
    /// It was answered with this instead.
    Refused(String),
    /// There was no answer, and there is no node.
    Gone,
}

/// What has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// What was acknowledged, or the one change that was under way.
    Acknowledged,
    /// Some number that was ever written, whole. What the power took may also come back at a later loss of it: the same
    /// change, made again in the same place of SQLite's log, makes valid what follows it there.
    Whole,
}

impl Pair {
    /// A place that is not there yet.
    pub fn new(module: &'static str, db: &'static str) -> Self {
        Self { module, db, acknowledged: AtomicU64::new(0), sent: AtomicU64::new(0) }
    }

    /// The last number that was acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Makes the place.
    pub fn open(&self, node: &Node, durability: &str) {
        if self.module == "kernel" {
            return;
        }
        let db = Db::new(node, A, self.module, self.db);
        db.done(json!({ "OpenWith": { "durability": durability } }));
        if self.module == "sqlite" {
            assert_eq!(db.write("CREATE TABLE pair (left, right)", &json!([])), "Ok");
            assert_eq!(db.write("INSERT INTO pair VALUES (0, 0)", &json!([])), "Ok");
        } else {
            assert_eq!((db.set("left", "0"), db.set("right", "0")), (json!("Ok"), json!("Ok")));
        }
    }

    /// The message that writes a number.
    fn message(&self, n: u64) -> Value {
        if self.module == "kernel" {
            let capabilities = vec![capability(A, &n.to_string())];
            let body = KernelCommand::GrantCapabilities { target: A.parse().unwrap(), capabilities };
            let body = serde_json::to_string(&body).unwrap();
            return json!({ "process": "kernel:distro:sys", "expects_response": 300, "body": body });
        }
        let (action, blob) = if self.module == "kv" {
            let key = |half: &str| json!({ "Set": { "key": half.as_bytes(), "bytes": n.to_string().len() } });
            (json!({ "Batch": [key("left"), key("right")] }), format!("{n}{n}"))
        } else {
            let statement = "UPDATE pair SET left = ?1, right = ?1";
            (json!({ "Write": { "statement": statement, "tx_id": null } }), json!([n]).to_string())
        };
        let body = json!({ "package_id": probers(), "db": self.db, "action": action });
        json!({
            "process": format!("{}:distro:sys", self.module),
            "expects_response": 300,
            "body": body.to_string(),
            "data": BASE64_STANDARD.encode(blob),
        })
    }

    /// Writes the next number. Databases are asked in the owner's name: no guest is in between who could be slow to see it.
    pub fn write(&self, node: &Node) -> Written {
        let n = self.acknowledged() + 1;
        self.sent.fetch_max(n, Ordering::SeqCst);
        let Ok(response) = node.rpc(&self.message(n)).send() else { return Written::Gone };
        let Ok(bytes) = response.bytes() else { return Written::Gone };
        let Ok(reply) = serde_json::from_slice::<Value>(&bytes) else { return Written::Gone };
        let body: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap_or_default();
        let body = String::from_utf8(body).unwrap();
        if body != "\"Ok\"" {
            return Written::Refused(format!("{reply}: {body}"));
        }
        self.acknowledged.store(n, Ordering::SeqCst);
        Written::Done
    }

    /// Writes until the node is gone.
    pub fn write_until_it_is_gone(&self, node: &Node) {
        loop {
            match self.write(node) {
                Written::Done => {}
                Written::Refused(why) => panic!("{} {}: {why}", self.module, self.db),
                Written::Gone => return,
            }
        }
    }

    fn granted(node: &Node) -> BTreeSet<u64> {
        let held = node.last(A, json!(["Capabilities"]));
        let held: Vec<Capability> = serde_json::from_value(held).unwrap();
        held.iter().filter_map(|capability| capability.params.parse().ok()).collect()
    }

    /// The numbers that are there.
    fn found(&self, node: &Node) -> (u64, u64) {
        if self.module == "kernel" {
            let numbers = Self::granted(node);
            assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "one is missing of {numbers:?}");
            return (numbers.len() as u64, numbers.len() as u64);
        }
        let db = Db::new(node, A, self.module, self.db);
        if self.module == "kv" {
            let number = |key: &str| db.get(key).unwrap().parse().unwrap();
            return (number("left"), number("right"));
        }
        let rows = db.query("SELECT left, right FROM pair", &json!([]));
        (rows[0]["left"].as_u64().unwrap(), rows[0]["right"].as_u64().unwrap())
    }

    /// Looks at what is there after something happened, and goes on from it.
    pub fn check(&self, node: &Node, kept: Kept, after: &str) {
        let (left, right) = self.found(node);
        let acknowledged = self.acknowledged();
        let what = format!("{} {} after {after}", self.module, self.db);
        assert_eq!(left, right, "{what}: half of a change is there");
        let possible = match kept {
            Kept::Acknowledged => acknowledged..=acknowledged + 1,
            Kept::Whole => 0..=self.sent.load(Ordering::SeqCst),
        };
        assert!(possible.contains(&left), "{what}: {left} is there, and {acknowledged} was acknowledged");
        self.acknowledged.store(left, Ordering::SeqCst);
    }
}
