//! Pins what people and scripts rely on in every command: exit codes, suggestions, completions, manual pages.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "test code"
)]

mod support;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{Node, assert_code, err, out, processes, reply, wharf};

fn handler(message: &Value) -> (u16, Value) {
    match message["process"].as_str().unwrap() {
        "kernel:distro:sys" => reply(&processes()),
        "main:app-store:sys" => reply(&json!({ "PackagesResponse": [{
            "package_id": { "package_name": "echo", "publisher_node": "wharf.os" },
            "version_hash": "00", "version": null, "processes": ["echo:echo:wharf.os"],
        }] })),
        other => (404, json!({ "kind": "no_such_process", "error": format!("no {other}") })),
    }
}

/// As `wharf --help` has them.
#[test]
fn exit_codes_say_what_kind_of_failure_it_was() {
    let node = Node::start(handler);
    let nowhere = tempfile::tempdir().unwrap();
    let help = out(&node.wharf(&["--help"]));
    for code in 0..=5 {
        assert!(help.contains(&format!("\n  {code}  ")), "{code} is not in {help}");
    }
    assert_code(&node.wharf(&["ps"]), 0);
    assert_code(&node.wharf(&["kill", "nobody"]), 1);
    assert_code(&node.wharf(&["ps", "--no-such-option"]), 2);
    assert_code(&wharf(nowhere.path(), &["ps"]), 3);
    assert_code(&node.wharf(&["check", "/no/such/package.zip"]), 4);
    assert_code(&node.wharf(&["uninstall", "echo:wharf.os"]), 5);
}

#[test]
fn who_mistypes_is_told_what_was_meant() {
    let node = Node::start(handler);
    let cases: [(&[&str], &str); 4] = [
        (&["statsu"], "status"),
        (&["ps", "--endde"], "--ended"),
        (&["kill", "ehco"], "did you mean `echo:echo:wharf.os`?"),
        (&["uninstall", "ecko:wharf.os"], "did you mean `echo:wharf.os`?"),
    ];
    for (args, meant) in cases {
        let said = err(&node.wharf(args));
        assert!(said.contains(meant), "{args:?}: {said}");
    }
}

#[test]
fn shells_understand_the_completions() {
    let home = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = wharf(home.path(), &["completions", shell]);
        assert_code(&script, 0);
        let text = out(&script);
        assert!(text.contains("uninstall") && text.contains("json"), "{shell}: {text}");
        // A shell that is not on this machine cannot be asked.
        let Ok(mut child) = Command::new(shell).arg("-n").stdin(Stdio::piped()).spawn() else { continue };
        child.stdin.take().unwrap().write_all(&script.stdout).unwrap();
        assert!(child.wait().unwrap().success(), "{shell}");
    }
    assert_code(&wharf(home.path(), &["completions", "tcsh"]), 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("man1");
    let wrote = wharf(home.path(), &["man", folder.to_str().unwrap(), "--json"]);
    assert_code(&wrote, 0);
    let pages: Vec<String> = serde_json::from_slice(&wrote.stdout).unwrap();
    assert_eq!(pages.len(), fs::read_dir(&folder).unwrap().count());
    for page in ["wharf.1", "wharf-install.1", "wharf-fs-ls.1"] {
        let path = folder.join(page);
        assert!(pages.iter().any(|written| Path::new(written) == path), "{page}: {pages:?}");
        assert!(fs::read_to_string(path).unwrap().contains("Examples"), "{page}");
    }
}

/// The page in `docs/` is what the commands say, and each of them has an example.
#[test]
fn the_reference_has_every_command_with_an_example() {
    let home = tempfile::tempdir().unwrap();
    assert_code(&wharf(home.path(), &["man", home.path().to_str().unwrap(), "--markdown"]), 0);
    let now = fs::read_to_string(home.path().join("commands.md")).unwrap();
    for section in now.split("\n## ").skip(1) {
        let name = section.lines().next().unwrap();
        let example = section.split_once("Examples:\n").unwrap_or_else(|| panic!("{name} has no example")).1;
        assert!(example.lines().next().unwrap().contains(name), "{name}: {example}");
    }
    let written = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md")).unwrap();
    assert!(written == now, "docs/commands.md is out of date: `wharf man docs --markdown` writes it");
}
