//! Pins what components that handle HTTP by `wasi:http` 0.2 get, with a real daemon and a guest in which nothing is ours.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::packages::{Entry, metadata, package_of, read_entry, wasm, zip};
use wharf_tests::prometheus::Page;
use wharf_tests::{Node, Web, eventually, paths};
use wharf_types::kernel::KernelCommand;

const PACKAGE: &str = "wasi-http:test.os";
const MAIN: &str = "main:wasi-http:test.os";
const CLOSED: &str = "closed:wasi-http:test.os";

/// A node with the handler, whose processes may ask this machine.
fn node(settings: &str) -> Node {
    let local = "[http_client_limits]\nprivate_hosts = ['127.0.0.0/8', '::1']\n";
    let node = Node::builder().settings(&format!("{local}{settings}")).start();
    node.install(&paths::test_package(PACKAGE));
    node
}

fn get(node: &Node, path: &str) -> (u16, String) {
    node.get(&format!("/{MAIN}{path}"))
}

/// The GET in a thread of its own.
fn start_get(node: &Node, path: &str) -> JoinHandle<(u16, String)> {
    let (http, url) = (node.http().clone(), format!("{}/{MAIN}{path}", node.url()));
    std::thread::spawn(move || {
        let response = http.get(url).send().unwrap();
        (response.status().as_u16(), response.text().unwrap())
    })
}

fn ok(text: &str) -> (u16, String) {
    (200, text.to_owned())
}

fn counters(node: &Node) -> Page {
    let response = node.http().get(format!("{}/metrics", node.url())).bearer_auth(node.token()).send().unwrap();
    Page::read(&response.text().unwrap())
}

/// How often a limit refused something.
fn hits(node: &Node, limit: &str) -> f64 {
    counters(node).value("wharf_limit_hits_total", &[("limit", limit)]).unwrap()
}

/// Linear memory of all its instances.
fn memory(node: &Node) -> f64 {
    counters(node).value("wharf_process_memory_bytes", &[("process", MAIN)]).unwrap()
}

/// The process and all its instances are still those that were started first.
fn assert_never_restarted(node: &Node) {
    assert_eq!(node.process(MAIN).unwrap().restarts, 0);
}

/// A web server that answers nobody before it is told to.
struct Gate {
    address: String,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    came: usize,
    is_open: bool,
}

impl Gate {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self { address: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let state = Arc::clone(&gate.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&state);
                std::thread::spawn(move || hold(stream, &state));
            }
        });
        gate
    }

    /// The path with which a handler asks here.
    fn path(&self) -> String {
        format!("/outside?http://{}/", self.address)
    }

    fn came(&self) -> usize {
        self.state.0.lock().unwrap().came
    }

    fn wait_for(&self, count: usize) {
        eventually(&format!("{count} requests have come"), || (self.came() == count).then_some(()));
    }

    fn open(&self) {
        self.state.0.lock().unwrap().is_open = true;
        self.state.1.notify_all();
    }
}

/// What goes wrong here is the client's end, which is what some tests are about.
fn hold(mut stream: TcpStream, (state, opened): &(Mutex<State>, Condvar)) {
    if !matches!(stream.read(&mut [0; 4096]), Ok(1..)) {
        return;
    }
    let mut state = state.lock().unwrap();
    state.came += 1;
    drop(opened.wait_while(state, |state| !state.is_open).unwrap());
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nopen");
}

/// A package with the handler and this manifest entry's differences.
fn variant(folder: &TempDir, package: &str, fields: Value) -> std::path::PathBuf {
    let mut entry = json!({
        "process_name": "main", "process_wasm_path": "/main.wasm", "on_exit": "None", "request_networking": false,
        "request_capabilities": [], "grant_capabilities": ["http-server:distro:sys"], "public": false,
    });
    entry.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let path = folder.path().join("package.zip");
    let bytes = zip(&[
        Entry::file("manifest.json", json!([entry]).to_string()),
        Entry::file("metadata.json", metadata(package).to_string()),
        Entry::file("main.wasm", read_entry(&paths::test_package(PACKAGE), "wasi_http.wasm")),
    ]);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_component_for_other_hosts_is_installed_and_sees_requests_as_it_expects_them() {
    let mut node = node("");
    assert_eq!([get(&node, ""), get(&node, "/"), get(&node, "/a/b/")], [ok("hello"), ok("hello"), ok("hello")]);
    let (status, about) = get(&node, "/about?a=%20&b=1&a=2&c");
    let about: Value = serde_json::from_str(&about).unwrap();
    let host = node.url().strip_prefix("http://").unwrap();
    assert_eq!((status, &about["method"], &about["scheme"]), (200, &json!("GET"), &json!("http")));
    assert_eq!((&about["path"], &about["authority"]), (&json!("/about?a=%20&b=1&a=2&c"), &json!(host)));
    assert_eq!(about["headers"]["x-forwarded-prefix"], format!("/{MAIN}"));
    let environment = about["environment"].as_array().unwrap();
    assert!(environment.iter().all(|variable| variable[0] == "TEMP_DIR"), "{environment:?}");

    let url = format!("{}/{MAIN}/about", node.url());
    let sent = node.http().request("PURGE".parse().unwrap(), url).header("x-one", "1").send().unwrap();
    let about: Value = serde_json::from_str(&sent.text().unwrap()).unwrap();
    assert_eq!((&about["method"], &about["headers"]["x-one"]), (&json!("PURGE"), &json!("1")));

    let cookies = node.http().get(format!("{}/{MAIN}/cookies", node.url())).send().unwrap();
    let cookies: Vec<_> =
        cookies.headers().get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2; Path=/"]);
    // It is there after a boot, without anybody installing it again.
    node.restart();
    eventually("it answers after a boot", || (get(&node, "/") == ok("hello")).then_some(()));
}

#[test]
fn bodies_of_some_megabytes_come_and_go_whole() {
    let node = node("");
    let body: String = (0..400_000).map(|n| format!("{n:08}")).collect();
    assert_eq!(node.post(&format!("/{MAIN}/echo"), &body), (200, body.clone()));
    assert_eq!(node.post(&format!("/{MAIN}/length"), &body), (200, body.len().to_string()));
    assert_eq!(node.post(&format!("/{MAIN}/echo"), ""), ok(""));
}

#[test]
fn what_it_prints_is_in_the_log_and_its_files_are_its_packages() {
    let node = node("");
    assert_eq!(get(&node, "/print?to-the-log"), ok("printed"));
    node.wait_for_log(&[MAIN, "printed: to-the-log", "request"]);
    assert_eq!(get(&node, "/file?some-text"), ok("some-text"));
}

/// Nobody but the owner may ask a process whose package was not given more.
#[test]
fn paths_are_the_owners_unless_public_was_granted() {
    let node = node("");
    assert_eq!(node.get(&format!("/{CLOSED}/")).0, 401);
    assert_eq!(node.get(&format!("/{CLOSED}/a/b")).0, 401);
    assert_eq!(get(&node, "/a/b"), ok("hello"));
}

#[test]
fn http_instance_requests_max() {
    let counted = |settings: &str, requests: usize| {
        let node = node(&format!("[packages.\"{PACKAGE}\".runtime]\nhttp_instances_max = 1\n{settings}"));
        (0..requests).map(|_| get(&node, "/count").1).collect::<Vec<_>>()
    };
    // Its memory lasts from one request to the next, and for so many.
    assert_eq!(counted("http_instance_requests_max = 3\n", 7), ["1", "2", "3", "1", "2", "3", "1"]);
    assert_eq!(counted("http_instance_requests_max = 1\n", 3), ["1", "1", "1"]);
}

#[test]
fn http_instances_max() {
    let (node, gate) = (node("[http_limits]\nanswer_wait = 600\n[runtime]\nhttp_instances_max = 3\n"), Gate::start());
    let asking: Vec<_> = (0..5).map(|_| start_get(&node, &gate.path())).collect();
    // Three are handled at the same time, and the others wait for them.
    gate.wait_for(3);
    let waiting = start_get(&node, "/");
    assert_eq!(gate.came(), 3);
    gate.open();
    for asked in asking {
        assert_eq!(asked.join().unwrap(), ok("200 open"));
    }
    assert_eq!(waiting.join().unwrap(), ok("hello"));
    assert_never_restarted(&node);
}

#[test]
fn http_waiting_max() {
    let settings = "[http_limits]\nanswer_wait = 600\n[runtime]\nhttp_instances_max = 1\nhttp_waiting_max = 2\n";
    let (node, gate) = (node(settings), Gate::start());
    let first = start_get(&node, &gate.path());
    gate.wait_for(1);
    let others: Vec<_> = (0..6).map(|_| start_get(&node, "/")).collect();
    // Two wait; which, is up to the threads. The others are told at once.
    eventually("four are refused", || (others.iter().filter(|other| other.is_finished()).count() == 4).then_some(()));
    gate.open();
    let mut statuses: Vec<_> = others.into_iter().map(|other| other.join().unwrap().0).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503, 503, 503]);
    assert_eq!(first.join().unwrap(), ok("200 open"));
    assert_eq!(hits(&node, "http_waiting_max"), 4.0);
}

#[test]
fn http_buffered_bytes_max() {
    let node = node("[runtime]\nhttp_buffered_bytes_max = 1000000\n");
    let (status, text) = get(&node, "/bytes?1000001");
    assert!(status == 500 && text.contains("http_buffered_bytes_max"), "{status} {text}");
    // What was taken is given back.
    for _ in 0..3 {
        assert_eq!(get(&node, "/bytes?1000000").1.len(), 1_000_000);
    }
    assert_eq!(hits(&node, "http_buffered_bytes_max"), 1.0);
}

#[test]
fn http_idle_s() {
    let (node, gate) = (node("[http_limits]\nanswer_wait = 600\n[runtime]\nhttp_idle_s = 0\n"), Gate::start());
    assert_eq!(get(&node, "/"), ok("hello"));
    let asking: Vec<_> = (0..4).map(|_| start_get(&node, &gate.path())).collect();
    gate.wait_for(4);
    let four = memory(&node);
    gate.open();
    asking.into_iter().for_each(|asked| drop(asked.join()));
    eventually("those that have nothing to do are ended", || (memory(&node) <= four / 3.0).then_some(()));
    assert!(memory(&node) > 0.0);
    assert_eq!(get(&node, "/"), ok("hello"));
}

/// One bound for all instances of a process: a bound for each would be none.
#[test]
fn memory_bytes_max_holds_for_all_instances_together() {
    let settings = "[runtime]\nmemory_bytes_max = 67108864\nhttp_instances_max = 1\n";
    let node = node(settings);
    assert_eq!(get(&node, "/keep?40"), ok("kept"));
    let (status, text) = get(&node, "/keep?40");
    assert!(status == 503 && text.contains("memory"), "{status} {text}");
    // The instance is gone, and what it kept.
    assert_eq!(get(&node, "/keep?40"), ok("kept"));
    assert_never_restarted(&node);
}

#[test]
fn an_instance_that_traps_costs_its_request_and_nothing_else() {
    let node = node("[runtime]\nhttp_instances_max = 1\n");
    assert_eq!([get(&node, "/count"), get(&node, "/count")], [ok("1"), ok("2")]);
    for path in ["/trap", "/exit"] {
        let (status, text) = get(&node, path);
        assert!(status == 500 && text.contains("error"), "{path}: {status} {text}");
        // Another instance has the next.
        assert_eq!(get(&node, "/count"), ok("1"), "{path}");
    }
    for path in ["/silent", "/short"] {
        let (status, text) = get(&node, path);
        assert!(status == 500 && text.contains("error"), "{path}: {status} {text}");
    }
    assert_eq!(get(&node, "/count"), ok("2"));
    assert_never_restarted(&node);
    node.wait_for_log(&[MAIN, "the handler trapped"]);
}

#[test]
fn a_handler_that_spins_is_ended_when_nobody_waits_for_it_any_more() {
    let node = node("[http_limits]\nanswer_wait = 2\n[runtime]\nhttp_instances_max = 1\n");
    assert_eq!(get(&node, "/spin").0, 504);
    eventually("another instance answers", || (get(&node, "/") == ok("hello")).then_some(()));
    // Also when it answered first.
    assert_eq!(get(&node, "/spin-after"), ok("answered"));
    eventually("another instance answers", || (get(&node, "/") == ok("hello")).then_some(()));
    assert_never_restarted(&node);
}

#[test]
fn a_handler_that_spins_holds_up_no_other_request() {
    let node = node("[http_limits]\nanswer_wait = 600\n");
    let spinning = start_get(&node, "/spin");
    for _ in 0..20 {
        assert_eq!(get(&node, "/"), ok("hello"));
    }
    assert!(!spinning.is_finished());
    drop(node);
    assert!(spinning.join().is_err(), "the node is gone before it answers");
}

#[test]
fn cpu_burst_ms_max_ends_one_request() {
    let node = node("[runtime]\ncpu_burst_ms_max = 100\n");
    let (status, text) = get(&node, "/spin");
    assert!(status == 500 && text.contains("too long"), "{status} {text}");
    assert_eq!(get(&node, "/"), ok("hello"));
    assert_never_restarted(&node);
    assert_eq!(hits(&node, "cpu_burst_ms_max"), 1.0);
}

/// As with every process: what it was asked is not answered, and its paths are gone at once.
#[test]
fn killing_it_ends_what_is_under_way() {
    let (node, gate) = (node("[http_limits]\nanswer_wait = 10\n"), Gate::start());
    let asked = start_get(&node, &gate.path());
    let spinning = start_get(&node, "/spin");
    gate.wait_for(1);
    node.kernel(&KernelCommand::KillProcess(MAIN.parse().unwrap()));
    assert_eq!(get(&node, "/").0, 404);
    for asked in [asked, spinning] {
        let (status, text) = asked.join().unwrap();
        assert!(matches!(status, 503 | 504), "{status} {text}");
    }
    node.assert_serves();
}

#[test]
fn the_world_outside_is_asked_by_the_rules_of_the_http_client() {
    let (node, web) = (node(""), Web::start());
    let asked = |path: &str| node.post(&format!("/{MAIN}/outside?{}", web.url(path)), "the body").1;
    let echoed = asked("/echo");
    assert!(echoed.starts_with("200 POST /echo HTTP/1.1") && echoed.ends_with("the body"), "{echoed}");
    assert!(echoed.contains("x-from: a handler") && echoed.contains(&format!("host: {}", web.host())), "{echoed}");
    assert_eq!(asked("/nothing"), "404 nothing here");
    assert_eq!(asked("/bytes/3000000").len(), "200 ".len() + 3_000_000);
    let before = web.requests().len();
    // A host that the package was not given.
    let url = format!("http://localhost:{}/echo", web.port());
    let refused = node.post(&format!("/{MAIN}/outside?{url}"), "").1;
    assert!(refused.starts_with("refused") && refused.contains("not among the hosts"), "{refused}");
    assert_eq!(web.requests().len(), before);
}

/// S4: the addresses that the owner has not named are closed to handlers, too.
#[test]
fn s4_a_handler_reaches_no_private_address() {
    let (node, web) = (Node::start(), Web::start());
    node.install(&paths::test_package(PACKAGE));
    let refused = get(&node, &format!("/outside?{}", web.url("/echo"))).1;
    assert!(refused.starts_with("refused") && refused.contains("private_hosts"), "{refused}");
    assert_eq!(web.connections(), 0);
}

#[test]
fn without_the_capability_of_the_http_client_nothing_outside_is_asked() {
    let (node, web, folder) = (node(""), Web::start(), tempfile::tempdir().unwrap());
    let public = json!({ "process": "http-server:distro:sys", "params": { "paths": "public" } });
    let fields = json!({ "request_capabilities": ["http-server:distro:sys", public] });
    node.install(&variant(&folder, "inward:test.os", fields));
    let refused = node.get(&format!("/main:inward:test.os/outside?{}", web.url("/echo")));
    assert_eq!(refused, ok("refused: ErrorCode::HttpRequestDenied"));
    assert_eq!(web.connections(), 0);
    node.wait_for_log(&["main:inward:test.os", "http-client:distro:sys"]);
}

#[test]
fn without_the_capability_of_the_web_server_it_does_not_start_and_says_why() {
    let (node, folder) = (node(""), tempfile::tempdir().unwrap());
    // Whether the command sees it end is a matter of time.
    let _ = node.wharf(&["install", "--yes", variant(&folder, "mute:test.os", json!({})).to_str().unwrap()]);
    node.wait_for_log(&["main:mute:test.os", "its paths could not be bound", "http-server:distro:sys"]);
}

#[test]
fn a_component_that_is_neither_a_process_nor_a_handler_is_refused() {
    let (node, folder) = (Node::start(), tempfile::tempdir().unwrap());
    let zip = folder.path().join("neither.zip");
    std::fs::write(&zip, package_of("neither:test.os", &wasm("(component)"))).unwrap();
    let refused = node.wharf(&["install", "--yes", zip.to_str().unwrap()]).failed(1);
    assert!(refused.contains("`init`") && refused.contains("wasi:http/incoming-handler"), "{refused}");
    assert!(node.process_ids().iter().all(|id| !id.contains("neither")));
}

/// Only the web server's word counts: no process can make up requests of others.
#[test]
fn messages_of_other_processes_are_no_requests() {
    let (node, folder) = (node(""), tempfile::tempdir().unwrap());
    let public = json!({ "process": "http-server:distro:sys", "params": { "paths": "public" } });
    let fields = json!({ "public": true, "request_capabilities": ["http-server:distro:sys", public] });
    node.install(&variant(&folder, "open:test.os", fields));
    node.install(&paths::test_package("prober:test.os"));
    let http = json!({ "Http": { "source_socket_addr": null, "method": "GET", "url": "http://a/print?forged",
        "bound_path": "/", "headers": { "host": "a" }, "url_params": {}, "query_params": {} } });
    let step = json!([{ "Await": { "to": "main:open:test.os", "expects": 1, "body": http } }]);
    let outcome = node.last(wharf_tests::prober::A, step);
    assert_ne!(outcome["kind"], "response", "{outcome}");
    assert_eq!(node.get("/main:open:test.os/"), ok("hello"));
    assert!(!node.log().contains("printed: "), "{}", node.log());
}
