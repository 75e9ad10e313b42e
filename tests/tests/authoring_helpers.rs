//! The helper files of packages in JavaScript and Python: alone, against something that stands in for a node, and in one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::authoring::author;
use wharf_tests::cli::Ran;

fn templates(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/cli/templates").join(language)
}

fn run(language: &str, program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    command.args(args).current_dir(templates(language)).stdin(Stdio::null());
    // They say of which version they are.
    command.env("WHARF_VERSION", env!("CARGO_PKG_VERSION")).env("PYTHONDONTWRITEBYTECODE", "1");
    Ran::of(command.output().unwrap()).ok();
}

#[test]
fn javascript_without_a_node() {
    run("js", "node", &["--test", "tests/wharf.test.js"]);
}

#[test]
fn python_without_a_node() {
    run("python", "python3", &["-m", "unittest", "discover", "tests"]);
}

/// Uses files, keys and values, and timers of a real node.
fn use_modules(language: &str, main: &str, code: &str) {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("tries");
    let name = package.to_str().unwrap();
    author(&["new", name, "--lang", language, "--publisher", "ann.os"]).ok();
    fs::write(package.join("src").join(main), code).unwrap();
    let manifest = package.join("pkg/manifest.json");
    let mut entries: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    entries[0]["request_capabilities"] = json!(["http-server:distro:sys", "kv:distro:sys", "vfs:distro:sys"]);
    fs::write(&manifest, entries.to_string()).unwrap();
    author(&["build", name]).ok();
    let node = Node::start();
    node.wharf(&["install", "--yes", name]).ok();
    for visits in [1, 2] {
        let said = node.wharf(&["send", "tries", r#""Try""#, "--timeout", "120"]).ok();
        let expected = json!({
            "text": "héllo", "files": 1, "missing": false, "visits": visits, "refused": "NoReadCap",
        });
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), expected);
    }
    for (asked, why) in [(r#""No""#, "not today"), (r#""What""#, "`What` is none of Try, No")] {
        let refused = node.wharf(&["send", "tries", asked]);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn javascript_uses_the_modules_of_a_node() {
    use_modules("js", "main.js", include_str!("../guests/modules.js"));
}

#[test]
fn python_uses_the_modules_of_a_node() {
    use_modules("python", "app.py", include_str!("../guests/modules.py"));
}
