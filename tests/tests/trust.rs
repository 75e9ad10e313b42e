//! Pins whose packages are taken: a publisher that signed once has to sign with the same key, whoever brings the package,
//! and only the owner changes that.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_tests::installing::{PROBER, Shelf};
use wharf_tests::packages::{hash, package_of, read_entry, trapping, wasm};
use wharf_tests::prober::A;
use wharf_tests::{Node, paths};

const APP_STORE: &str = "main:app-store:sys";

/// Someone with keys.
struct Author {
    folder: tempfile::TempDir,
}

impl Author {
    /// With a key for the packages of `test.os`.
    fn new() -> Self {
        let author = Self { folder: tempfile::tempdir().unwrap() };
        author.wharf(&["key", "new", "test.os"]);
        author
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Runs `wharf` without a node: whether it worked, and what it said.
    fn wharf(&self, args: &[&str]) -> (bool, String) {
        let mut command = std::process::Command::new(paths::binary("wharf"));
        let ran = command.args(args).env("WHARF_KEYS", self.keys()).output().unwrap();
        let said = if ran.status.success() { ran.stdout } else { ran.stderr };
        (ran.status.success(), String::from_utf8(said).unwrap())
    }

    fn key(&self) -> String {
        self.wharf(&["key", "show", "test.os"]).1.trim().to_owned()
    }

    /// A signed copy of a package.
    fn signed(&self, zip: &Path) -> PathBuf {
        let to = self.folder.path().join(zip.file_name().unwrap());
        let (done, said) = self.wharf(&["sign", zip.to_str().unwrap(), "--out", to.to_str().unwrap()]);
        assert!(done, "{said}");
        to
    }
}

/// Brings a package as other tools do: without `wharf`. The reason when it is refused.
fn bring(node: &Node, zip: &Path) -> Option<String> {
    let bytes = std::fs::read(zip).unwrap();
    let id = json!({ "package_name": "prober", "publisher_node": "test.os" });
    let new = json!({ "NewPackage": { "package_id": id, "mirror": true } }).to_string();
    let kept = node.send(APP_STORE, &new, Some(&bytes), 60).unwrap();
    assert_eq!(kept.json(), json!({ "NewPackageResponse": "Success" }), "{:?}", kept.failure());
    let install = json!({ "Install": { "package_id": id, "version_hash": hash(&bytes), "metadata": null } });
    node.ask(APP_STORE, &install).failure()
}

fn trusted(node: &Node) -> Value {
    serde_json::from_str(&node.wharf(&["trust", "list", "--json"]).ok()).unwrap()
}

#[test]
fn keys_are_made_once_and_for_their_owner_alone() {
    let author = Author::new();
    let file = author.keys().join("test.os.pem");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(author.key().len(), 64);
    let (made, said) = author.wharf(&["key", "new", "test.os"]);
    assert!(!made && said.contains("there is a key of test.os already"), "{said}");
    let list: Value = serde_json::from_str(&author.wharf(&["key", "list", "--json"]).1).unwrap();
    assert_eq!(list, json!([{ "publisher": "test.os", "public_key": author.key() }]));
    let (shown, said) = author.wharf(&["key", "show", "other.os"]);
    assert!(!shown && said.contains("wharf key new other.os"), "{said}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (signed, said) = author.wharf(&["sign", paths::test_package(PROBER).to_str().unwrap(), "--out", "/dev/null"]);
    assert!(!signed && said.contains("chmod 600"), "{said}");
}

#[test]
fn a_signed_zip_is_the_same_zip_to_whoever_does_not_look_for_the_signature() {
    let (author, original) = (Author::new(), paths::test_package(PROBER));
    let signed = author.signed(&original);
    let bytes = std::fs::read(&signed).unwrap();
    let before = std::fs::read(&original).unwrap();
    assert!(bytes.starts_with(&before[..before.len() - 2]), "only a comment was added");
    assert_eq!(read_entry(&signed, "manifest.json"), read_entry(&original, "manifest.json"));
    let checked: Value = serde_json::from_str(&author.wharf(&["check", signed.to_str().unwrap(), "--json"]).1).unwrap();
    assert_eq!(checked["package"]["signed_by"], json!(author.key()));
    // In place, and once more with the same result.
    let (done, said) = author.wharf(&["sign", signed.to_str().unwrap()]);
    assert!(done, "{said}");
    assert_eq!(std::fs::read(&signed).unwrap(), bytes);
}

#[test]
fn a_publisher_that_signed_once_has_to_sign_with_the_same_key() {
    let (mut node, shelf, author, mallory) = (Node::start(), Shelf::default(), Author::new(), Author::new());
    let version = |n: &str| shelf.prober(n, |_| {}, &[]);
    node.try_install(&version("1.0.0"), &["--yes"]).ok();
    assert_eq!(trusted(&node), json!([]), "nobody has to sign");

    let asked = node.try_install(&author.signed(&version("2.0.0")), &[]).failed(5);
    assert!(asked.contains(&author.key()) && asked.contains("from now on"), "{asked}");
    node.try_install(&author.signed(&version("2.0.0")), &["--yes"]).ok();
    let prober = json!({ "package_name": "prober", "publisher_node": "test.os" });
    let known = json!([{ "publisher": "test.os", "public_key": author.key(), "first_seen_with": prober }]);
    assert_eq!(trusted(&node), known);
    assert_eq!(node.installed(PROBER).unwrap()["signed_by"], json!(author.key()));
    node.restart();
    assert_eq!(trusted(&node), known);

    let (unsigned, other) = (version("3.0.0"), mallory.signed(&version("3.1.0")));
    let refused = node.try_install(&unsigned, &["--yes"]).failed(1);
    assert!(refused.contains("it is not signed") && refused.contains("wharf trust remove test.os"), "{refused}");
    assert!(bring(&node, &unsigned).unwrap().contains("it is not signed"));
    let refused = node.try_install(&other, &["--yes"]).failed(1);
    assert!(refused.contains(&mallory.key()) && refused.contains("wharf trust add test.os"), "{refused}");
    assert!(bring(&node, &other).unwrap().contains(&author.key()));
    assert_eq!((node.version(PROBER).as_deref(), trusted(&node)), (Some("2.0.0"), known));

    // The same publisher, the same key: no question, and also without `wharf`.
    node.try_install(&author.signed(&version("4.0.0")), &[]).ok();
    assert_eq!(bring(&node, &author.signed(&version("5.0.0"))), None);
    assert_eq!(node.version(PROBER).as_deref(), Some("5.0.0"));
    // Another package of the same publisher, too.
    let second =
        shelf.put("second:test.os", "second", &package_of("second:test.os", &wasm(wharf_tests::packages::SMALLEST)));
    assert!(node.try_install(&second, &["--yes"]).failed(1).contains("it is not signed"));
    node.try_install(&author.signed(&second), &["--yes"]).ok();

    node.wharf(&["trust", "add", "test.os", &mallory.key()]).ok();
    node.try_install(&other, &[]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("3.1.0"));
    node.wharf(&["trust", "remove", "test.os"]).ok();
    node.try_install(&unsigned, &[]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("3.0.0"));
    assert!(node.wharf(&["trust", "remove", "test.os"]).failed(1).contains("no key of test.os is known"));
}

#[test]
fn a_signature_of_something_else_is_refused_also_of_a_publisher_that_never_signed() {
    let (node, shelf, author) = (Node::start(), Shelf::default(), Author::new());
    let signed = author.signed(&shelf.prober("1.0.0", |_| {}, &[]));
    let mut bytes = std::fs::read(&signed).unwrap();
    let at = bytes.windows(5).position(|at| at == b"1.0.0").unwrap();
    bytes[at] = b'9';
    // The checksum of the entry is part of what is changed: a zip is good, the signature is not.
    let good = shelf.prober("2.0.0", |_| {}, &[]);
    let comment = bytes[bytes.len() - 211..].to_vec();
    assert!(comment.starts_with(b"wharf-signature-1 "));
    let plain = std::fs::read(good).unwrap();
    let forged = [&plain[..plain.len() - 2], &211_u16.to_le_bytes(), &comment].concat();
    let path = shelf.put(PROBER, "forged", &forged);
    assert!(node.try_install(&path, &["--yes"]).failed(4).contains("changed after it was signed"));
    assert!(bring(&node, &path).unwrap().contains("changed after it was signed"));
    let damaged = [&forged[..forged.len() - 1], b"z"].concat();
    let path = shelf.put(PROBER, "damaged", &damaged);
    assert!(node.try_install(&path, &["--yes"]).failed(4).contains("signature is damaged"));
    assert!(bring(&node, &path).unwrap().contains("signature is damaged"));
    assert_eq!((node.installed(PROBER), trusted(&node)), (None, json!([])));
}

#[test]
fn a_key_counts_only_once_its_package_is_installed() {
    let (node, shelf, author) = (Node::start(), Shelf::default(), Author::new());
    let bad = shelf.prober("1.0.0", |_| {}, &[("prober.wasm", wasm(&trapping()))]);
    node.try_install(&author.signed(&bad), &["--yes"]).failed(1);
    assert_eq!(trusted(&node), json!([]));
    node.try_install(&shelf.prober("2.0.0", |_| {}, &[]), &["--yes"]).ok();
}

#[test]
fn rolling_back_leads_behind_the_first_signature_too() {
    let (node, shelf, author) = (Node::start(), Shelf::default(), Author::new());
    node.try_install(&shelf.prober("1.0.0", |_| {}, &[]), &["--yes"]).ok();
    node.try_install(&author.signed(&shelf.prober("2.0.0", |_| {}, &[])), &["--yes"]).ok();
    node.wharf(&["rollback", PROBER, "--yes"]).ok();
    assert_eq!(node.version(PROBER).as_deref(), Some("1.0.0"));
    assert_eq!(trusted(&node)[0]["publisher"], "test.os", "what is trusted stays");
}

#[test]
fn a_process_that_may_message_the_app_store_cannot_change_whom_to_trust() {
    let (node, author) = (Node::with_prober(), Author::new());
    node.wharf(&["trust", "add", "test.os", &author.key()]).ok();
    let messaging = json!({ "issuer": format!("local.os@{APP_STORE}"), "params": "\"messaging\"" });
    let grant = json!({ "GrantCapabilities": { "target": A, "capabilities": [messaging] } });
    assert_eq!(node.ask("kernel:distro:sys", &grant).json(), "Ok");
    let id = json!({ "package_name": "prober", "publisher_node": "test.os" });
    for request in [
        json!({ "Distrust": { "publisher": "test.os" } }),
        json!({ "Trust": { "publisher": "test.os", "public_key": "ab".repeat(32) } }),
        json!({ "Rollback": id }),
        json!({ "Purge": id }),
    ] {
        let answer = node.last(A, json!([{ "Await": { "to": APP_STORE, "body": request, "expects": 60 } }]));
        assert!(answer.to_string().contains("for the node's owner only"), "{request}: {answer}");
    }
    assert_eq!(trusted(&node)[0]["public_key"], json!(author.key()));
    for (publisher, key) in [("test.os", "ab"), ("test.os", "zz"), ("sys", &"ab".repeat(32))] {
        assert!(node.wharf(&["trust", "add", publisher, key]).code != 0, "{publisher} {key}");
    }
}
