//! The real `wharf` against a made-up node: what is sent, what is shown, and which code it ends with.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "test code")]

mod support;

use std::fs;

use serde_json::{Value, json};

use support::{Node, assert_code, err, out, processes, reply, reply_with_reason, wharf};

/// A kernel with three processes, an app store with no packages, and an echo.
fn ordinary(message: &Value) -> (u16, Value) {
    let body: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap_or_default();
    match (message["process"].as_str().unwrap(), &body) {
        ("kernel:distro:sys", Value::String(command)) if command == "Processes" => reply(&processes()),
        ("kernel:distro:sys", Value::String(command)) if command == "Status" => reply(&json!({"Status": {
            "node": "alice.os", "version": "0.1.0", "boot": "b", "uptime_ms": 61_000, "processes": 2, "public_key": "0xab"}})),
        ("kernel:distro:sys", body) if body["KillProcess"].is_string() => {
            reply(&json!({"KilledProcess": body["KillProcess"]}))
        }
        ("main:app-store:sys", Value::String(command)) if command == "Packages" => {
            reply(&json!({"PackagesResponse": []}))
        }
        ("main:app-store:sys", Value::String(command)) if command == "Trusted" => {
            reply(&json!({"TrustedResponse": []}))
        }
        ("main:app-store:sys", body) if body["NewPackage"].is_object() => {
            reply(&json!({"NewPackageResponse": "Success"}))
        }
        ("main:app-store:sys", body) if body["Install"].is_object() => {
            reply_with_reason(&json!({"InstallResponse": "Failure"}), "chat.wasm does not compile")
        }
        ("echo:echo:wharf.os", _) if message["expects_response"].is_null() => (200, Value::Null),
        ("echo:echo:wharf.os", body) => (
            200,
            json!({"body": body.to_string().into_bytes(),
                   "lazy_load_blob": {"mime": "text/plain", "bytes": message["data"].as_str().unwrap_or("").as_bytes()}}),
        ),
        _ => (404, json!({"kind": "no-such-process", "error": "there is no such process"})),
    }
}

#[test]
fn status_and_ps_show_the_node_for_people_and_programs() {
    let node = Node::start(ordinary);
    let status = node.wharf(&["status"]);
    assert_code(&status, 0);
    assert!(out(&status).contains("alice.os") && out(&status).contains("1 min 1 s"), "{}", out(&status));
    assert!(!out(&status).contains('\u{1b}'), "no colour without a terminal");

    let ps = node.wharf(&["ps"]);
    assert!(out(&ps).lines().any(|line| line.starts_with("echo:echo:wharf.os  running")), "{}", out(&ps));
    let json: Value = serde_json::from_str(&out(&node.wharf(&["ps", "--json"]))).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 3);
    assert_eq!(json[0]["id"], "echo:echo:wharf.os");
}

#[test]
fn a_node_that_is_not_there_is_code_3_with_the_command_that_starts_it() {
    let home = tempfile::tempdir().unwrap();
    let never = wharf(home.path(), &["ps"]);
    assert_code(&never, 3);
    assert!(
        err(&never).contains(&format!("hint: start it with `wharfd --home {}`", home.path().display())),
        "{}",
        err(&never)
    );

    // A port that was just given back: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::create_dir(home.path().join("run")).unwrap();
    fs::write(home.path().join("run/http"), format!("http://127.0.0.1:{port}")).unwrap();
    fs::write(home.path().join("run/token"), "x").unwrap();
    let gone = wharf(home.path(), &["ps"]);
    assert_code(&gone, 3);
    assert!(err(&gone).contains("cannot reach the node") && err(&gone).contains("hint: "), "{}", err(&gone));
}

#[test]
fn a_wrong_token_is_code_1_and_says_so() {
    let node = Node::start(ordinary);
    fs::write(node.home().join("run/token"), "wrong").unwrap();
    let status = node.wharf(&["status"]);
    assert_code(&status, 1);
    assert!(err(&status).contains("the control token is wrong") && err(&status).contains("hint: "), "{}", err(&status));
}

#[test]
fn an_answer_without_sense_is_an_error_not_a_panic() {
    for handler in [(|_| (200, json!([]))) as support::Handler, |_| (500, Value::Null), |_| reply(&json!("Booted"))] {
        let node = Node::start(handler);
        let ps = node.wharf(&["ps"]);
        assert_code(&ps, 1);
        assert!(err(&ps).starts_with("error: cannot understand"), "{}", err(&ps));
    }
}

#[test]
fn send_prints_the_body_and_saves_the_blob() {
    let node = Node::start(ordinary);
    let (blob, saved) = (node.home().join("blob"), node.home().join("saved"));
    fs::write(&blob, b"\x00\xff").unwrap();
    let arguments = ["send", "echo", "[1]", "--blob", blob.to_str().unwrap(), "--blob-out", saved.to_str().unwrap()];
    let sent = node.wharf(&arguments);
    assert_code(&sent, 0);
    assert_eq!(out(&sent), "[1]\n");
    assert_eq!(fs::read(saved).unwrap(), b"\x00\xff");
    let message = node.seen().pop().unwrap();
    assert_eq!((&message["process"], &message["expects_response"]), (&json!("echo:echo:wharf.os"), &json!(15)));
}

#[test]
fn send_without_waiting_asks_for_no_response() {
    let node = Node::start(ordinary);
    let sent = node.wharf(&["send", "our@echo:echo:wharf.os", "\"x\"", "--no-wait"]);
    assert_code(&sent, 0);
    assert_eq!(out(&sent), "");
    assert_eq!(node.seen()[0]["expects_response"], Value::Null);
    assert_eq!(node.seen()[0]["node"], Value::Null);
}

#[test]
fn an_unknown_process_brings_the_nearest_one() {
    let node = Node::start(ordinary);
    for arguments in [["send", "echo:echo:wharf", "1"].as_slice(), &["kill", "ehco"], &["kill", "echo:ehco:wharf.os"]] {
        let output = node.wharf(arguments);
        assert_code(&output, 1);
        assert!(err(&output).contains("did you mean `echo:echo:wharf.os`?"), "{}", err(&output));
    }
    assert!(node.seen().iter().all(|message| !message["body"].as_str().unwrap().contains("KillProcess")));
}

#[test]
fn kill_takes_a_short_name() {
    let node = Node::start(ordinary);
    let killed = node.wharf(&["kill", "echo"]);
    assert_code(&killed, 0);
    assert_eq!(out(&killed), "killed echo:echo:wharf.os\n");
    assert_eq!(out(&node.wharf(&["kill", "echo", "--json"])), "{\"KilledProcess\":\"echo:echo:wharf.os\"}\n");
}

#[test]
fn usage_errors_are_code_2() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [["send", "a:b", "x"].as_slice(), &["uninstall", "chat"], &["no-such-command"], &[]] {
        assert_code(&wharf(home.path(), arguments), 2);
    }
    let help = wharf(home.path(), &["--help"]);
    assert_code(&help, 0);
    assert!(out(&help).contains("Exit codes:"), "{}", out(&help));
}

/// A package folder with one process, whose component is empty.
fn package_folder(home: &std::path::Path) -> String {
    let folder = home.join("chat");
    fs::create_dir_all(folder.join("pkg")).unwrap();
    let manifest = json!([{"process_name": "chat", "process_wasm_path": "/chat.wasm", "on_exit": "None",
        "request_networking": true, "request_capabilities": ["vfs:distro:sys"], "grant_capabilities": [], "public": false}]);
    let metadata = json!({"properties": {"package_name": "chat", "publisher": "alice.os", "current_version": "0.1.0",
        "mirrors": [], "code_hashes": {"0.1.0": "ab"}}});
    fs::write(folder.join("pkg/manifest.json"), manifest.to_string()).unwrap();
    fs::write(folder.join("pkg/chat.wasm"), b"\0asm\x0d\0\x01\0").unwrap();
    fs::write(folder.join("metadata.json"), metadata.to_string()).unwrap();
    folder.to_str().unwrap().to_owned()
}

#[test]
fn install_shows_what_is_asked_for_and_refuses_without_consent() {
    let node = Node::start(ordinary);
    let folder = package_folder(node.home());
    let refused = node.wharf(&["install", &folder]);
    assert_code(&refused, 5);
    for part in
        ["chat:alice.os 0.1.0", "not signed", "* may use the network", "may send messages to vfs:distro:sys", "--yes"]
    {
        assert!(err(&refused).contains(part), "{part} is not in {}", err(&refused));
    }
    assert!(node.seen().iter().all(|message| message["data"].is_null()), "nothing was sent");
}

#[test]
fn install_sends_the_zip_then_its_hash_and_tells_why_it_failed() {
    let node = Node::start(ordinary);
    let folder = package_folder(node.home());
    let failed = node.wharf(&["install", "--yes", &format!("{folder}/pkg")]);
    assert_code(&failed, 1);
    assert!(
        err(&failed).contains("cannot install chat:alice.os") && err(&failed).contains("chat.wasm does not compile")
    );

    let body = |message: &Value| serde_json::from_str::<Value>(message["body"].as_str().unwrap()).unwrap();
    let seen = node.seen();
    let [.., new, install] = &seen[..] else { unreachable!("{seen:?}") };
    assert_eq!(body(new)["NewPackage"]["package_id"], json!({"package_name": "chat", "publisher_node": "alice.os"}));
    assert!(new["data"].as_str().unwrap().starts_with("UEsDB"), "the blob is a zip");
    let install = body(install);
    assert_eq!(install["Install"]["metadata"]["properties"]["code_hashes"], json!([["0.1.0", "ab"]]));
    assert_eq!(install["Install"]["version_hash"].as_str().unwrap().len(), 64);
}

#[test]
fn a_bad_package_is_code_4_and_never_reaches_the_node() {
    let node = Node::start(ordinary);
    let folder = package_folder(node.home());
    fs::remove_file(format!("{folder}/pkg/chat.wasm")).unwrap();
    let text = node.home().join("chat:alice.os.zip");
    fs::write(&text, "no zip").unwrap();
    for bad in [folder.as_str(), text.to_str().unwrap(), "/no/such/place"] {
        let output = node.wharf(&["install", "--yes", bad]);
        assert_code(&output, 4);
        assert!(err(&output).contains("hint: "), "{}", err(&output));
    }
    assert!(node.seen().is_empty());
}

#[test]
fn an_app_store_that_is_missing_is_named() {
    let node = Node::start(|_| (404, json!({"kind": "no-such-process", "error": "no such process"})));
    let list = node.wharf(&["list"]);
    assert_code(&list, 1);
    assert!(err(&list).contains("`main:app-store:sys`, does not run on this node"), "{}", err(&list));
}
