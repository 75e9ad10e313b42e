//! Pins what a package's author does: `wharf new`, `build`, `check`, and then what its users see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_tests::authoring::{author, cargo_test, new_package};
use wharf_tests::{Node, eventually};

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

const TEMPLATES: [&str; 6] = ["blank", "echo", "counter", "chat", "fibonacci", "file-transfer"];

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
    for template in TEMPLATES {
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
fn each_template_has_tests_that_need_no_node() {
    let folder = tempfile::tempdir().unwrap();
    for template in TEMPLATES {
        let package = folder.path().join(format!("my-{template}"));
        new_package(&package, template);
        let tested = cargo_test(&package);
        assert!(tested.contains("test result: ok") && !tested.contains("running 0 tests"), "{tested}");
    }
}

/// The node is stopped in the middle of it: what was begun is finished when it is up again.
#[test]
fn a_file_is_fetched_from_another_package_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start();
    for name in ["here", "there"] {
        let package = folder.path().join(name);
        new_package(&package, "file-transfer");
        author(&["build", path(&package)]).ok();
        node.wharf(&["install", "--yes", path(&package)]).ok();
    }
    let large = folder.path().join("large");
    fs::write(&large, vec![b'x'; 20 << 20]).unwrap();
    let shared = "/there:ann.os/there-files/large.bin";
    // The drive is there once the process is.
    node.wharf(&["send", "there", r#"{"Save":{"name":"small.txt","text":"small"}}"#]).ok();
    node.wharf(&["fs", "put", path(&large), shared]).ok();
    for name in ["large.bin", "small.txt"] {
        let fetch = json!({ "Fetch": { "from": "our@there:there:ann.os", "name": name } });
        node.wharf(&["send", "here", &fetch.to_string()]).ok();
    }
    node.restart();
    let transfers =
        || -> Value { serde_json::from_str(&node.wharf(&["send", "here", r#""Transfers""#]).ok()).unwrap() };
    eventually("both files are there", || {
        let now = transfers();
        assert!(!now.to_string().contains("Failed"), "{now}");
        // Those that were done before the restart are not remembered.
        now.as_object().unwrap().values().all(|transfer| transfer == "Done").then_some(())
    });
    let got = folder.path().join("got");
    node.wharf(&["fs", "get", "/here:ann.os/here-files/large.bin", path(&got)]).ok();
    assert!(fs::read(&got).unwrap() == fs::read(&large).unwrap());
    let small = node.wharf(&["fs", "cat", "/here:ann.os/here-files/small.txt"]).ok();
    assert_eq!(small, "small");
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
