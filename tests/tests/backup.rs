//! Pins what a backup is: everything that a node is, taken while it runs, and restored whole or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_home::Home;
use wharf_tests::prober::{A, B, WASM, capability};
use wharf_tests::{Node, paths};

const CHILD: &str = "child:prober:test.os";

/// Bytes of which none can be told from the others: packed, each bit of them matters. A bit more or less in the packed
/// form of what repeats itself may well unpack to the same.
fn noise() -> Vec<u8> {
    let next = |n: &mut u32| {
        *n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(n.to_be_bytes()[0])
    };
    std::iter::repeat_n((), 300_000).scan(1, |n, ()| next(n)).collect()
}

/// A node that has something of everything.
fn node_with_everything() -> Node {
    let node = Node::builder().settings("[limits]\nprocesses_max = 77\n").start();
    node.install(&paths::test_package("prober:test.os"));
    node.run(A, json!([{ "SetState": "kept" }, { "Spawn": { "name": "child", "path": WASM, "on_exit": "Restart" } }]));
    std::fs::create_dir_all(node.home().vfs().join("prober:test.os/empty/folder")).unwrap();
    std::fs::write(node.home().vfs().join("prober:test.os/pkg/ä file"), noise()).unwrap();
    node
}

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs `wharf` where no node is.
fn wharf(args: &[&str]) -> Ran {
    let output = Command::new(paths::binary("wharf")).args(args).env_remove("WHARF_HOME").stdin(Stdio::null()).output();
    let output = output.unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn restore(file: &Path, home: &Path) -> Ran {
    wharf(&["--home", home.to_str().unwrap(), "restore", file.to_str().unwrap(), "--yes", "--json"])
}

/// A backup of a node with something of everything.
fn backup(node: &Node) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node.zip");
    let made: Value = serde_json::from_str(&node.wharf(&["backup", file.to_str().unwrap(), "--json"]).ok()).unwrap();
    assert_eq!((&made["node"], &made["left_out"]), (&json!("local.os"), &json!([])));
    assert_eq!(made["bytes"].as_u64(), Some(file.metadata().unwrap().len()));
    (folder, file)
}

/// Every file and folder with what is in it.
fn tree(root: &Path) -> Vec<(PathBuf, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if path.symlink_metadata().unwrap().is_dir() {
                all.push((name, None));
                waiting.push(path);
            } else {
                all.push((name, std::fs::read(&path).ok()));
            }
        }
    }
    all.sort();
    all
}

#[test]
fn a_restored_node_is_the_one_that_was_backed_up() {
    let node = node_with_everything();
    let (folder, file) = backup(&node);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "it has the node's key");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    let left = std::fs::read_dir(node.home().run_dir()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(
        left.into_iter().all(|name| !name.to_string_lossy().starts_with("snapshot")),
        "nothing is left in the home"
    );
    // What happens afterwards is not in it.
    node.run(A, json!([{ "SetState": "later" }]));

    let home = folder.path().join("new/home");
    let restored = restore(&file, &home);
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let restored: Value = serde_json::from_str(&restored.stdout).unwrap();
    assert_eq!((&restored["node"], &restored["before"]), (&json!("local.os"), &Value::Null));
    for name in ["node.key", "wharf.toml", "version"] {
        assert_eq!(
            std::fs::read(home.join(name)).unwrap(),
            std::fs::read(node.home().root().join(name)).unwrap(),
            "{name}"
        );
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home), mode(&home.join("vfs")), mode(&home.join("node.key"))), (0o700, 0o700, 0o600));
    let copy = Node::builder().home(&home).start();
    assert_eq!(copy.process_ids(), node.process_ids());
    assert_eq!(copy.last(A, json!(["GetState"])), "kept");
    assert!(copy.holds(A, &wharf_tests::prober::messaging(CHILD)));
    assert!(home.join("vfs/prober:test.os/empty/folder").is_dir());
    assert_eq!(std::fs::read(home.join("vfs/prober:test.os/pkg/ä file")).unwrap(), noise());
}

#[test]
fn a_backup_is_taken_in_the_middle_of_changes() {
    let node = node_with_everything();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0.. {
                node.run(B, json!([{ "SetState": n.to_string() }]));
                if stop.load(std::sync::atomic::Ordering::SeqCst) {
                    return;
                }
            }
        });
        for _ in 0..3 {
            let (folder, file) = backup(&node);
            let home = folder.path().join("home");
            assert_eq!(restore(&file, &home).code, Some(0));
            let copy = Node::builder().home(&home).start();
            assert_eq!(copy.process_ids(), node.process_ids());
        }
        stop.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn a_home_that_is_replaced_is_kept() {
    let mut node = node_with_everything();
    let (_folder, file) = backup(&node);
    node.run(A, json!([{ "SetState": "later" }]));
    let running = restore(&file, node.home().root());
    assert_eq!(running.code, Some(1));
    assert!(running.stderr.contains("a node runs in") && running.stderr.contains("stop it"), "{}", running.stderr);
    assert_eq!(node.last(A, json!(["GetState"])), "later");

    node.stop();
    let home = node.home().root().to_str().unwrap().to_owned();
    let unasked = wharf(&["--home", &home, "restore", file.to_str().unwrap()]);
    assert_eq!(unasked.code, Some(5), "{}", unasked.stderr);
    let restored = restore(&file, node.home().root());
    assert_eq!(restored.code, Some(0), "{}", restored.stderr);
    let restored: Value = serde_json::from_str(&restored.stdout).unwrap();
    let before = PathBuf::from(restored["before"].as_str().unwrap());
    node.start_again();
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
    node.stop();
    let old = Node::builder().home(&before).start();
    assert_eq!(old.last(A, json!(["GetState"])), "later");
}

/// Where the middle of each file's data is in a zip. A zip has other bytes too, such as times, on which nothing depends:
/// where a flipped bit must be noticed is not just anywhere.
fn middles(zip: &[u8]) -> Vec<(String, usize)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    let mut middles = Vec::new();
    for n in 0..zip.len() {
        let file = zip.by_index_raw(n).unwrap();
        let start = file.data_start().expect("every entry has its data somewhere");
        if file.compressed_size() > 0 {
            let middle = usize::try_from(start + file.compressed_size() / 2).unwrap();
            middles.push((file.name().unwrap().into_owned(), middle));
        }
    }
    middles
}

#[test]
fn an_archive_that_is_not_whole_changes_nothing() {
    let mut node = node_with_everything();
    let (folder, file) = backup(&node);
    node.stop();
    let (good, before) = (std::fs::read(&file).unwrap(), tree(node.home().root()));
    let bad = folder.path().join("bad.zip");
    let mut refused = 0;
    let mut check = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let ran = restore(&bad, node.home().root());
        refused += 1;
        assert_eq!(ran.code, Some(4), "{what}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("nothing was changed"), "{what}: {}", ran.stderr);
        assert!(tree(node.home().root()) == before, "{what} changed the home");
        let beside = std::fs::read_dir(node.home().root().parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "{what} left something beside the home");
    };
    check(b"", "nothing");
    check(b"garbage", "garbage");
    check(&std::fs::read(paths::package("echo:wharf.os")).unwrap(), "a package");
    for part in 1..10 {
        check(&good[..good.len() * part / 10], "a part");
    }
    let files = middles(&good);
    for (name, middle) in &files {
        let mut flipped = good.clone();
        flipped[*middle] ^= 0x10;
        check(&flipped, name);
    }
    assert!(files.iter().any(|(name, _)| name == "kernel.db"), "{files:?}");
    assert_eq!(refused, 12 + files.len());
    assert_eq!(restore(&file, node.home().root()).code, Some(0));
    node.start_again();
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
}

#[test]
fn a_folder_that_is_no_home_is_left_alone() {
    let node = node_with_everything();
    let (folder, file) = backup(&node);
    let theirs = folder.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::fs::write(theirs.join("letter"), "dear").unwrap();
    let ran = restore(&file, &theirs);
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("is not the home of a node"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(theirs.join("letter")).unwrap(), "dear");
    let again = node.wharf(&["backup", file.to_str().unwrap()]).failed(4);
    assert!(again.contains("is there already"), "{again}");
}

#[test]
fn only_the_owner_gets_a_copy() {
    let node = Node::with_prober();
    let state = "state:distro:sys";
    let ask = json!([{ "Await": { "to": state, "expects": 30, "body": "\"Backup\"" } }]);
    // Without the right to send to it, and with nothing but that.
    let before = node.last(A, ask.clone());
    assert!(!before.to_string().contains("snapshot"), "{before}");
    node.kernel(&wharf_types::kernel::KernelCommand::GrantCapabilities {
        target: A.parse().unwrap(),
        capabilities: vec![wharf_tests::prober::messaging(state)],
    });
    let refused = node.last(A, ask.clone());
    assert!(refused.to_string().contains("may not copy the database"), "{refused}");
    node.kernel(&wharf_types::kernel::KernelCommand::GrantCapabilities {
        target: A.parse().unwrap(),
        capabilities: vec![capability(state, r#"{"root":true}"#)],
    });
    let given = node.last(A, ask);
    assert!(given.to_string().contains("snapshot-"), "{given}");
}

type Damage = Box<dyn Fn(&mut Vec<u8>)>;

/// The home of a node that was stopped, with this done to its database.
fn damaged(node: &Node, damage: impl Fn(&mut Vec<u8>)) -> Home {
    let path = node.home().kernel_db();
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    node.home().clone()
}

#[test]
fn a_damaged_database_is_refused_and_a_backup_brings_the_node_back() {
    let mut node = node_with_everything();
    let (_folder, file) = backup(&node);
    node.stop();
    let good = std::fs::read(node.home().kernel_db()).unwrap();
    let at =
        good.windows(5).position(|window| window == b"kept\"").or_else(|| good.windows(4).position(|w| w == b"kept"));
    let at = at.expect("the saved state is in the file");
    let damages: [(&str, Damage); 4] = [
        ("a value", Box::new(move |bytes| bytes[at] ^= 1)),
        ("the beginning", Box::new(|bytes| bytes[..50].fill(0))),
        ("the end", Box::new(|bytes| bytes.truncate(bytes.len() / 2))),
        ("application id", Box::new(|bytes| bytes[68] ^= 1)),
    ];
    for (what, damage) in damages {
        let home = damaged(&node, damage);
        let now = std::fs::read(home.kernel_db()).unwrap();
        let refused = Node::builder().home(home.root()).fail();
        let stderr = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(4), "{what}: {stderr}");
        assert!(stderr.contains("nothing was changed"), "{what}: {stderr}");
        assert!(stderr.contains(&format!("wharf restore FILE --home {}", home.root().display())), "{what}: {stderr}");
        assert!(std::fs::read(home.kernel_db()).unwrap() == now, "{what}: the file was changed");
        std::fs::write(home.kernel_db(), &good).unwrap();
    }
    let home = damaged(&node, |bytes| bytes[at] ^= 1);
    assert_eq!(restore(&file, home.root()).code, Some(0));
    node.start_again();
    assert_eq!(node.last(A, json!(["GetState"])), "kept");
}

#[test]
fn a_database_whose_log_is_missing_is_refused() {
    let mut node = node_with_everything();
    node.kill_9();
    std::fs::remove_file(node.home().root().join("kernel.db-wal")).unwrap();
    let refused = Node::builder().home(node.home().root()).fail();
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(4), "{stderr}");
    assert!(stderr.contains("kernel.db-wal") || stderr.contains("-wal file"), "{stderr}");
}
