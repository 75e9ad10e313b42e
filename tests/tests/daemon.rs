//! Pins how the daemon starts, stops and fails: what it says, the exit codes that scripts rely on, and that a full disk
//! makes writes fail and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::{Value, json};
use wharf_tests::prober::{A, B, address};
use wharf_tests::{Node, paths};
use wharf_types::kernel::{KernelCommand, KernelResponse};

/// The daemon ended with this code, and its stderr has these words.
fn says(output: &Output, code: i32, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} is not in: {stderr}");
    }
    assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "{stderr}");
    assert!(output.stdout.is_empty(), "it was not ready: {}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn sigterm_ends_it_cleanly() {
    let mut node = Node::with_prober();
    node.run(A, json!([{ "SetState": "kept" }]));
    node.stop();
    assert!(!node.home().http_url().exists() && !node.home().token().exists(), "nobody may find a stranger's port");
    node.start_again();
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
}

#[test]
fn sigterm_ends_it_also_while_guests_spin_and_wait() {
    let mut node = Node::with_prober();
    node.start_steps(A, json!(["Spin"]));
    node.start_steps(
        B,
        json!([{ "Await": { "to": "timer:distro:sys", "expects": 3600, "body": { "SetTimer": 3_000_000 } } }]),
    );
    node.assert_serves();
    node.stop();
}

#[test]
fn a_shutdown_command_ends_it_too() {
    let mut node = Node::start();
    assert!(matches!(node.kernel(&KernelCommand::Shutdown), KernelResponse::Ok));
    // The signal may find it gone already; the exit code is 0 either way.
    node.stop();
    node.start_again();
    node.assert_serves();
}

#[test]
fn the_control_token_is_new_at_every_start() {
    let mut node = Node::start();
    let token = node.token();
    node.restart();
    assert_ne!(node.token(), token);
    let key = std::fs::read(node.home().node_key()).unwrap();
    node.restart();
    assert_eq!(std::fs::read(node.home().node_key()).unwrap(), key, "the node's key is not");
}

#[test]
fn a_second_daemon_in_the_same_home_is_refused() {
    let node = Node::start();
    let root = node.home().root();
    let token = node.token();
    let pid = std::fs::read_to_string(node.home().pid()).unwrap();
    let second = Node::builder().home(root).fail();
    says(&second, 3, &["another daemon", root.to_str().unwrap(), pid.trim()]);
    assert_eq!(node.token(), token, "the first one keeps its token");
    node.assert_serves();
}

#[test]
fn a_home_that_a_killed_daemon_left_is_taken() {
    let mut node = Node::start();
    node.kill_9();
    assert!(node.home().pid().exists());
    node.start_again();
    node.assert_serves();
}

#[test]
fn a_home_of_an_unknown_version_is_refused_and_left_alone() {
    let mut node = Node::with_prober();
    node.stop();
    let version = node.home().version();
    for text in ["2\n", "0", "one", ""] {
        std::fs::write(&version, text).unwrap();
        let before = std::fs::read(node.home().kernel_db()).unwrap();
        says(&Node::builder().home(node.home().root()).fail(), 4, &[node.home().root().to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(&version).unwrap(), text);
        assert!(std::fs::read(node.home().kernel_db()).unwrap() == before);
    }
    std::fs::remove_file(&version).unwrap();
    says(&Node::builder().home(node.home().root()).fail(), 4, &["version"]);
    std::fs::write(&version, "1\n").unwrap();
    node.start_again();
    assert_eq!(node.last(A, json!(["Our"])), address(A));
}

#[test]
fn a_damaged_home_is_refused() {
    for (what, damage) in [("node.key", "format = 1\nnode ="), ("node.key", "format = 7\nnode = 'a.os'\nseed = ''")] {
        let mut node = Node::start();
        node.stop();
        std::fs::write(node.home().root().join(what), damage).unwrap();
        says(&Node::builder().home(node.home().root()).fail(), 4, &[what]);
    }
    let mut node = Node::start();
    node.stop();
    std::fs::write(node.home().kernel_db(), b"this is no database, and was never one, whatever its name says").unwrap();
    says(&Node::builder().home(node.home().root()).fail(), 4, &["kernel.db"]);
    assert!(std::fs::read(node.home().kernel_db()).unwrap().starts_with(b"this is no database"));
}

#[test]
fn a_home_that_is_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "x").unwrap();
    let output = Command::new(paths::binary("wharfd")).arg("--home").arg(&path).output().unwrap();
    says(&output, 4, &[path.to_str().unwrap()]);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(paths::binary("wharfd"))
        .arg("--home")
        .arg(folder.path())
        .args(["--http", &port])
        .output()
        .unwrap();
    says(&output, 5, &[&port, "--http"]);
}

#[test]
fn settings_that_are_wrong_are_named() {
    for (toml, word) in [
        ("[limits]\nmailbox = 1", "mailbox"),
        ("nod = 'a.os'", "nod"),
        ("http = 'nowhere'", "http"),
        ("[limits]\nmailbox_messages_max = 'many'", "mailbox_messages_max"),
        ("[", "wharf.toml"),
        ("node = 'Not A Name'", "name"),
        ("node = 'our'", "our"),
        ("packages_folder = '/no/such/folder'", "/no/such/folder"),
    ] {
        says(&Node::builder().settings(toml).fail(), 6, &[word, "hint:"]);
    }
    says(&Node::builder().arg("--config").arg("/no/such/file.toml").fail(), 6, &["/no/such/file.toml"]);
}

#[test]
fn a_node_keeps_its_name() {
    let mut node = Node::builder().arg("--node").arg("first.os").start();
    let status: Value = serde_json::from_str(&node.wharf(&["status", "--json"]).ok()).unwrap();
    assert_eq!(status["node"], "first.os");
    node.stop();
    let renamed = Node::builder().home(node.home().root()).arg("--node").arg("second.os").fail();
    says(&renamed, 6, &["first.os", "second.os"]);
}

#[test]
fn a_command_line_that_is_wrong_is_explained() {
    for args in [&["--no-such"][..], &["--http", "nowhere"], &["stray"]] {
        let output = Command::new(paths::binary("wharfd")).args(args).output().unwrap();
        says(&output, 2, &["--help"]);
    }
    for name in ["wharfd", "wharf"] {
        let help = Command::new(paths::binary(name)).arg("--help").output().unwrap();
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("Exit codes:"), "{name}");
    }
}

#[test]
fn logs_stay_within_their_bounds() {
    let node = Node::builder().settings("[log]\nfile_bytes_max = 65536\nfiles_max = 3\n").start();
    node.install(&paths::test_package("prober:test.os"));
    let line = "z".repeat(200);
    let steps: Vec<_> = (0..500).map(|_| json!({ "Print": { "verbosity": 0, "text": line } })).collect();
    for _ in 0..4 {
        node.run(A, json!(steps));
    }
    node.run(B, json!([{ "Print": { "verbosity": 0, "text": "the last line" } }]));
    node.wait_for_log(&["the last line"]);
    let files: Vec<_> = std::fs::read_dir(node.home().log_dir()).unwrap().map(|entry| entry.unwrap()).collect();
    let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(files.len() <= 4 && bytes <= 4 * 65_536 + 4_096, "{} files with {bytes} bytes", files.len());
    let logs = node.wharf(&["logs", "-n", "1", "prober-b"]).ok();
    assert!(logs.contains("the last line"), "{logs}");
}

/// A small file system of its own, unmounted when dropped.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    /// `None` where mounting is not permitted.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self { folder })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

/// Writes a file of the prober's package, of this many bytes. Returns the vfs's answer.
fn write_file(node: &Node, name: &str, bytes: usize) -> String {
    let body = json!({ "path": format!("/prober:test.os/pkg/{name}"), "action": "Write" });
    let steps = json!([{ "Await": { "to": "vfs:distro:sys", "inherit": true, "body": body } }]);
    let answer = node.run_with_blob(A, steps, Some(&"x".repeat(bytes)));
    answer[0]["body"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_full_disk_fails_writes_and_nothing_else() {
    // Where nothing may be mounted, files that may not grow stand for a disk that is full.
    let disk = SmallDisk::mount();
    let builder = match &disk {
        Some(disk) => Node::builder().home(&disk.folder.path().join("home")),
        None => Node::builder().shell(r#"trap "" XFSZ; ulimit -f 8192; exec "$@""#),
    };
    let mut node = builder.start();
    node.install(&paths::test_package("prober:test.os"));
    node.run(B, json!([{ "SetState": "from before" }]));

    let full = (0..20).map(|n| write_file(&node, &format!("f{n}"), 9 << 20)).find(|answer| answer.contains("IOError"));
    let error = full.expect("at some point the disk is full");
    assert!(error.contains("os error"), "{error}");
    // What fills the disk to the last byte.
    let mut size = 1 << 20;
    let mut n = 100;
    while size > 0 && disk.is_some() {
        n += 1;
        if write_file(&node, &format!("f{n}"), size) != "\"Ok\"" {
            size /= 2;
        }
    }
    assert_eq!(node.last(B, json!(["GetState"])), "from before");
    // A process that cannot save is ended, and starts again with what it saved before.
    let large = "y".repeat(9 << 20);
    node.start_steps(B, json!([{ "SetState": large }]));
    node.wait_for_restarts(B, 1);
    assert_eq!(node.last(B, json!(["GetState"])), "from before");
    assert_eq!(node.last(A, json!(["Our"])), address(A));
    assert_ne!(node.wharf(&["install", "--yes", paths::test_package("kinode-lib:test.os").to_str().unwrap()]).code, -1);
    node.assert_serves();

    for n in 0..n + 1 {
        let body = json!({ "path": format!("/prober:test.os/pkg/f{n}"), "action": "RemoveFile" });
        node.run(A, json!([{ "Await": { "to": "vfs:distro:sys", "body": body } }]));
    }
    assert_eq!(write_file(&node, "again", 1_000), "\"Ok\"", "there is room again");
    node.run(B, json!([{ "SetState": "afterwards" }]));
    node.restart();
    assert_eq!(node.last(B, json!(["GetState"])), "afterwards");
}
