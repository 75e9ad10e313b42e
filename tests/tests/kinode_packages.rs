//! Pins that packages as Kinode's developers write them run here unmodified: each is compiled against `kinode_process_lib` as
//! it is published, comes as the zip that `kit build` makes, is installed by the calls of `kit start-package`, and does for
//! its users what it is for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::kit::zip_of;
use wharf_tests::socket::{FIN, TEXT};
use wharf_tests::{Node, Socket, eventually, paths};

const ALICE: &str = "alice:chat:test.os";
const BOB: &str = "bob:chat:test.os";
const LEFT: &str = "left:file-transfer:test.os";
const RIGHT: &str = "right:file-transfer:test.os";

fn node_with(packages: &[&str]) -> Node {
    let node = Node::builder().arg("--kit-compat").start();
    for package in packages {
        node.kit_start_package(package, &zip_of(&paths::test_package(package)));
    }
    node
}

fn ask(node: &Node, process: &str, request: &Value) -> Value {
    node.ask(process, request).json()
}

#[test]
fn echo_and_fibonacci_answer() {
    let node = node_with(&["echo:test.os", "fibonacci:test.os"]);
    let reply = node.send("echo:echo:test.os", "hello", Some(b"a blob"), 60).unwrap();
    assert_eq!((reply.text().as_str(), reply.blob_text().as_deref()), ("hello", Some("a blob")));
    let number = ask(&node, "fibonacci:fibonacci:test.os", &json!({ "Number": 90 }));
    assert_eq!(number, json!({ "Number": 2_880_067_194_370_816_120_u64 }));
    node.wait_for_log(&["echo:echo:test.os", "echo: begin"]);
}

fn say(node: &Node, from: &str, to: &str, words: &str) -> Value {
    ask(node, from, &json!({ "Send": { "target": to, "message": words } }))
}

fn history(node: &Node, of: &str, with: &str) -> Value {
    ask(node, of, &json!({ "History": with }))["History"].clone()
}

fn said(author: &str, content: &str) -> Value {
    json!({ "author": author, "content": content })
}

#[test]
fn two_processes_chat_and_both_remember_it_over_a_restart() {
    let mut node = node_with(&["chat:test.os"]);
    assert_eq!(say(&node, ALICE, BOB, "hello bob"), "Send");
    assert_eq!(say(&node, BOB, ALICE, "hello alice"), "Send");
    assert_eq!(say(&node, ALICE, BOB, "größe"), "Send");
    let all = json!([said(ALICE, "hello bob"), said(BOB, "hello alice"), said(ALICE, "größe")]);
    assert_eq!((history(&node, ALICE, BOB), history(&node, BOB, ALICE)), (all.clone(), all.clone()));
    // Nobody there, and nobody that may be spoken to: the one who asks is told, and nothing is remembered.
    for target in ["carol:chat:test.os", "main:app-store:sys"] {
        let answer = say(&node, ALICE, target, "are you there?");
        assert!(answer["Failed"].as_str().unwrap().contains("Timeout"), "{answer}");
        assert_eq!(history(&node, ALICE, target), json!([]));
    }
    node.restart();
    assert_eq!((history(&node, ALICE, BOB), history(&node, BOB, ALICE)), (all.clone(), all));
}

#[test]
fn a_script_of_the_package_says_something() {
    let node = node_with(&["chat:test.os"]);
    let typed = |line: &str| node.wharf(&["shell", "-c", line]).ok();
    assert_eq!(typed(&format!("send:chat:test.os {BOB} good morning")), format!("{BOB} was told\n"));
    assert_eq!(typed("send:chat:test.os"), "usage: send <target> <words>\n");
    assert_eq!(history(&node, BOB, ALICE), json!([said(ALICE, "good morning")]));
}

#[test]
fn people_chat_on_the_page_of_the_package() {
    let node = node_with(&["chat:test.os"]);
    let (alice, bob) = (format!("/{ALICE}"), format!("/{BOB}"));
    // It binds this last.
    let mut at_bob = eventually("bob takes WebSockets", || Socket::try_open(&node, &bob, &[]).ok());
    let mut at_alice = eventually("alice takes WebSockets", || Socket::try_open(&node, &alice, &[]).ok());
    let (status, page) = node.get(&alice);
    assert!(status == 200 && page.contains("What was said"), "{status} {page}");
    assert_eq!(node.get(&format!("{bob}/messages")), (200, "{}".to_owned()));

    let post = |body: &Value| node.post(&format!("{alice}/messages"), &body.to_string());
    assert_eq!(post(&json!({ "target": BOB, "message": "by post" })), (201, "\"Send\"".to_owned()));
    assert_eq!(post(&json!({ "to": BOB })).0, 400);
    assert_eq!(post(&json!({ "target": "nobody:chat:test.os", "message": "x" })).0, 502);
    let news = |with: &str, content: &str| json!({ "with": with, "message": said(ALICE, content) });
    let read = |socket: &mut Socket| {
        let (kind, bytes) = socket.read().expect("a frame");
        assert_eq!(kind, FIN | TEXT);
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!((read(&mut at_alice), read(&mut at_bob)), (news(BOB, "by post"), news(ALICE, "by post")));

    let send = json!({ "Send": { "target": BOB, "message": "by socket" } });
    at_alice.send(FIN | TEXT, send.to_string().as_bytes());
    assert_eq!((read(&mut at_alice), read(&mut at_bob)), (news(BOB, "by socket"), news(ALICE, "by socket")));
    let (status, all) = node.get(&format!("{bob}/messages"));
    let both = json!({ (ALICE): [said(ALICE, "by post"), said(ALICE, "by socket")] });
    assert_eq!((status, serde_json::from_str::<Value>(&all).unwrap()), (200, both));
}

/// So many bytes, of which no two pieces are the same.
fn bytes(count: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// Where a process of the package has its files.
fn drive(node: &Node, process: &str) -> std::path::PathBuf {
    node.home().vfs().join("file-transfer:test.os").join(process)
}

fn put(node: &Node, process: &str, name: &str, bytes: &[u8]) {
    let body = json!({ "path": format!("/file-transfer:test.os/{process}/{name}"), "action": "Write" });
    let answer = node.send("vfs:distro:sys", &body.to_string(), Some(bytes), 60).unwrap();
    assert_eq!(answer.json(), "Ok");
}

/// Has `left` get a file, and waits for the end.
fn download(node: &Node, name: &str, source: &str, (answer_wait_s, piece_wait_s): (u64, u64)) -> Value {
    let wanted =
        json!({ "name": name, "source": source, "answer_wait_s": answer_wait_s, "piece_wait_s": piece_wait_s });
    let started = ask(node, LEFT, &json!({ "Download": wanted }));
    assert!(started["Download"].as_str().unwrap().ends_with(":file-transfer:test.os"), "{started}");
    eventually(&format!("{name} is transferred"), || {
        let all = ask(node, LEFT, &json!("Transfers"));
        let transfers = all["Transfers"].as_array().unwrap();
        let state = transfers.iter().find(|transfer| transfer["name"] == name)?["state"].clone();
        (state.get("Done").is_some() || state.get("Failed").is_some()).then_some(state)
    })
}

/// Workers are gone once they have nothing to do.
fn assert_no_workers_stay(node: &Node) {
    eventually("the workers have ended", || {
        let of_package = node.process_ids().into_iter().filter(|id| id.ends_with(":file-transfer:test.os"));
        (of_package.collect::<Vec<_>>() == [LEFT, RIGHT]).then_some(())
    });
}

#[test]
fn files_go_from_one_process_to_the_other_and_are_equal() {
    let node = node_with(&["file-transfer:test.os"]);
    let large = bytes(3 * 1024 * 1024 + 4_321);
    let files =
        [("large.bin", large), ("piece.bin", bytes(64 * 1024)), ("small.txt", b"x".to_vec()), ("empty", vec![])];
    for (name, contents) in &files {
        put(&node, "right", name, contents);
    }
    for (name, contents) in &files {
        let state = download(&node, name, RIGHT, (60, 60));
        assert_eq!(state, json!({ "Done": contents.len() }), "{name}");
        assert!(std::fs::read(drive(&node, "left").join(name)).unwrap() == *contents, "{name} is not equal");
    }
    let mut listed: Vec<Value> = ask(&node, LEFT, &json!("ListFiles"))["ListFiles"].as_array().unwrap().clone();
    listed.sort_by_key(|file| file["name"].as_str().unwrap().to_owned());
    let mut expected: Vec<Value> =
        files.iter().map(|(name, contents)| json!({ "name": name, "size": contents.len() })).collect();
    expected.sort_by_key(|file| file["name"].as_str().unwrap().to_owned());
    assert_eq!(listed, expected, "and nothing else is there");
    assert_no_workers_stay(&node);
}

#[test]
fn many_files_at_once_are_equal_too() {
    let node = node_with(&["file-transfer:test.os"]);
    let files: Vec<(String, Vec<u8>)> = (0..6).map(|n| (format!("file-{n}"), bytes(200_000 + 77_777 * n))).collect();
    for (name, contents) in &files {
        put(&node, "right", name, contents);
    }
    std::thread::scope(|scope| {
        for (name, contents) in &files {
            let node = &node;
            scope.spawn(move || {
                assert_eq!(download(node, name, RIGHT, (60, 60)), json!({ "Done": contents.len() }), "{name}");
            });
        }
    });
    for (name, contents) in &files {
        assert!(std::fs::read(drive(&node, "left").join(name)).unwrap() == *contents, "{name} is not equal");
    }
    assert_no_workers_stay(&node);
}

#[test]
fn a_transfer_that_cannot_be_ends_with_the_reason_and_leaves_no_file() {
    let node = node_with(&["file-transfer:test.os", "echo:test.os"]);
    node.install(&paths::test_package("prober:test.os"));
    for (name, source, waits, reason) in [
        // Its file is missing: the other end says so.
        ("missing", RIGHT, (60, 60), "No such file or directory (os error 2)"),
        // Nobody is there, or may be spoken to: known at once.
        ("nobody", "nobody:file-transfer:test.os", (60, 60), "does not answer: Timeout"),
        ("private", "main:app-store:sys", (60, 60), "does not answer: Timeout"),
        // It keeps what it is sent, and says nothing.
        ("silent", "prober-a:prober:test.os", (1, 60), "does not answer: Timeout"),
        // It answers, and sends nothing.
        ("idle", "echo:echo:test.os", (60, 1), "no piece came in time"),
    ] {
        let state = download(&node, name, source, waits);
        assert!(state["Failed"].as_str().unwrap().contains(reason), "{name}: {state}");
    }
    assert_eq!(std::fs::read_dir(drive(&node, "left")).unwrap().count(), 0, "nothing is left of them");
    assert_no_workers_stay(&node);
    // The process goes on.
    put(&node, "right", "after.txt", b"after");
    assert_eq!(download(&node, "after.txt", RIGHT, (60, 60)), json!({ "Done": 5 }));
}
