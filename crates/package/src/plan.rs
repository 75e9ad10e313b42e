//! From a manifest to what the kernel will be told: the one reading of it that the app store and the daemon share.
//! Nothing here asks or changes anything.

use serde_json::json;
use wharf_types::{Address, Capability, IdError, NodeName, OnExit, PackageId, ProcessId};

use crate::capability::CapabilityEntry;
use crate::manifest::{Manifest, ManifestEntry};

/// The drive a package's own files are in, as a path in the vfs.
pub fn drive(package: &PackageId) -> String {
    format!("/{package}/pkg")
}

/// A file on that drive.
pub fn file(package: &PackageId, name: &str) -> String {
    format!("{}/{name}", drive(package))
}

/// The zip a package was unpacked from.
pub fn installed_zip(package: &PackageId) -> String {
    file(package, &format!("{package}.zip"))
}

/// One process of a package.
#[derive(Clone, Debug)]
pub struct PlannedProcess {
    /// Its id.
    pub id: ProcessId,
    /// Its component, by name in the zip.
    pub wasm: String,
    /// Its component, by path in the vfs.
    pub wasm_path: String,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Whether every local process may send it messages.
    pub public: bool,
    /// What it gets.
    pub receives: Vec<Capability>,
    /// What others get from it.
    pub gives: Vec<(ProcessId, Capability)>,
}

/// Plans every process of a manifest.
pub fn plan(node: &NodeName, package: &PackageId, manifest: &Manifest) -> Result<Vec<PlannedProcess>, IdError> {
    manifest.entries().iter().map(|entry| plan_one(node, package, entry)).collect()
}

fn plan_one(node: &NodeName, package: &PackageId, entry: &ManifestEntry) -> Result<PlannedProcess, IdError> {
    let id = entry.process_id(package)?;
    Ok(PlannedProcess {
        wasm: entry.wasm_name().to_owned(),
        wasm_path: file(package, entry.wasm_name()),
        on_exit: entry.on_exit.clone(),
        public: entry.public,
        receives: receives(node, package, entry),
        gives: entry.grant_capabilities.iter().map(|grant| gives(node, &id, grant)).collect(),
        id,
    })
}

/// What it asks for, the network if it asks for that, and its own files.
fn receives(node: &NodeName, package: &PackageId, entry: &ManifestEntry) -> Vec<Capability> {
    let issued_by = |process: ProcessId| Address::new(node.clone(), process);
    let mut receives: Vec<Capability> = entry
        .request_capabilities
        .iter()
        .map(|wanted| Capability::new(issued_by(wanted.process().clone()), wanted.params()))
        .collect();
    if entry.request_networking {
        receives.push(Capability::new(issued_by(ProcessId::system("kernel")), Capability::NETWORK));
    }
    for kind in ["read", "write"] {
        let params = json!({ "kind": kind, "drive": drive(package) }).to_string();
        receives.push(Capability::new(issued_by(ProcessId::system("vfs")), params));
    }
    receives
}

fn gives(node: &NodeName, id: &ProcessId, grant: &CapabilityEntry) -> (ProcessId, Capability) {
    (grant.process().clone(), Capability::new(Address::new(node.clone(), id.clone()), grant.params()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::CapabilityKey;

    use super::*;

    const MANIFEST: &str = r#"[{"process_name":"chat","process_wasm_path":"/chat.wasm","on_exit":"Restart",
        "request_networking":true,
        "request_capabilities":["http-server:distro:sys",{"process":"vfs:distro:sys","params":{"root": true}}],
        "grant_capabilities":["http-server:distro:sys",{"process":"terminal:terminal:sys","params":"Read"}],
        "public":true}]"#;

    fn planned(manifest: &str) -> PlannedProcess {
        let manifest = Manifest::parse(manifest.as_bytes()).unwrap();
        let package = PackageId::new("chat", "alice.os").unwrap();
        plan(&"bob.os".parse().unwrap(), &package, &manifest).unwrap().remove(0)
    }

    fn key(issuer: &str, params: &str) -> Option<CapabilityKey> {
        Capability::new(issuer.parse().unwrap(), params).key()
    }

    #[test]
    fn a_process_gets_what_it_asks_for_and_its_own_files() {
        let planned = planned(MANIFEST);
        assert_eq!(planned.id.to_string(), "chat:chat:alice.os");
        assert_eq!(planned.wasm_path, "/chat:alice.os/pkg/chat.wasm");
        assert!(planned.public);
        let receives: Vec<_> = planned.receives.iter().map(Capability::key).collect();
        let vfs = "bob.os@vfs:distro:sys";
        let wanted = [
            key("bob.os@http-server:distro:sys", "\"messaging\""),
            key(vfs, r#"{"root":true}"#),
            key("bob.os@kernel:distro:sys", "\"network\""),
            key(vfs, r#"{"kind":"read","drive":"/chat:alice.os/pkg"}"#),
            key(vfs, r#"{"kind":"write","drive":"/chat:alice.os/pkg"}"#),
        ];
        assert_eq!(receives, wanted);
    }

    #[test]
    fn what_it_gives_is_issued_by_itself() {
        let gives = planned(MANIFEST).gives;
        assert_eq!(gives[0].0, ProcessId::system("http-server"));
        assert_eq!(gives[0].1.key(), key("bob.os@chat:chat:alice.os", "\"messaging\""));
        assert_eq!(gives[1].0.to_string(), "terminal:terminal:sys");
        assert_eq!(gives[1].1.key(), key("bob.os@chat:chat:alice.os", "\"Read\""));
    }

    #[test]
    fn a_manifest_that_asks_for_nothing_gets_its_own_files_only() {
        let planned = planned(
            r#"[{"process_name":"chat","process_wasm_path":"/chat.wasm","on_exit":"None","request_networking":false,
            "request_capabilities":[],"grant_capabilities":[],"public":false}]"#,
        );
        assert_eq!(planned.receives.len(), 2);
        assert!(planned.gives.is_empty());
        assert!(!planned.public);
    }
}
