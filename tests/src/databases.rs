//! Databases of packages, by way of a prober that asks the modules.

use serde_json::{Value, json};

use crate::node::Node;

/// A database, and who asks for it.
#[derive(Clone, Debug)]
pub struct Db<'a> {
    /// The node.
    pub node: &'a Node,
    /// The prober that asks.
    pub by: &'a str,
    /// `kv` or `sqlite`.
    pub module: &'a str,
    /// Whose database it is, as JSON.
    pub package: Value,
    /// Its name.
    pub name: String,
}

/// The package of the probers.
pub fn probers() -> Value {
    json!({ "package_name": "prober", "publisher_node": "test.os" })
}

impl<'a> Db<'a> {
    /// A database of the probers.
    pub fn new(node: &'a Node, by: &'a str, module: &'a str, name: &str) -> Self {
        Self { node, by, module, package: probers(), name: name.to_owned() }
    }

    /// The same, asked for by another prober.
    pub fn by(&self, by: &'a str) -> Self {
        Self { by, ..self.clone() }
    }

    /// The step of a prober that asks.
    pub fn step(&self, action: &Value, blob: Option<&str>) -> Value {
        let body = json!({ "package_id": self.package, "db": self.name, "action": action });
        json!({ "Await": { "to": format!("{}:distro:sys", self.module), "expects": 600, "body": body, "blob": blob } })
    }

    /// Asks, and returns the body and the blob of the answer.
    pub fn ask(&self, action: &Value, blob: Option<&str>) -> (Value, Value) {
        read(&self.node.last(self.by, json!([self.step(action, blob)])))
    }

    /// Asks, and returns the body.
    pub fn answer(&self, action: Value) -> Value {
        self.ask(&action, None).0
    }

    /// Asks for what has to work.
    pub fn done(&self, action: Value) {
        assert_eq!(self.answer(action.clone()), "Ok", "{action}");
    }

    /// Sets a key of text.
    pub fn set(&self, key: &str, value: &str) -> Value {
        self.ask(&json!({ "Set": { "key": key.as_bytes(), "tx_id": null } }), Some(value)).0
    }

    /// The value of a key of text.
    pub fn get(&self, key: &str) -> Option<String> {
        let (body, blob) = self.ask(&json!({ "Get": key.as_bytes() }), None);
        if body["Err"] == "KeyNotFound" {
            return None;
        }
        assert_eq!(body, json!({ "Get": key.as_bytes() }));
        Some(blob.as_str().expect("a value").to_owned())
    }

    /// Begins a transaction.
    pub fn begin(&self) -> u64 {
        let begun = self.answer(json!("BeginTx"));
        begun["BeginTx"]["tx_id"].as_u64().unwrap_or_else(|| panic!("{begun}"))
    }

    /// Runs a statement with parameters.
    pub fn write(&self, statement: &str, params: &Value) -> Value {
        self.ask(&json!({ "Write": { "statement": statement, "tx_id": null } }), Some(&params.to_string())).0
    }

    /// The rows of a query.
    pub fn query(&self, statement: &str, params: &Value) -> Value {
        let (body, blob) = self.ask(&json!({ "Query": statement }), Some(&params.to_string()));
        assert_eq!(body, "Read", "{statement}");
        serde_json::from_str(blob.as_str().expect("rows")).unwrap()
    }
}

/// Body and blob of a response that a prober tells of.
pub fn read(response: &Value) -> (Value, Value) {
    assert_eq!(response["kind"], "response", "{response}");
    (serde_json::from_str(response["body"].as_str().unwrap()).unwrap(), response["blob"].clone())
}
