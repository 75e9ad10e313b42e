//! Pins that every command that lists something has it as JSON, for programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::Value;
use wharf_tests::{Node, paths};

#[test]
fn every_list_is_json_for_programs() {
    let node = Node::start();
    node.install(&paths::package("counter:wharf.os"));
    let zip = paths::package("echo:wharf.os");
    let commands: [&[&str]; 15] = [
        &["status"],
        &["ps"],
        &["ps", "--ended"],
        &["list"],
        &["auto-update", "show"],
        &["caps", "counter"],
        &["sessions"],
        &["fs", "ls"],
        &["fs", "ls", "-l", "/counter:wharf.os/pkg"],
        &["fs", "du", "/counter:wharf.os"],
        &["logs", "-n", "5"],
        &["top", "--once", "--interval", "0.1"],
        &["send", "counter", "\"Get\""],
        &["login-link"],
        &["check", zip.to_str().unwrap()],
    ];
    for command in commands {
        let printed = node.wharf(&[command, &["--json"]].concat()).ok();
        let values: Vec<Value> = serde_json::Deserializer::from_str(&printed)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{command:?}: {error}: {printed}"));
        assert!(values.iter().all(|value| value.is_object() || value.is_array()), "{command:?}: {printed}");
        assert!(!values.is_empty(), "{command:?} printed nothing");
    }
}

#[test]
fn a_mistyped_package_brings_the_one_that_was_meant() {
    let node = Node::start();
    node.install(&paths::package("counter:wharf.os"));
    let commands: [&[&str]; 4] = [
        &["fs", "ls", "/conter:wharf.os/pkg"],
        &["kv", "get", "conter:wharf.os", "db", "key"],
        &["sql", "conter:wharf.os", "db", "SELECT 1"],
        &["uninstall", "conter:wharf.os"],
    ];
    for command in commands {
        let said = node.wharf(command).failed(1);
        assert!(said.contains("did you mean") && said.contains("counter:wharf.os"), "{command:?}: {said}");
    }
    // What is right is not corrected.
    let said = node.wharf(&["kv", "get", "counter:wharf.os", "none", "key"]).failed(1);
    assert!(!said.contains("did you mean"), "{said}");
}
