//! Pins `wharf fs`: the owner's hands in the files of packages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::fs;

use serde_json::{Value, json};
use wharf_tests::prober::A;
use wharf_tests::{Node, paths};

const TMP: &str = "/prober:test.os/tmp";

fn node() -> Node {
    let node = Node::with_prober();
    // What the guests keep for themselves is there for the owner.
    for (path, text) in [("a.txt", "one"), ("b.txt", "three"), ("sub/c.txt", "seven 7")] {
        let path = format!("{TMP}/{path}");
        let folder = path.rsplit_once('/').unwrap().0.to_owned();
        let make = json!({ "to": "vfs:distro:sys", "body": { "path": folder, "action": "CreateDirAll" } });
        let write = json!({ "to": "vfs:distro:sys", "body": { "path": path, "action": "Write" }, "blob": text });
        node.run(A, json!([{ "Await": make }, { "Await": write }]));
    }
    node
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn ls_and_du_tell_what_there_is() {
    let node = node();
    let packages = node.wharf(&["fs", "ls"]).ok();
    assert!(packages.lines().any(|line| line == "prober:test.os/"), "{packages}");
    assert_eq!(node.wharf(&["fs", "ls", "/prober:test.os"]).ok(), "pkg/\ntmp/\n");
    assert_eq!(node.wharf(&["fs", "ls", TMP]).ok(), "a.txt\nb.txt\nsub/\n");
    let long = node.wharf(&["fs", "ls", "-l", TMP]).ok();
    assert!(long.contains("3 bytes") && long.contains("a.txt") && long.contains('-'), "{long}");
    let listed = json_of(&node.wharf(&["fs", "ls", "--long", "--json", TMP]).ok());
    assert_eq!(listed[1], json!({ "path": format!("{TMP}/b.txt"), "file_type": "File", "bytes": 5 }));
    assert_eq!(listed[2], json!({ "path": format!("{TMP}/sub"), "file_type": "Directory" }));
    let used = json_of(&node.wharf(&["fs", "du", "--json", TMP]).ok());
    assert_eq!(used, json!({ "path": TMP, "bytes": 15, "files": 3, "folders": 1 }));
    assert!(node.wharf(&["fs", "du", TMP]).ok().contains("3 files and 1 folders"));
    let of_package = json_of(&node.wharf(&["fs", "du", "--json", "/prober:test.os"]).ok());
    assert!(of_package["files"].as_u64() > used["files"].as_u64(), "{of_package}");
}

#[test]
fn files_go_there_and_back_whole() {
    let node = node();
    assert_eq!(node.wharf(&["fs", "cat", &format!("{TMP}/sub/c.txt")]).ok(), "seven 7");
    let folder = tempfile::tempdir().unwrap();
    // Empty, one piece, exactly two, and a bit more.
    for len in [0, 1_000, 8 << 20, (8 << 20) + 1] {
        let (here, back) = (folder.path().join("large.bin"), folder.path().join("back.bin"));
        let bytes: Vec<u8> = (0..len).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        fs::write(&here, &bytes).unwrap();
        let put = json_of(&node.wharf(&["fs", "put", "--json", here.to_str().unwrap(), &format!("{TMP}/")]).ok());
        assert_eq!(put["to"], json!(format!("{TMP}/large.bin")));
        assert_eq!(put["bytes"], json!(len));
        assert!(fs::read(node.home().vfs().join("prober:test.os/tmp/large.bin")).unwrap() == bytes, "{len}");
        let large = format!("{TMP}/large.bin");
        node.wharf(&["fs", "get", &large, back.to_str().unwrap()]).ok();
        assert!(fs::read(&back).unwrap() == bytes, "{len}");
        fs::remove_file(&back).unwrap();
        node.wharf(&["fs", "get", &large, folder.path().to_str().unwrap()]).ok();
        assert!(fs::read(&here).unwrap() == bytes, "{len}");
    }
    // Nothing half is left, neither there nor here.
    assert_eq!(node.wharf(&["fs", "ls", TMP]).ok(), "a.txt\nb.txt\nlarge.bin\nsub/\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn rm_removes_and_asks_before_it_takes_a_folder() {
    let node = node();
    node.wharf(&["fs", "rm", &format!("{TMP}/a.txt")]).ok();
    let sub = format!("{TMP}/sub");
    assert!(node.wharf(&["fs", "rm", &sub]).failed(4).contains("-r"));
    // Nobody is there to say yes.
    node.wharf(&["fs", "rm", "-r", &sub]).failed(5);
    assert_eq!(node.wharf(&["fs", "ls", TMP]).ok(), "b.txt\nsub/\n");
    node.wharf(&["fs", "rm", "-r", "--yes", &sub]).ok();
    assert_eq!(node.wharf(&["fs", "ls", TMP]).ok(), "b.txt\n");
}

#[test]
fn what_does_not_work_says_why() {
    let node = node();
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("{TMP}/missing");
    for command in ["ls", "cat", "rm", "du", "get"] {
        let error = node.wharf(&["fs", command, &missing]).failed(1);
        assert!(error.contains("os error 2"), "{command}: {error}");
    }
    assert!(node.wharf(&["fs", "cat", "/prober:test.os"]).failed(1).contains("a path is"));
    assert!(node.wharf(&["fs", "cat", TMP]).failed(1).contains("not a file"));
    let here = folder.path().join("x");
    assert!(node.wharf(&["fs", "put", here.to_str().unwrap(), TMP]).failed(4).contains("x"));
    assert!(node.wharf(&["fs", "put", folder.path().to_str().unwrap(), &missing]).failed(4).contains("not a file"));
    fs::write(&here, "x").unwrap();
    assert!(
        node.wharf(&["fs", "put", here.to_str().unwrap(), "/prober:test.os/tmp/no/x"]).failed(1).contains("os error 2")
    );
    assert!(node.wharf(&["fs", "--help"]).ok().contains("wharf fs put"));
    // Only the owner: a guest that may message the vfs sees its own drives.
    node.install(&paths::package("echo:wharf.os"));
    for (path, told) in [
        ("/", "NoReadCap"),
        ("/echo:wharf.os", "NoReadCap"),
        ("/echo:wharf.os/pkg", "NoReadCap"),
        ("/prober:test.os", "prober:test.os/tmp"),
    ] {
        let pry = json!({ "to": "vfs:distro:sys", "body": { "path": path, "action": "ReadDir" } });
        let answer = node.last(A, json!([{ "Await": pry }]));
        assert!(answer["body"].as_str().unwrap().contains(told), "{path}: {answer}");
    }
}
