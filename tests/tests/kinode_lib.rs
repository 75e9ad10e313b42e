//! Pins that programs written for Kinode run here unmodified: the guest is compiled against `kinode_process_lib` as it
//! is published, in the way its users write processes, and does what such programs do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::socket::{BINARY, CLOSE, FIN, TEXT};
use wharf_tests::{Node, Socket, Web, eventually, paths};

const MAIN: &str = "main:kinode-lib:test.os";

fn node() -> Node {
    let node = Node::start();
    node.install(&paths::test_package("kinode-lib:test.os"));
    node
}

fn ask(node: &Node, request: Value) -> Value {
    node.ask(MAIN, &request).json()
}

fn text(text: &str) -> Value {
    json!({ "Text": text })
}

#[test]
fn it_answers_with_body_and_blob() {
    let node = node();
    let body = json!({ "Echo": "hello" }).to_string();
    let reply = node.send(MAIN, &body, Some(b"a blob"), 60).unwrap();
    assert_eq!(reply.json(), text("hello"));
    assert_eq!(reply.blob_text().as_deref(), Some("a blob"));
}

#[test]
fn it_serves_http() {
    let node = node();
    let path = format!("/{MAIN}/seen");
    let seen = eventually("the path is bound", || {
        let (status, body) = node.post(&format!("{path}?name=value"), "the body");
        (status == 200).then_some(body)
    });
    let expected = json!({ "method": "POST", "path": "/seen", "name": "value", "body": "the body" });
    assert_eq!(serde_json::from_str::<Value>(&seen).unwrap(), expected);
    let response = node.http().get(format!("{}{path}/", node.url())).send().unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.json::<Value>().unwrap()["method"], "GET");
}

#[test]
fn it_uses_every_function_of_its_http_client() {
    let web = Web::start();
    let settings = format!("[http_client_limits]\nprivate_hosts = ['{}']\n", web.host());
    let node = Node::builder().settings(&settings).start();
    node.install(&paths::test_package("kinode-lib:test.os"));
    assert_eq!(ask(&node, json!({ "UseHttpClient": web.host() })), json!("Ok"));
}

#[test]
fn it_serves_its_files_and_what_it_gave_in_advance() {
    let node = node();
    let path = format!("/{MAIN}");
    // It binds this last.
    drop(eventually("it has bound its paths", || Socket::try_open(&node, &format!("{path}/ws"), &[]).ok()));
    for (file, mime, text) in [
        ("", "text/html", "served by serve_ui"),
        ("/index.html", "text/html", "served by serve_ui"),
        ("/style.css", "text/css", "teal"),
        ("/deep/data.json", "application/json", "deep"),
        ("/note", "text/plain", "given in advance"),
    ] {
        let response = node.http().get(format!("{}{path}{file}", node.url())).send().unwrap();
        assert_eq!(response.status(), 200, "{file}");
        assert_eq!(response.headers()["content-type"], mime, "{file}");
        let tag = response.headers()["etag"].clone();
        assert!(response.text().unwrap().contains(text), "{file}");
        let again = node.http().get(format!("{}{path}{file}", node.url())).header("If-None-Match", tag).send().unwrap();
        assert_eq!(again.status(), 304, "{file}");
    }
    assert_eq!(node.get(&format!("{path}/missing.css")).0, 200, "the root stands in for what is not there");
}

#[test]
fn it_keeps_websockets_and_pushes_to_all_of_them() {
    let node = node();
    let path = format!("/{MAIN}/ws");
    let mut one = eventually("it takes WebSockets", || Socket::try_open(&node, &path, &[]).ok());
    let mut other = Socket::open(&node, &path);
    let count = |wanted: &str| {
        eventually(&format!("it keeps {wanted} channels"), || {
            (ask(&node, json!("CountChannels")) == text(wanted)).then_some(())
        });
    };
    count("2");
    one.send(FIN | TEXT, b"to all");
    for socket in [&mut one, &mut other] {
        assert_eq!(socket.read(), Some((FIN | TEXT, b"to all".to_vec())));
    }
    other.send(FIN | BINARY, &[0, 255]);
    for socket in [&mut one, &mut other] {
        assert_eq!(socket.read(), Some((FIN | BINARY, vec![0, 255])));
    }
    // It closes one, a client closes the other.
    one.send(FIN | TEXT, b"close me");
    assert_eq!(one.closed(), Some(1000));
    count("1");
    other.send(FIN | CLOSE, &1000_u16.to_be_bytes());
    assert_eq!(other.closed(), Some(1000));
    count("0");
}

#[test]
fn it_waits_for_timers_and_is_told_of_them() {
    let node = node();
    assert_eq!(ask(&node, json!({ "AwaitTimer": 20 })), json!("Ok"));
    assert_eq!(ask(&node, json!("GetNote")), json!("Nothing"));
    assert_eq!(ask(&node, json!({ "SetTimer": { "millis": 20, "context": "ding" } })), json!("Ok"));
    eventually("the timer came back with its context", || (ask(&node, json!("GetNote")) == text("ding")).then_some(()));
}

#[test]
fn it_keeps_state_and_files_over_restarts_and_kills() {
    let mut node = node();
    assert_eq!(ask(&node, json!("GetState")), json!("Nothing"));
    assert_eq!(ask(&node, json!({ "SetState": "kept" })), json!("Ok"));
    let write = json!({ "WriteFile": { "drive": "notes", "file": "a.txt", "text": "in a file" } });
    assert_eq!(ask(&node, write), text("in a file"));
    let read = json!({ "ReadFile": { "drive": "notes", "file": "a.txt" } });
    for _ in 0..2 {
        node.restart();
        assert_eq!(ask(&node, json!("GetState")), text("kept"));
        assert_eq!(ask(&node, read.clone()), text("in a file"));
    }
    node.kill_9();
    node.start_again();
    assert_eq!(ask(&node, json!("GetState")), text("kept"));
    assert_eq!(ask(&node, read), text("in a file"));
}

#[test]
fn it_uses_every_function_of_its_vfs_module() {
    let node = node();
    assert_eq!(ask(&node, json!({ "TourVfs": { "drive": "tour" } })), json!("Ok"));
    // And again, over what is there now.
    assert_eq!(ask(&node, json!({ "TourVfs": { "drive": "tour" } })), json!("Ok"));
}

#[test]
fn a_missing_file_is_the_error_its_library_knows() {
    let node = node();
    let answer = ask(&node, json!({ "ReadFile": { "drive": "notes", "file": "missing.txt" } }));
    let error = answer["Err"].as_str().unwrap_or_default();
    assert!(error.contains("os error 2"), "{answer}");
}

#[test]
fn it_prints_to_the_log() {
    let node = node();
    assert_eq!(ask(&node, json!({ "Print": "a line for people" })), json!("Ok"));
    node.wait_for_log(&[MAIN, "a line for people"]);
    let logs = node.wharf(&["logs", MAIN]).ok();
    assert!(logs.contains("a line for people"), "{logs}");
}

#[test]
fn it_asks_other_processes() {
    let node = node();
    node.install(&paths::package("echo:wharf.os"));
    let ask_echo = json!({ "Ask": { "target": "our@echo:echo:wharf.os", "body": "around" } });
    assert_eq!(ask(&node, ask_echo), text("around"));
    let ask_nobody = json!({ "Ask": { "target": "our@nobody:echo:wharf.os", "body": "x" } });
    let answer = ask(&node, ask_nobody);
    assert!(answer["Err"].as_str().unwrap().contains("Timeout"), "{answer}");
}
