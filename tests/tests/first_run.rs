//! Pins the first minutes of someone who tries Wharf, and the day after: a fresh home, two packages, a page in the
//! browser, every command of `wharf`, and a restart that keeps all of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::{Node, eventually, paths};

const COUNTER: &str = "counter:counter:wharf.os";
const ECHO: &str = "echo:echo:wharf.os";

fn with_echo_and_counter() -> Node {
    let node = Node::builder().own_cache().start();
    node.install(&paths::package("echo:wharf.os"));
    node.install(&paths::package("counter:wharf.os"));
    node
}

fn json_of(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// A process that was started may not have bound its paths yet.
fn get_once_bound(node: &Node, path: &str) -> String {
    eventually(&format!("{path} is bound"), || {
        let (status, body) = node.get(path);
        (status == 200).then_some(body)
    })
}

#[test]
fn a_fresh_home_becomes_a_node_that_tells_its_status() {
    let node = Node::start();
    let status = node.wharf(&["status"]).ok();
    for part in ["local.os", node.url(), node.home().root().to_str().unwrap()] {
        assert!(status.contains(part), "{part} is not in\n{status}");
    }
    let status = json_of(&node.wharf(&["status", "--json"]).ok());
    assert_eq!(status["node"], "local.os");
    assert_eq!(json_of(&node.wharf(&["list", "--json"]).ok()), json!([]), "the node's own packages are not listed");
    assert_eq!(std::fs::read_to_string(node.home().version()).unwrap().trim(), "1");
}

#[test]
fn what_is_secret_in_a_home_is_only_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let node = Node::start();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o077;
    for path in [node.home().node_key(), node.home().token(), node.home().kernel_db(), node.home().log()] {
        assert_eq!(mode(&path), 0, "{} is open to others", path.display());
    }
    for path in [node.home().run_dir(), node.home().vfs(), node.home().log_dir()] {
        assert_eq!(mode(&path), 0, "{} is open to others", path.display());
    }
}

#[test]
fn packages_install_and_serve_and_answer() {
    let node = with_echo_and_counter();
    let page = get_once_bound(&node, &format!("/{COUNTER}"));
    assert!(page.contains("<html") && page.contains('1'), "{page}");
    assert_eq!(json_of(&node.get(&format!("/{COUNTER}/api")).1), json!({ "count": 1 }), "looking does not count");
    assert_eq!(json_of(&node.post(&format!("/{COUNTER}/api"), "").1), json!({ "count": 2 }));
    assert_eq!(json_of(&node.wharf(&["send", "counter", "\"Get\""]).ok()), json!({ "count": 2 }));
    assert_eq!(node.wharf(&["send", "echo", "hello"]).ok(), "hello\n");

    let list = json_of(&node.wharf(&["list", "--json"]).ok());
    let names: Vec<_> = list.as_array().unwrap().iter().map(|package| &package["package_id"]["package_name"]).collect();
    assert_eq!(names, ["counter", "echo"]);
    let ps = node.wharf(&["ps"]).ok();
    assert!(ps.contains(COUNTER) && ps.contains(ECHO) && ps.contains("running"), "{ps}");
}

#[test]
fn a_blob_goes_there_and_back_through_the_command_line() {
    let node = Node::start();
    node.install(&paths::package("echo:wharf.os"));
    let folder = tempfile::tempdir().unwrap();
    let (sent, received) = (folder.path().join("sent"), folder.path().join("received"));
    let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    std::fs::write(&sent, &bytes).unwrap();
    let (sent, out) = (sent.to_str().unwrap(), received.to_str().unwrap());
    node.wharf(&["send", "echo", "{}", "--blob", sent, "--mime", "a/b", "--blob-out", out]).ok();
    assert!(std::fs::read(&received).unwrap() == bytes);
}

#[test]
fn a_restart_keeps_packages_counts_and_logs() {
    let mut node = with_echo_and_counter();
    get_once_bound(&node, &format!("/{COUNTER}"));
    let before = node.wharf(&["list", "--json"]).ok();
    let boot = |node: &Node| json_of(&node.wharf(&["status", "--json"]).ok())["boot"].as_str().unwrap().to_owned();
    let first_boot = boot(&node);
    let old_logs = node.wharf(&["logs", "--json"]).ok();
    node.restart();
    assert_ne!(boot(&node), first_boot);
    assert_eq!(node.wharf(&["list", "--json"]).ok(), before);
    let api = get_once_bound(&node, &format!("/{COUNTER}/api"));
    assert_eq!(json_of(&api), json!({ "count": 1 }));
    assert_eq!(node.wharf(&["send", "echo", "again"]).ok(), "again\n");
    let logs = node.wharf(&["logs", "--json"]).ok();
    assert!(!old_logs.is_empty() && logs.starts_with(&old_logs), "the log goes on where it was:\n{logs}");
    assert!(logs.lines().all(|line| json_of(line).is_object()));
}

#[test]
fn logs_are_there_without_a_node_and_for_one_process() {
    let mut node = Node::with_prober();
    node.run(wharf_tests::prober::A, json!([{ "Print": { "verbosity": 0, "text": "said by a" } }]));
    node.run(wharf_tests::prober::B, json!([{ "Print": { "verbosity": 0, "text": "said by b" } }]));
    node.wait_for_log(&["said by b"]);
    node.stop();
    let logs = node.wharf(&["logs", "prober-a"]).ok();
    assert!(logs.contains("said by a") && !logs.contains("said by b"), "{logs}");
    let refused = node.wharf(&["ps"]).failed(3);
    assert!(refused.contains("wharfd"), "it says what to start: {refused}");
}

#[test]
fn a_killed_process_is_gone_and_an_uninstalled_package_is_too() {
    let node = with_echo_and_counter();
    node.wharf(&["kill", "echo"]).ok();
    assert!(node.process(ECHO).is_none());
    let gone = node.wharf(&["send", ECHO, "x"]).failed(1);
    assert!(gone.contains(ECHO), "{gone}");

    let path = format!("/{COUNTER}/api");
    get_once_bound(&node, &path);
    let drive = node.home().vfs().join("counter:wharf.os/pkg");
    assert!(drive.exists());
    let asked = node.wharf(&["uninstall", "counter:wharf.os"]).failed(5);
    assert!(asked.contains("--yes"), "without a terminal it says how to agree: {asked}");
    node.wharf(&["uninstall", "counter:wharf.os", "--yes"]).ok();
    assert!(node.process(COUNTER).is_none());
    assert!(!drive.join("manifest.json").exists());
    assert_ne!(node.get(&path).0, 200);
    let list = node.wharf(&["list"]).ok();
    assert!(!list.contains("counter:wharf.os"), "{list}");
    node.wharf(&["uninstall", "counter:wharf.os", "--yes"]).failed(1);
}

#[test]
fn a_package_installs_again_over_itself_and_keeps_its_state() {
    let node = with_echo_and_counter();
    let path = format!("/{COUNTER}/api");
    get_once_bound(&node, &path);
    node.post(&path, "");
    node.install(&paths::package("counter:wharf.os"));
    let count = eventually("the new one answers", || {
        let (status, body) = node.get(&path);
        (status == 200).then_some(body)
    });
    assert_eq!(json_of(&count), json!({ "count": 1 }));
}

#[test]
fn packages_that_are_installed_at_the_same_time_all_arrive() {
    let node = Node::start();
    let zips = [
        paths::package("echo:wharf.os"),
        paths::package("counter:wharf.os"),
        paths::test_package("prober:test.os"),
        paths::test_package("kinode-lib:test.os"),
    ];
    std::thread::scope(|scope| {
        for zip in &zips {
            scope.spawn(|| node.install(zip));
        }
    });
    let list = json_of(&node.wharf(&["list", "--json"]).ok());
    assert_eq!(list.as_array().unwrap().len(), zips.len());
    assert_eq!(node.wharf(&["send", "echo", "x"]).ok(), "x\n");
}

#[test]
fn an_app_store_that_was_killed_is_back_after_a_restart() {
    let mut node = Node::start();
    node.install(&paths::package("echo:wharf.os"));
    node.wharf(&["kill", "main:app-store:sys"]).ok();
    let refused = node.wharf(&["list"]).failed(1);
    assert!(refused.contains("restart"), "it says what to do: {refused}");
    assert_eq!(node.wharf(&["send", "echo", "x"]).ok(), "x\n", "packages run on without it");
    node.restart();
    assert!(node.wharf(&["list"]).ok().contains("echo:wharf.os"));
    node.wharf(&["uninstall", "--yes", "echo:wharf.os"]).ok();
}
