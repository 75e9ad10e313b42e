//! Pins what packages can rely on about their files: every action through the guest library, who may see and change
//! what, how much they may keep, and that what was answered survives whatever ends the node.
//!
//! `WHARF_FILE_KILLS` sets how often the node is killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_tests::prober::{A, B, address, capability, program};
use wharf_tests::{Node, eventually, paths};
use wharf_types::kernel::{KernelCommand, KernelResponse};

const VFS: &str = "vfs:distro:sys";
const PROBER: &str = "/prober:test.os";
/// The prober in a package of its own.
const STRANGER: &str = "stranger:stranger:test.os";

/// A step that asks the vfs. The blob is the program's.
fn step(path: &str, action: Value) -> Value {
    json!({ "Await": { "to": VFS, "inherit": true, "body": { "path": path, "action": action } } })
}

/// Asks the vfs as a guest, and returns what it answers.
fn ask(node: &Node, prober: &str, path: &str, action: Value, blob: Option<&str>) -> Value {
    let outcome = node.run_with_blob(prober, json!([step(path, action)]), blob).pop().unwrap();
    serde_json::from_str(outcome["body"].as_str().unwrap_or_else(|| panic!("{outcome}"))).unwrap()
}

fn io_error(text: &str) -> Value {
    json!({ "Err": { "IOError": text } })
}

/// Where a path is on the host.
fn host(node: &Node, path: &str) -> PathBuf {
    node.home().vfs().join(path.trim_start_matches('/'))
}

#[test]
fn the_guest_library_uses_files_as_std_does() {
    let node = Node::with_prober();
    assert_eq!(node.last(A, json!([{ "TourVfs": "tour" }])), "ok");
    // And again, over what is there now.
    assert_eq!(node.last(A, json!([{ "TourVfs": "tour" }])), "ok");
}

#[test]
fn every_package_has_a_drive_for_what_was_installed_and_one_for_its_own_use() {
    let mut node = Node::with_prober();
    node.run(A, json!(["Our"]));
    for drive in ["pkg", "tmp"] {
        assert!(host(&node, &format!("{PROBER}/{drive}")).is_dir(), "{drive}");
    }
    assert_eq!(ask(&node, A, &format!("{PROBER}/tmp/x"), json!("Write"), Some("kept")), "Ok");
    node.restart();
    assert_eq!(
        ask(&node, B, &format!("{PROBER}/tmp/x"), json!("ReadToString"), None),
        json!({ "ReadToString": "kept" })
    );
    node.install(&paths::test_package("stranger:test.os"));
    eventually("the drives are there", || host(&node, "stranger:test.os/tmp").is_dir().then_some(()));
}

#[test]
fn a_drive_is_shared_by_attaching_its_capability() {
    let node = Node::with_prober();
    node.install(&paths::test_package("stranger:test.os"));
    let drive = format!("{PROBER}/shared");
    let file = format!("{drive}/file");
    assert_eq!(ask(&node, A, &drive, json!("CreateDrive"), None), "Ok");
    assert_eq!(ask(&node, A, &file, json!("Write"), Some("for you")), "Ok");
    let read = || ask(&node, STRANGER, &file, json!("ReadToString"), None);
    let write = || ask(&node, STRANGER, &file, json!("Write"), Some("from you"));
    let share = |kind: &str| {
        let params = json!({ "kind": kind, "drive": drive }).to_string();
        let save = program(json!(["SaveAttached"]));
        let send = json!({ "to": STRANGER, "body": save, "capabilities": [capability(VFS, &params)] });
        node.run(A, json!([{ "Await": send }]));
    };
    assert_eq!(read(), json!({ "Err": "NoReadCap" }));
    share("read");
    assert_eq!((read(), write()), (json!({ "ReadToString": "for you" }), json!({ "Err": "NoWriteCap" })));
    share("write");
    assert_eq!(write(), "Ok");
    assert_eq!(ask(&node, A, &file, json!("Len"), None), json!({ "Len": 8 }));
    // It is for that drive, and makes none.
    for (path, action, refused) in [
        (format!("{PROBER}/pkg/prober.wasm"), json!("Len"), "NoReadCap"),
        (format!("{PROBER}/other"), json!("CreateDrive"), "NoWriteCap"),
        (file.clone(), json!({ "Rename": { "new_path": format!("{PROBER}/pkg/x") } }), "NoWriteCap"),
    ] {
        assert_eq!(ask(&node, STRANGER, &path, action, None), json!({ "Err": refused }), "{path}");
    }
}

#[test]
fn a_package_keeps_no_more_than_it_may() {
    let settings = "[packages.\"prober:test.os\".vfs_limits]\npackage_bytes_max = 8000000\n";
    let mut node = Node::builder().settings(settings).start();
    for package in ["prober:test.os", "stranger:test.os"] {
        node.install(&paths::test_package(package));
    }
    let large = "x".repeat(5_000_000);
    let file = |name: &str| format!("{PROBER}/tmp/{name}");
    let full = io_error("Disk quota exceeded (os error 122)");
    assert_eq!(ask(&node, A, &file("a"), json!("Write"), Some(&large)), "Ok");
    // All processes of a package together, and in all its drives.
    assert_eq!(ask(&node, B, &format!("{PROBER}/more"), json!("CreateDrive"), None), "Ok");
    assert_eq!(ask(&node, B, &format!("{PROBER}/more/b"), json!("Write"), Some(&large)), full);
    assert_eq!(ask(&node, B, &file("a"), json!({ "SetLen": 9_000_000 }), None), full);
    assert_eq!(ask(&node, STRANGER, "/stranger:test.os/tmp/a", json!("Write"), Some(&large)), "Ok");
    let KernelResponse::Metrics(metrics) = node.kernel(&KernelCommand::Metrics) else { panic!("no metrics") };
    assert_eq!(metrics.limit_hits["package_bytes_max"], 2);
    // What is there is counted anew when the node comes up.
    node.restart();
    assert_eq!(ask(&node, A, &file("b"), json!("Write"), Some(&large)), full);
    assert_eq!(ask(&node, A, &file("a"), json!("RemoveFile"), None), "Ok");
    assert_eq!(ask(&node, A, &file("b"), json!("Write"), Some(&large)), "Ok");
}

/// However few files the operating system lets the node open, each is continued where it was left.
#[test]
fn more_files_in_use_than_the_node_may_open() {
    const FILES: usize = 400;
    let node = Node::builder().shell(r#"ulimit -n 200; exec "$@""#).start();
    node.install(&paths::test_package("prober:test.os"));
    let file = |n: usize| format!("{PROBER}/tmp/{n}");
    let each = |action: Value| (0..FILES).map(|n| step(&file(n), action.clone())).collect::<Vec<_>>();
    for steps in [each(json!("Write")), each(json!({ "ReadExact": { "length": 3 } }))] {
        node.run_with_blob(A, json!(steps), Some("012345"));
    }
    let rest = node.run(A, json!(each(json!("ReadToString"))));
    let expected = json!({ "ReadToString": "345" }).to_string();
    assert!(rest.iter().all(|outcome| outcome["body"] == expected.as_str()), "{:?}", rest[0]);
    // One that another process reads stands at its start.
    assert_eq!(ask(&node, B, &file(0), json!("ReadToString"), None), json!({ "ReadToString": "012345" }));
    node.assert_serves();
}

#[test]
fn a_process_that_starts_again_stands_at_the_start() {
    let node = Node::with_prober();
    let file = format!("{PROBER}/tmp/file");
    assert_eq!(ask(&node, A, &file, json!("Write"), Some("012345")), "Ok");
    assert_eq!(
        ask(&node, A, &file, json!({ "Seek": { "Start": 3 } }), None),
        json!({ "SeekFrom": { "new_offset": 3 } })
    );
    node.start_steps(A, json!([{ "Panic": "begin anew" }]));
    node.wait_for_restarts(A, 1);
    assert_eq!(ask(&node, A, &file, json!("ReadToString"), None), json!({ "ReadToString": "012345" }));
}

#[test]
fn c11_an_announced_length_takes_no_memory() {
    let node = Node::with_prober();
    let file = format!("{PROBER}/tmp/file");
    assert_eq!(ask(&node, A, &file, json!("Write"), Some("short")), "Ok");
    for length in [u64::MAX, 1 << 62, 1 << 40] {
        let exact = ask(&node, A, &file, json!({ "ReadExact": { "length": length } }), None);
        assert_eq!(exact, io_error("failed to fill whole buffer"), "{length}");
        assert_eq!(ask(&node, A, &file, json!({ "ReadAt": { "offset": 0, "length": length } }), None), "Read");
    }
    for offset in [u64::MAX, i64::MAX as u64] {
        ask(&node, A, &file, json!({ "WriteAt": { "offset": offset } }), Some("x"));
        assert_eq!(ask(&node, A, &file, json!({ "ReadAt": { "offset": offset, "length": 1 } }), None), "Read");
    }
    assert_eq!(ask(&node, A, &file, json!("Len"), None), json!({ "Len": 5 }));
    node.assert_serves();
}

#[test]
fn s12_a_link_that_somebody_put_into_a_drive_leads_nowhere() {
    let node = Node::with_prober();
    node.run(A, json!(["Our"]));
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("file"), "secret").unwrap();
    symlink(outside.path(), host(&node, &format!("{PROBER}/tmp/link"))).unwrap();
    let file = format!("{PROBER}/tmp/link/file");
    let refused = io_error("Too many levels of symbolic links (os error 40)");
    for action in [json!("Read"), json!("Write"), json!("Append"), json!({ "OpenFile": { "create": true } })] {
        assert_eq!(ask(&node, A, &file, action, Some("mine")), refused);
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("file")).unwrap(), "secret");
    for climbs in ["/prober:test.os/tmp/../../../kernel.db", "/prober:test.os/../x/y", "/../../etc/passwd"] {
        assert_eq!(ask(&node, A, climbs, json!("Read"), None), json!({ "Err": "MalformedRequest" }), "{climbs}");
    }
}

/// What one writer has been told.
#[derive(Default)]
struct Writer {
    asked: AtomicU64,
    answered: AtomicU64,
}

impl Writer {
    /// Replaces one file and appends to another, again and again, until the node is gone.
    fn write(&self, node: &Node, prober: &str, folder: &str) {
        loop {
            let next = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            for (name, action) in [("whole", "Write"), ("log", "Append")] {
                let body = program(json!([step(&format!("{folder}/{name}"), json!(action))])).to_string();
                let data = BASE64_STANDARD.encode(record(next));
                let message = json!({ "process": prober, "expects_response": 30, "body": body, "data": data });
                let Ok(response) = node.rpc(&message).send() else { return };
                let (status, Ok(bytes)) = (response.status(), response.bytes()) else { return };
                let reply = String::from_utf8_lossy(&bytes).into_owned();
                assert!(status.is_success(), "{status} {reply}");
            }
            self.answered.store(next, Ordering::SeqCst);
        }
    }
}

/// The n-th thing that is written: long enough that half of it would show.
fn record(n: u64) -> String {
    format!("{n:08}").repeat(2_000)
}

#[test]
fn whatever_was_written_survives_200_kills() {
    let kills: u64 = std::env::var("WHARF_FILE_KILLS").map_or(200, |text| text.parse().expect("a number"));
    let mut node = Node::with_prober();
    for round in 0..kills {
        let folder = format!("{PROBER}/tmp/{round}");
        assert_eq!(ask(&node, A, &folder, json!("CreateDir"), None), "Ok");
        assert_eq!(ask(&node, A, &format!("{folder}/log"), json!("CreateFile"), None), "Ok");
        let writer = Writer::default();
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write(&node, A, &folder));
            eventually("some were written", || (writer.answered.load(Ordering::SeqCst) > round % 4).then_some(()));
            node.signal_kill();
        });
        node.kill_9();
        node.start_again();
        let (answered, asked) = (writer.answered.load(Ordering::SeqCst), writer.asked.load(Ordering::SeqCst));
        let whole = std::fs::read_to_string(host(&node, &format!("{folder}/whole"))).unwrap();
        assert!((answered..=asked).any(|n| whole == record(n)), "{answered} were answered");
        let log = std::fs::read_to_string(host(&node, &format!("{folder}/log"))).unwrap();
        let kept: String = (1..=answered).map(record).collect();
        assert!(log.starts_with(&kept), "{answered} were answered, {} bytes are there", log.len());
        let len = ask(&node, A, &format!("{folder}/log"), json!("Len"), None);
        assert_eq!(len, json!({ "Len": log.len() }));
    }
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}
