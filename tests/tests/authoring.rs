//! Pins what a package's author does: `wharf new`, `build`, `check`, and then what its users see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::authoring::{author, new_package};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A package of this template, built.
fn built(folder: &Path, template: &str) -> PathBuf {
    let package = folder.join(format!("my-{template}"));
    new_package(&package, template);
    let said: Value = serde_json::from_str(&author(&["build", path(&package), "--json"]).ok()).unwrap();
    assert_eq!(said["package"], json!({ "package_name": format!("my-{template}"), "publisher_node": "ann.os" }));
    let zip = PathBuf::from(said["zip"].as_str().unwrap());
    assert_eq!(zip, package.join(format!("target/my-{template}:ann.os.zip")));
    let again: Value = serde_json::from_str(&author(&["build", path(&package), "--json"]).ok()).unwrap();
    assert_eq!(again, said);
    zip
}

#[test]
fn each_template_builds_and_runs_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start();
    for template in ["blank", "echo", "counter", "chat"] {
        let zip = built(folder.path(), template);
        let checked = author(&["check", path(&zip)]).ok();
        assert!(checked.contains(&format!("my-{template}:ann.os can be installed")), "{checked}");
        let tested = author(&["test", path(&folder.path().join(format!("my-{template}")))]).ok();
        assert!(tested.contains(" 0 failed"), "{tested}");
        // By its folder, as its author would.
        node.wharf(&["install", "--yes", path(zip.parent().unwrap().parent().unwrap())]).ok();
    }
    let echoed = node.wharf(&["send", "my-echo", r#""hello""#]).ok();
    assert!(echoed.contains(r#""hello""#), "{echoed}");
    node.wait_for_log(&["my-blank:my-blank:ann.os", "is up"]);
    let refused = node.wharf(&["send", "my-blank", "1"]);
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("understands nothing yet"));
    let (status, page) = node.get("/my-counter:my-counter:ann.os");
    assert!(status == 200 && page.contains(">1</"), "{status} {page}");
    assert_eq!(node.post("/my-counter:my-counter:ann.os/api", ""), (200, r#"{"count":2}"#.to_owned()));
    assert_eq!(node.post("/my-counter:my-counter:ann.os", "").0, 405);
    let said = node.wharf(&["send", "my-chat", r#"{"Say":{"room":"hall","text":"hi"}}"#]).ok();
    assert!(said.contains(r#""text":"hi""#), "{said}");
    let read = node.wharf(&["send", "my-chat", r#"{"Read":{"room":"hall"}}"#]).ok();
    assert!(read.contains(r#""number":1"#), "{read}");
}

#[test]
fn a_package_that_cannot_be_built_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let said = author(&["build", path(folder.path())]).failed(4);
    assert!(said.contains("has no metadata.json") && said.contains("wharf new"), "{said}");
    let package = folder.path().join("empty");
    author(&["new", path(&package)]).ok();
    for code in ["src", "Cargo.toml"] {
        let code = package.join(code);
        if code.is_dir() { fs::remove_dir_all(code).unwrap() } else { fs::remove_file(code).unwrap() }
    }
    let said = author(&["build", path(&package)]).failed(4);
    assert!(said.contains("`empty.wasm` is named by the manifest") && said.contains("a crate `empty`"), "{said}");
    let said = author(&["check", path(&package)]).failed(4);
    assert!(said.contains("wharf build"), "{said}");
    fs::write(package.join("pkg/manifest.json"), "[{}]").unwrap();
    assert!(author(&["build", path(&package)]).failed(4).contains("manifest"));
}

#[test]
fn nothing_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "mine").unwrap();
    let said = author(&["new", path(folder.path())]).failed(4);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{said}");
    author(&["new", path(&folder.path().join("Not A Name"))]).failed(4);
    author(&["new", path(&folder.path().join("x")), "--library", path(folder.path())]).failed(4);
}
