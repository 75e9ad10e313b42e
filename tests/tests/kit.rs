//! Pins the calls of Kinode's `kit`: what it sends to a node, and what it has to read, byte for byte. The requests are
//! written out here and in `wharf_tests::kit`; nothing of them is made by our own code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::kit::{
    APP_STORE, data, get_api, install, ints, message, new_package, reply_with_blob, uninstall, vfs, zip_of,
};
use wharf_tests::packages::{hash, read_entry};
use wharf_tests::{Node, eventually, paths};

fn node() -> Node {
    Node::builder().arg("--kit-compat").start()
}

fn zip(package: &str) -> Vec<u8> {
    zip_of(&paths::test_package(package))
}

/// Names in a zip, in its order.
fn names(zip: &[u8]) -> Vec<String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
    (0..archive.len()).map(|index| archive.by_index(index).unwrap().name().unwrap().into_owned()).collect()
}

/// One call, with nothing of it made by a function.
#[test]
fn a_call_is_answered_to_the_byte() {
    let node = node();
    let request = concat!(
        "POST /rpc:distro:sys/message HTTP/1.1\r\n",
        "content-type: application/json\r\n",
        "accept: */*\r\n",
        "host: localhost:8080\r\n",
        "content-length: 177\r\n",
        "\r\n",
        r#"{"node":null,"process":"main:app-store:sys","inherit":false,"expects_response":15,"#,
        r#""body":"\"Apis\"","metadata":null,"context":null,"mime":"application/octet-stream","data":null}"#,
    );
    let answer = node.raw(request);
    // {"ApisResponse":{"apis":[]}}
    answer.is(
        "200 OK",
        r#"{"body":[123,34,65,112,105,115,82,101,115,112,111,110,115,101,34,58,123,34,97,112,105,115,34,58,91,93,125,125],"lazy_load_blob":null}"#,
    );
    let mut headers: Vec<&str> = answer.headers.iter().map(|header| header.split(": ").next().unwrap()).collect();
    headers.retain(|name| !["date", "x-request-id"].contains(name));
    headers.sort_unstable();
    assert_eq!(headers, ["content-length", "content-type"]);
    assert!(answer.headers.contains(&"content-type: text/html".to_owned()), "{:?}", answer.headers);
}

#[test]
fn start_package_installs_and_replaces_what_kit_build_made() {
    let node = node();
    let zip = zip("chat:test.os");
    let expected = ["api.zip", "chat.wasm", "manifest.json", "scripts.json", "send.wasm", "ui/", "ui/index.html"];
    assert_eq!(names(&zip), expected, "the layout of a zip of kit");
    for _ in 0..2 {
        // {"NewPackageResponse":"Success"}, {"InstallResponse":"Success"}
        node.kit(&new_package("chat", "test.os", &zip)).is(
            "200 OK",
            r#"{"body":[123,34,78,101,119,80,97,99,107,97,103,101,82,101,115,112,111,110,115,101,34,58,34,83,117,99,99,101,115,115,34,125],"lazy_load_blob":null}"#,
        );
        node.kit(&install("chat", "test.os", &zip)).is(
            "200 OK",
            r#"{"body":[123,34,73,110,115,116,97,108,108,82,101,115,112,111,110,115,101,34,58,34,83,117,99,99,101,115,115,34,125],"lazy_load_blob":null}"#,
        );
    }
    let kept = node.home().vfs().join(format!("app-store:sys/downloads/chat:test.os/{}.zip", hash(&zip)));
    assert_eq!(std::fs::read(kept).unwrap(), zip);
    let installed = node.installed("chat:test.os").unwrap();
    assert_eq!((&installed["version"], &installed["version_hash"]), (&json!("0.1.0"), &json!(hash(&zip))));
    let running: Vec<String> = node.process_ids().into_iter().filter(|id| id.ends_with(":chat:test.os")).collect();
    assert_eq!(running, ["alice:chat:test.os", "bob:chat:test.os"]);
    let wasm = std::fs::read(node.home().vfs().join("chat:test.os/pkg/chat.wasm")).unwrap();
    assert_eq!(wasm, read_entry(&paths::test_package("chat:test.os"), "chat.wasm"));
}

#[test]
fn start_package_reads_why_it_went_wrong() {
    let node = node();
    let good = zip("echo:test.os");
    let without_blob = new_package("echo", "test.os", &good).split(r#""data":"#).next().unwrap().to_owned();
    node.kit(&format!(r#"{without_blob}"data":null}}"#)).says(r#"{"NewPackageResponse":"NoBlob"}"#);
    let failed = r#"{"NewPackageResponse":"InstallFailed"}"#;
    node.kit(&new_package("echo", "test.os", b"no zip")).says_because(failed, "not a zip");
    node.kit(&new_package("tester", "sys", &good)).says_because(failed, "part of the node");
    let failed = r#"{"InstallResponse":"Failure"}"#;
    node.kit(&install("echo", "test.os", &good)).says_because(failed, &hash(&good));
    // What is not kept is not installed, and what is not a call of the app store is answered all the same.
    assert!(node.installed("echo:test.os").is_none());
    let answer = node.kit(&message(APP_STORE, r#"{\"Nonsense\":1}"#, "15", "null"));
    let reply: Value = serde_json::from_slice(&answer.body).unwrap();
    let body: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert!(answer.status == "HTTP/1.1 200 OK" && body["Err"].is_string(), "{body}");
}

#[test]
fn inject_message_brings_body_and_blob_there_and_back() {
    let node = node();
    node.kit_start_package("echo:test.os", &zip("echo:test.os"));
    let echo = "echo:echo:test.os";
    node.kit(&message(echo, r#"{\"Echo\":\"größe\"}"#, "15", "null")).says(r#"{"Echo":"größe"}"#);
    // `-b FILE`; the bytes of a blob are the characters of its base64: 3q2+7w==
    let answer = node.kit(&message(echo, "x", "15", &data(&[0xde, 0xad, 0xbe, 0xef])));
    answer.is(
        "200 OK",
        r#"{"body":[120],"lazy_load_blob":{"mime":"application/octet-stream","bytes":[51,113,50,43,55,119,61,61]}}"#,
    );
    let all: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let answer = node.kit(&message(echo, "", "15", &data(&all)));
    answer.is("200 OK", &reply_with_blob("", "application/octet-stream", &all));
    // `-l`: nobody waits.
    let answer = node.kit(&message(echo, "x", "null", "null"));
    answer.is("200 OK", "");
    // `-n NODE`, this one by its name and as itself.
    for name in ["local.os", "our"] {
        let to = message(echo, "x", "15", "null").replace(r#""node":null"#, &format!(r#""node":"{name}""#));
        node.kit(&to).says("x");
    }
}

/// `kit` takes every status but 200 for a failure, and shows the body. In place of waiting for 15 s for what cannot come, the
/// reason is told at once.
#[test]
fn inject_message_reads_why_it_went_wrong() {
    let node = node();
    node.install(&paths::test_package("prober:test.os"));
    let refused = |json: &str, status: &str, kind: &str| {
        let answer = node.kit(json);
        assert_eq!(answer.status, format!("HTTP/1.1 {status}"), "{json}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["kind"], kind, "{json}: {body}");
        assert!(!body["error"].as_str().unwrap().is_empty(), "{json}");
    };
    refused(&message("nobody:echo:test.os", "x", "15", "null"), "404 Not Found", "no-such-process");
    // It keeps what is no program, and answers nothing.
    refused(&message("prober-a:prober:test.os", "x", "1", "null"), "408 Request Timeout", "timeout");
    let other = message("a:b:c", "x", "15", "null").replace(r#""node":null"#, r#""node":"bob.os""#);
    refused(&other, "502 Bad Gateway", "offline");
    refused(&message("not-an-id", "x", "15", "null"), "400 Bad Request", "malformed");
    refused("{", "400 Bad Request", "malformed");
}

#[test]
fn view_api_lists_interfaces_and_brings_one() {
    let node = node();
    node.kit_start_package("echo:test.os", &zip("echo:test.os"));
    let apis = message(APP_STORE, r#"\"Apis\""#, "15", "null");
    node.kit(&apis).says(r#"{"ApisResponse":{"apis":[]}}"#);
    for (package, files) in [
        ("chat", vec!["chat:test.os-v0.wit", "metadata.json"]),
        ("file-transfer", vec!["LICENSE-NOTE.txt", "file-transfer:test.os-v0.wit", "metadata.json"]),
    ] {
        let built = paths::test_package(&format!("{package}:test.os"));
        node.kit_start_package(&format!("{package}:test.os"), &zip_of(&built));
        let api = read_entry(&built, "api.zip");
        assert_eq!(names(&api), files);
        let answer = node.kit(&get_api(package, "test.os"));
        answer.is("200 OK", &reply_with_blob(r#"{"GetApiResponse":"Success"}"#, "application/json", &api));
        assert!(answer.headers.contains(&"content-type: text/html".to_owned()));
    }
    node.kit(&apis).says(concat!(
        r#"{"ApisResponse":{"apis":[{"package_name":"chat","publisher_node":"test.os"},"#,
        r#"{"package_name":"file-transfer","publisher_node":"test.os"}]}}"#
    ));
    // As `kit build` finds out that it has to look for a dependency elsewhere.
    let failed = r#"{"GetApiResponse":"Failure"}"#;
    node.kit(&get_api("echo", "test.os")).says_because(failed, "echo:test.os");
    node.kit(&get_api("other", "test.os")).says_because(failed, "other:test.os");
}

#[test]
fn remove_package_removes_it_once() {
    let node = node();
    let before = node.process_ids();
    node.kit_start_package("echo:test.os", &zip("echo:test.os"));
    // {"UninstallResponse":"Success"}
    node.kit(&uninstall("echo", "test.os")).is(
        "200 OK",
        r#"{"body":[123,34,85,110,105,110,115,116,97,108,108,82,101,115,112,111,110,115,101,34,58,34,83,117,99,99,101,115,115,34,125],"lazy_load_blob":null}"#,
    );
    assert_eq!((node.installed("echo:test.os"), node.process_ids()), (None, before));
    assert!(!node.home().vfs().join("echo:test.os/pkg").exists());
    let failed = r#"{"UninstallResponse":"Failure"}"#;
    node.kit(&uninstall("echo", "test.os")).says_because(failed, "echo:test.os");
    node.kit(&uninstall("app-store", "sys")).says_because(failed, "app-store:sys");
    node.kit_start_package("echo:test.os", &zip("echo:test.os"));
    node.kit(&message("echo:echo:test.os", "back", "15", "null")).says("back");
}

/// `kit run-tests`: asks until the drive is there, writes the tests, and has them run.
#[test]
fn run_tests_puts_a_test_in_place_and_reads_how_it_went() {
    let node = node();
    node.kit_start_package("echo:test.os", &zip("echo:test.os"));
    let tests = "/tester:sys/tests";
    let empty = r#"{"ReadDir":[]}"#;
    // Every answer with status 200 says that the node is ready.
    eventually("the tester has made its drives", || {
        let answer = node.kit(&vfs(tests, "ReadDir", "null"));
        assert_eq!(answer.status, "HTTP/1.1 200 OK");
        (answer.body == format!(r#"{{"body":{},"lazy_load_blob":null}}"#, ints(empty.as_bytes())).into_bytes())
            .then_some(())
    });
    let run = |names: &str, test: &str, wait_s: u64| {
        let body = format!(
            r#"{{\"Run\":{{\"input_node_names\":[{names}],\"test_names\":[\"{test}\"],\"test_timeout\":{wait_s}}}}}"#
        );
        message("tester:tester:sys", &body, "600", "null")
    };
    let wasm = read_entry(&paths::test_package("echo-test:test.os"), "echo-test.wasm");
    node.kit(&vfs("/tester:sys/tests/echo-test.wasm", "Write", &data(&wasm))).says("\"Ok\"");
    let asks = br#"{"echo-test":{"request_capabilities":["http-server:distro:sys"],"grant_capabilities":["echo:echo:test.os"]}}"#;
    node.kit(&vfs("/tester:sys/tests/capabilities.json", "Write", &data(asks))).says("\"Ok\"");
    node.kit(&vfs(tests, "ReadDir", "null")).says(concat!(
        r#"{"ReadDir":[{"path":"tester:sys/tests/capabilities.json","file_type":"File"},"#,
        r#"{"path":"tester:sys/tests/echo-test.wasm","file_type":"File"}]}"#
    ));
    node.kit(&run(r#"\"local.os\""#, "echo-test", 300)).says(r#"{"Run":{"Ok":null}}"#);
    node.wait_for_log(&["echo-test: passed"]);
    // What it tests is gone: it fails, and says where.
    node.kit(&uninstall("echo", "test.os")).says(r#"{"UninstallResponse":"Success"}"#);
    let failed = |answer: wharf_tests::kit::Answer| -> Value {
        assert_eq!(answer.status, "HTTP/1.1 200 OK");
        let reply: Value = serde_json::from_slice(&answer.body).unwrap();
        let body: Vec<u8> = serde_json::from_value(reply["body"].clone()).unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["Run"]["Err"].clone()
    };
    let why = failed(node.kit(&run(r#"\"local.os\""#, "echo-test", 300)));
    let (file, line, column) = (why["file"].as_str().unwrap(), why["line"].as_u64(), why["column"].as_u64());
    assert!(why["test"] == "echo-test" && file.contains("echo-test") && line > Some(1) && column > Some(0), "{why}");
    // Of what cannot be run, it is the tester that says so; and other nodes wait for the first.
    assert_eq!(failed(node.kit(&run(r#"\"local.os\""#, "missing", 60)))["test"], "missing");
    node.kit(&run(r#"\"first.dev\",\"local.os\""#, "missing", 60)).says(r#"{"Run":{"Ok":null}}"#);
    assert_eq!(failed(node.kit(&run(r#"\"first.dev\""#, "echo-test", 300)))["test"], "");
    let running = node.process_ids().into_iter().filter(|id| id.ends_with(":tester:sys"));
    assert_eq!(running.collect::<Vec<_>>(), ["tester:tester:sys"], "no test stays");
}

/// Without the option there is nothing that runs what it is sent, also after a boot with it.
#[test]
fn the_tester_is_there_with_kit_compat_only() {
    let home = tempfile::tempdir().unwrap();
    let is_there = |node: &Node| node.process("tester:tester:sys").is_some();
    let start = |args: &[&str]| {
        let builder = Node::builder().home(home.path());
        args.iter().fold(builder, |builder, arg| builder.arg(*arg)).start()
    };
    for (args, expected) in [(&[][..], false), (&["--kit-compat"][..], true), (&[][..], false)] {
        let mut node = start(args);
        assert_eq!(is_there(&node), expected, "{args:?}");
        node.stop();
    }
    let mut node = start(&["--kit-compat"]);
    assert!(is_there(&node));
    node.kill_9();
    node.start_again();
    assert!(is_there(&node));
}

/// Every call without the token where the owner did not allow that: refused, and nothing of it is done.
#[test]
fn without_kit_compat_no_call_is_served() {
    let node = Node::start();
    node.install(&paths::test_package("echo:test.os"));
    let (before, ids) = (node.wharf(&["list", "--json"]).ok(), node.process_ids());
    let chat = zip("chat:test.os");
    let calls = [
        new_package("chat", "test.os", &chat),
        install("chat", "test.os", &chat),
        uninstall("echo", "test.os"),
        get_api("echo", "test.os"),
        message(APP_STORE, r#"\"Apis\""#, "15", "null"),
        message("echo:echo:test.os", "x", "15", "null"),
        message("echo:echo:test.os", "x", "null", "null"),
        vfs("/echo:test.os/pkg", "ReadDir", "null"),
        vfs("/echo:test.os/pkg/more.wasm", "Write", &data(b"x")),
    ];
    for call in calls {
        let answer = node.kit(&call);
        assert_eq!(answer.status, "HTTP/1.1 401 Unauthorized");
        assert!(answer.headers.contains(&"www-authenticate: Bearer".to_owned()), "{:?}", answer.headers);
        assert!(!answer.headers.iter().any(|header| header.starts_with("x-request-id")));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["kind"], "unauthorized");
    }
    assert_eq!((node.wharf(&["list", "--json"]).ok(), node.process_ids()), (before, ids));
    assert!(!node.home().vfs().join("echo:test.os/pkg/more.wasm").exists());
    assert!(!node.home().vfs().join("app-store:sys/downloads/chat:test.os").exists());
}
