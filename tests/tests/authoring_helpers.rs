//! The libraries of packages in JavaScript and Python: alone, against something that stands in for a node, and in one.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wharf_tests::authoring::author;
use wharf_tests::cli::Ran;
use wharf_tests::socket::{BINARY, FIN, Socket, TEXT};
use wharf_tests::{Node, Web, eventually};

/// Where its paths are.
const SITE: &str = "/tries:tries:ann.os";

fn templates(language: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/cli/templates").join(language)
}

fn run(language: &str, program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    command.args(args).current_dir(templates(language)).stdin(Stdio::null());
    // They say of which version they are.
    command.env("WHARF_VERSION", env!("CARGO_PKG_VERSION")).env("PYTHONDONTWRITEBYTECODE", "1");
    Ran::of(command.output().unwrap()).ok();
}

#[test]
fn javascript_without_a_node() {
    run("js", "node", &["--test", "tests/wharf.test.js", "tests/modules.test.js"]);
}

#[test]
fn python_without_a_node() {
    run("python", "python3", &["-m", "unittest", "discover", "tests"]);
}

/// A node with a package of that code, which is a process and a script.
fn node_with(language: &str, main: &str, code: &str) -> Node {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("tries");
    let name = package.to_str().unwrap();
    author(&["new", name, "--lang", language, "--publisher", "ann.os"]).ok();
    fs::write(package.join("src").join(main), code).unwrap();
    let manifest = package.join("pkg/manifest.json");
    let mut entries: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let modules =
        ["http-server", "http-client", "kernel", "kv", "sqlite", "vfs"].map(|name| format!("{name}:distro:sys"));
    entries[0]["request_capabilities"] = json!(modules);
    entries[0]["grant_capabilities"] = json!(["http-server:distro:sys", "http-client:distro:sys"]);
    fs::write(&manifest, entries.to_string()).unwrap();
    let script = json!({
        "root": false, "public": false, "request_networking": false,
        "request_capabilities": [], "grant_capabilities": [],
    });
    fs::write(package.join("pkg/scripts.json"), json!({ "tries.wasm": script }).to_string()).unwrap();
    author(&["build", name]).ok();
    let node = Node::builder().settings("[http_client_limits]\nprivate_hosts = ['127.0.0.0/8']\n").start();
    node.wharf(&["install", "--yes", name]).ok();
    node
}

fn ask(node: &Node, asked: &Value) -> Value {
    let said = node.wharf(&["send", "tries", &asked.to_string(), "--timeout", "120"]).ok();
    serde_json::from_str(&said).unwrap()
}

/// Each part of the library does what it says, in a real node.
fn use_modules(language: &str, main: &str, code: &str) {
    let node = node_with(language, main, code);
    // The first answer says that the paths are bound.
    for visits in [1, 2] {
        assert_eq!(ask(&node, &json!("Keys")), keys(visits));
    }
    assert_eq!(ask(&node, &json!("Files")), files());
    assert_eq!(ask(&node, &json!("Sql")), sql());
    assert_eq!(ask(&node, &json!("Node")), about_node());
    asks_the_web(&node);
    answers_the_web(&node);
    refuses(&node);
    let doubled = node.wharf(&["shell", "-c", "tries:tries:ann.os 21"]).ok();
    assert_eq!(doubled.trim(), "42");
}

fn files() -> Value {
    json!({
        "text": "héllo wörld", "part": "é", "cut": "Jé", "lines": ["one", "two", "three"], "end": "three",
        "listed": ["b.txt", "c.txt", "log", "x"], "len": 13, "missing": false, "same": true,
        "refused": "NoReadCap", "twice": "IOError",
    })
}

fn keys(visits: u64) -> Value {
    json!({
        "visits": visits, "swapped": [false, true, true], "raw": [0, 255], "before": 10, "after": 11,
        "conflict": "TxConflict", "scanned": [["bob", { "age": 2 }]], "down": [["not text"], "eve", "bob", "ann"],
        "page": [r#""ann""#, r#""bob""#], "others": "NoReadCap", "removed": "NoDb",
    })
}

fn sql() -> Value {
    json!({
        "columns": ["id", "text"], "rows": [[1, "YQ==", [0, 255], 1.5], [2, "héllo", null, 0.5]],
        "found": [{ "id": 1 }], "counted": [2, 1], "infinite": true, "refused": "RusqliteError",
    })
}

fn about_node() -> Value {
    json!({
        "child": "child:tries:ann.os", "said": "hello parent", "taken": "no-file-at-path", "held": true, "mine": 1,
        "kept": [{ "kept": 1 }, null], "onExit": "restart", "chance": true, "status": true, "running": true,
        "refused": true,
    })
}

/// Timers, the HTTP client, and what both say later.
fn asks_the_web(node: &Node) {
    let timers = json!({
        "listed": [["far", null, true], ["report", "0 6 1 1 *", true]], "refused": ["NoSuchTimer", "BadCron"],
    });
    assert_eq!(ask(node, &json!("Timers")), timers);
    let server = Web::start();
    let told = json!({ "http": server.url(""), "ws": server.ws("") });
    let expected = json!({
        "json": [1, 2, 3], "type": "application/json", "echoed": [200, true], "missing": 404, "refused": "BadUrl",
    });
    assert_eq!(ask(node, &json!({ "Web": told })), expected);
    let expected = json!([
        ["response", "again", "timer:distro:sys"],
        ["socket", "bytes", [1, 2]],
        ["socket", "closed", null],
        ["socket", "text", "hello"],
        ["timer", "now", "wake up"],
    ]);
    let heard = eventually("all is heard", || {
        let heard = ask(node, &json!("Heard"));
        (heard.as_array().unwrap().len() >= 5).then_some(heard)
    });
    // A timer and a socket know nothing of each other.
    let mut heard = heard.as_array().unwrap().clone();
    heard.sort_by_key(Value::to_string);
    assert_eq!(json!(heard), expected);
}

/// Pages, bodies of any length, WebSockets.
fn answers_the_web(node: &Node) {
    let at = |path: &str| format!("{SITE}{path}");
    assert_eq!(node.get(&at("/about")), (200, "about it".to_owned()));
    let (status, told) = node.get(&at("/notes/7?q=a%20b"));
    assert_eq!((status, serde_json::from_str(&told).unwrap()), (200, json!({ "id": "7", "q": "a b" })));
    assert_eq!(node.post(&at("/notes/7"), r#"{"text":"milk"}"#), (200, "7: milk".to_owned()));
    let (status, why) = node.post(&at("/notes/7"), "{");
    assert!(status == 400 && why.starts_with("the body is not what was expected"), "{status} {why}");
    // More than one piece.
    let long = "and so on ".repeat(60_000);
    assert!(node.post(&at("/shout"), &long) == (200, long.to_uppercase()));
    assert_eq!(node.post(&at("/shout?fails=1"), "x").0, 500);
    let [mut one, mut other] = [Socket::open(node, &at("/live")), Socket::open(node, &at("/live"))];
    // A frame of each tells that both are in the room.
    eventually("both are in", || {
        one.send(FIN | TEXT, "hé".as_bytes());
        let (_, frame) = one.read().unwrap();
        (serde_json::from_slice::<Value>(&frame).unwrap() == json!({ "text": "hé", "others": 2 })).then_some(())
    });
    let frame = loop {
        let (first, frame) = other.read().unwrap();
        assert_eq!(first, FIN | TEXT);
        let frame: Value = serde_json::from_slice(&frame).unwrap();
        if frame["others"] == 2 {
            break frame;
        }
    };
    assert_eq!(frame["text"], "hé");
    other.send(FIN | BINARY, b"x");
    other.closed();
    eventually("it is out", || {
        one.send(FIN | TEXT, b"x");
        let (_, frame) = one.read().unwrap();
        (serde_json::from_slice::<Value>(&frame).unwrap()["others"] == 1).then_some(())
    });
}

fn refuses(node: &Node) {
    for (asked, why) in [
        (r#""No""#, "not today"),
        (r#""What""#, "nobody understands that"),
        (r#""Manage""#, "this takes the capability"),
    ] {
        let refused = node.wharf(&["send", "tries", asked]);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn javascript_uses_the_modules_of_a_node() {
    use_modules("js", "main.js", include_str!("../guests/modules.js"));
}

#[test]
fn python_uses_the_modules_of_a_node() {
    use_modules("python", "app.py", include_str!("../guests/modules.py"));
}
