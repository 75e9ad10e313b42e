//! Pins that `std::fs` in an unmodified Rust guest works on its package's `tmp` drive, and reaches nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use wharf_tests::prometheus::Page;
use wharf_tests::{Node, eventually, paths};

const MAIN: &str = "main:std-fs:test.os";
const OTHER: &str = "other:std-fs:test.os";

/// Bytes of the file that is streamed whole, there and back; some seconds. `WHARF_STREAM_BYTES` streams less where
/// there is no room.
const STREAM_BYTES: u64 = 1 << 30;

fn node_with(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("std-fs:test.os"));
    node
}

fn node() -> Node {
    node_with("")
}

fn ask(node: &Node, ask: Value) -> Value {
    let body = ask.to_string();
    node.send(MAIN, &body, None, 600).unwrap_or_else(|refusal| panic!("{body}: {refusal:?}")).json()
}

/// What `std` said of a failure.
fn failure(told: &Value) -> (&str, i64) {
    let failed = &told["Failed"];
    (failed["kind"].as_str().unwrap_or_else(|| panic!("{told}")), failed["number"].as_i64().unwrap_or(0))
}

/// Asks the vfs in the name of another process of the package.
fn vfs(node: &Node, path: &str, action: Value, blob: Option<&[u8]>) -> (Value, Option<Vec<u8>>) {
    let body = json!({ "path": path, "action": action }).to_string();
    let reply = node.send("vfs:distro:sys", &body, blob, 60).unwrap();
    (reply.json(), reply.blob)
}

fn limit_hits(node: &Node, limit: &str) -> f64 {
    let response = node.http().get(format!("{}/metrics", node.url())).bearer_auth(node.token()).send().unwrap();
    Page::read(&response.text().unwrap()).value("wharf_limit_hits_total", &[("limit", limit)]).unwrap()
}

/// The drive as the host has it.
fn on_host(node: &Node) -> PathBuf {
    node.home().vfs().join("std-fs:test.os/tmp")
}

#[test]
fn all_of_std_fs_works() {
    let node = node();
    assert_eq!(ask(&node, json!("TempDir")), json!({ "Text": "/tmp" }));
    assert_eq!(ask(&node, json!({ "Tour": "/tmp/tour" })), json!("Ok"));
    // The path that it has in messages leads to the same place.
    assert_eq!(ask(&node, json!({ "Tour": "/std-fs:test.os/tmp/tour" })), json!("Ok"));
    assert_eq!(ask(&node, json!({ "List": "/tmp" })), json!({ "Names": [] }));
}

#[test]
fn one_file_is_the_same_by_std_and_by_message() {
    let node = node();
    assert_eq!(ask(&node, json!({ "Write": { "path": "/tmp/a", "text": "from std" } })), json!("Ok"));
    assert_eq!(fs::read_to_string(on_host(&node).join("a")).unwrap(), "from std");
    let (answer, blob) = vfs(&node, "/std-fs:test.os/tmp/a", json!("Read"), None);
    assert_eq!((answer, blob.as_deref()), (json!("Read"), Some(&b"from std"[..])));
    let (answer, _) = vfs(&node, "/std-fs:test.os/tmp/b", json!("Write"), Some(b"from a message"));
    assert_eq!(answer, json!("Ok"));
    assert_eq!(ask(&node, json!({ "Read": "/tmp/b" })), json!({ "Text": "from a message" }));
    assert_eq!(ask(&node, json!({ "List": "/tmp" })), json!({ "Names": ["a", "b"] }));
    let sizes = json!({ "Metadata": { "is_dir": false, "len": 14 } });
    assert_eq!(ask(&node, json!({ "Metadata": "/tmp/b" })), sizes);
    let (answer, _) = vfs(&node, "/std-fs:test.os/tmp/a", json!("RemoveFile"), None);
    assert_eq!(answer, json!("Ok"));
    assert_eq!(failure(&ask(&node, json!({ "Read": "/tmp/a" }))).0, "NotFound");
}

#[test]
fn a_file_of_1_gib() {
    let node = node();
    let gib = 1u64 << 30;
    assert_eq!(ask(&node, json!({ "Sparse": { "path": "/tmp/sparse", "bytes": gib } })), json!({ "Count": gib }));
    assert_eq!(ask(&node, json!({ "Remove": "/tmp/sparse" })), json!("Ok"));
    let bytes = std::env::var("WHARF_STREAM_BYTES").map_or(STREAM_BYTES, |bytes| bytes.parse().unwrap());
    assert_eq!(ask(&node, json!({ "Stream": { "path": "/tmp/stream", "bytes": bytes } })), json!({ "Count": bytes }));
    assert_eq!(fs::metadata(on_host(&node).join("stream")).unwrap().len(), bytes);
}

/// `EDQUOT` and `EFBIG` as WASI numbers them.
const QUOTA: i64 = 19;
const TOO_LARGE: i64 = 22;

#[test]
fn package_bytes_max_and_file_bytes_max_hold_for_std_too() {
    let node =
        node_with("[packages.\"std-fs:test.os\".vfs_limits]\npackage_bytes_max = 2000000\nfile_bytes_max = 1500000\n");
    let set_len = |path: &str, len: u64| ask(&node, json!({ "SetLen": { "path": path, "len": len } }));
    for path in ["/tmp/a", "/tmp/b"] {
        assert_eq!(ask(&node, json!({ "Create": path })), json!("Ok"));
    }
    assert_eq!(failure(&set_len("/tmp/a", 1_500_001)).1, TOO_LARGE);
    assert_eq!(set_len("/tmp/a", 1_500_000), json!("Ok"));
    let more = json!({ "Append": { "path": "/tmp/a", "text": "x" } });
    assert_eq!(failure(&ask(&node, more)).1, TOO_LARGE);
    // What the package has by other ways counts as well.
    let used = node.home().vfs().join("std-fs:test.os/pkg");
    let used: u64 = fs::read_dir(used).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert_eq!(failure(&set_len("/tmp/b", 500_001)).1, QUOTA, "with {used} bytes of its own");
    assert_eq!(ask(&node, json!({ "Remove": "/tmp/a" })), json!("Ok"));
    assert_eq!(set_len("/tmp/b", 500_001), json!("Ok"));
}

#[test]
fn open_files_max() {
    let node = node_with("[packages.\"std-fs:test.os\".runtime]\nopen_files_max = 10\n");
    assert_eq!(ask(&node, json!({ "CreateDir": "/tmp/d" })), json!("Ok"));
    let open = || ask(&node, json!({ "OpenMany": { "folder": "/tmp/d", "count": 100 } }));
    assert_eq!(open(), json!({ "Count": 10 }));
    // They are closed again, which may take a moment.
    eventually("closed files make room", || (open() == json!({ "Count": 10 })).then_some(()));
    assert!(limit_hits(&node, "open_files_max") >= 1.0);
}

/// S12: a link in `tmp` leads out of the drive.
#[test]
fn s12_links_that_others_made_are_not_followed() {
    let node = node();
    assert_eq!(ask(&node, json!({ "CreateDir": "/tmp/d" })), json!("Ok"));
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "secret").unwrap();
    let drive = on_host(&node);
    std::os::unix::fs::symlink(&secret, drive.join("file")).unwrap();
    std::os::unix::fs::symlink(outside.path(), drive.join("folder")).unwrap();
    std::os::unix::fs::symlink("d", drive.join("inside")).unwrap();
    for path in ["/tmp/file", "/tmp/folder/secret", "/tmp/inside/x"] {
        for step in [
            json!({ "Read": path }),
            json!({ "Write": { "path": path, "text": "overwritten" } }),
            json!({ "Append": { "path": path, "text": "overwritten" } }),
            json!({ "SetLen": { "path": path, "len": 1 } }),
            json!({ "Metadata": path }),
        ] {
            let told = ask(&node, step.clone());
            assert!(told.get("Failed").is_some(), "{step}: {told}");
        }
    }
    for step in [
        json!({ "List": "/tmp/folder" }),
        json!({ "CreateDir": "/tmp/folder/x" }),
        json!({ "Remove": "/tmp/folder/secret" }),
    ] {
        assert!(ask(&node, step.clone()).get("Failed").is_some(), "{step}");
    }
    // They can be seen and removed, themselves.
    assert_eq!(ask(&node, json!({ "List": "/tmp" })), json!({ "Names": ["d", "file", "folder", "inside"] }));
    assert_eq!(ask(&node, json!({ "Remove": "/tmp/file" })), json!("Ok"));
    assert_eq!(fs::read_to_string(&secret).unwrap(), "secret");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
}

#[test]
fn nothing_else_of_the_machine_is_there() {
    let node = node();
    node.install(&paths::test_package("prober:test.os"));
    let (answer, _) = vfs(&node, "/prober:test.os/tmp", json!("CreateDrive"), None);
    assert_eq!(answer, json!("Ok"));
    vfs(&node, "/prober:test.os/tmp/x", json!("Write"), Some(b"theirs"));
    assert_eq!(ask(&node, json!({ "CreateDir": "/tmp/d" })), json!("Ok"));
    let host = node.home().vfs().join("prober:test.os/tmp/x");
    assert!(host.exists());
    for path in [
        "/prober:test.os/tmp/x",
        "/tmp/../../prober:test.os/tmp/x",
        "/tmp/d/../../../prober:test.os/tmp/x",
        "/std-fs:test.os/tmp/../../prober:test.os/tmp/x",
        "/std-fs:test.os/pkg/manifest.json",
        "/tmp/../pkg/manifest.json",
        host.to_str().unwrap(),
        "/etc/passwd",
        "/proc/self/environ",
        "x",
        "",
    ] {
        for step in [json!({ "Read": path }), json!({ "Write": { "path": path, "text": "ours" } })] {
            assert!(ask(&node, step.clone()).get("Failed").is_some(), "{step}");
        }
    }
    for path in ["/", "/tmp/..", "..", "."] {
        assert!(ask(&node, json!({ "List": path })).get("Failed").is_some(), "{path}");
    }
    assert_eq!(fs::read_to_string(host).unwrap(), "theirs");
    // The drive itself stays.
    for step in [json!({ "Remove": "/tmp" }), json!({ "Rename": { "from": "/tmp", "to": "/tmp/x" } })] {
        assert!(ask(&node, step.clone()).get("Failed").is_some(), "{step}");
    }
}

#[test]
fn a_guest_in_the_middle_of_its_files_holds_up_nobody_and_can_be_killed() {
    let node = node_with("[runtime]\nfile_threads_max = 1\n");
    node.tell(MAIN, &json!({ "WriteForEver": "/tmp/endless" }).to_string());
    node.wait_for_log(&[MAIN, "written 0"]);
    // The only thread for files is shared, a tick at a time.
    let write = json!({ "Write": { "path": "/tmp/short", "text": "x" } }).to_string();
    assert_eq!(node.send(OTHER, &write, None, 60).unwrap().json(), json!("Ok"));
    node.wharf(&["kill", MAIN]).ok();
    let path = on_host(&node).join("endless");
    let len = || fs::metadata(&path).unwrap().len();
    eventually("it stops to write", || {
        let before = len();
        node.assert_serves();
        (len() == before).then_some(())
    });
    assert_eq!(node.send(OTHER, &write, None, 60).unwrap().json(), json!("Ok"));
}

#[test]
fn what_was_written_survives_kill_9() {
    let mut node = node();
    for round in 0..3 {
        let before = node.log().len();
        node.tell(MAIN, &json!({ "WriteForEver": "/tmp/lines" }).to_string());
        eventually("some lines are written", || node.log()[before..].contains("written 128").then_some(()));
        node.kill_9();
        let printed = node.log()[before..]
            .lines()
            .filter_map(|line| line.split("written ").nth(1)?.split('"').next()?.parse::<u64>().ok())
            .max()
            .unwrap();
        let text = fs::read_to_string(on_host(&node).join("lines")).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.len() as u64 > printed, "round {round}: {} lines, and {printed} was told", lines.len());
        assert!(lines.iter().enumerate().all(|(n, line)| *line == format!("{n:015}")), "round {round}");
        node.start_again();
    }
}
