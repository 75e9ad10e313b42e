//! Pins what processes get from `http-client:distro:sys`, with a real daemon, real guests and a web server of the test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use wharf_tests::prober::{A, B, HERMIT, capability};
use wharf_tests::{Node, Web, eventually, paths, web_two};
use wharf_types::kernel::KernelCommand;

const CLIENT: &str = "http-client:distro:sys";
/// Longer than any test may take: an answer that comes at all came because of something else.
const FOREVER_S: u64 = 3600;

/// A node whose processes may ask the whole of this machine, with these settings besides.
fn node(settings: &str) -> Node {
    node_with(&format!("[http_client_limits]\nprivate_hosts = ['127.0.0.0/8', '::1']\n{settings}"))
}

fn node_with(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    node
}

/// The step that sends the client an action and waits for its answer.
fn step(action: &Value, blob: Option<&str>) -> Value {
    json!({ "Await": { "to": CLIENT, "expects": FOREVER_S, "body": action, "blob": blob } })
}

fn http(method: &str, url: &str, headers: &Value) -> Value {
    json!({ "Http": { "method": method, "version": null, "url": url, "headers": headers } })
}

fn open(url: &str, channel_id: u32) -> Value {
    json!({ "WebSocketOpen": { "url": url, "headers": {}, "channel_id": channel_id } })
}

fn push(channel_id: u32) -> Value {
    json!({ "WebSocketPush": { "channel_id": channel_id, "message_type": "Text" } })
}

/// The client's answer to one action, and its blob.
fn ask_with(node: &Node, prober: &str, action: &Value, blob: Option<&str>) -> (Value, String) {
    read(&node.last(prober, json!([step(action, blob)])))
}

fn read(outcome: &Value) -> (Value, String) {
    assert_eq!(outcome["kind"], "response", "{outcome}");
    let body = serde_json::from_str(outcome["body"].as_str().unwrap()).unwrap();
    (body, outcome["blob"].as_str().unwrap_or_default().to_owned())
}

fn ask(node: &Node, prober: &str, action: &Value) -> (Value, String) {
    ask_with(node, prober, action, None)
}

fn get(node: &Node, prober: &str, url: &str) -> (Value, String) {
    ask(node, prober, &http("GET", url, &json!({})))
}

/// Status of an answer.
fn status(answer: &(Value, String)) -> u64 {
    answer.0["Ok"]["Http"]["status"].as_u64().unwrap_or_else(|| panic!("{answer:?}"))
}

/// Why a request was not carried out.
fn failed(answer: &(Value, String)) -> &str {
    answer.0["Err"]["ExecuteRequestFailed"].as_str().unwrap_or_else(|| panic!("{answer:?}"))
}

fn grant(node: &Node, process: &str, host: &str) {
    let params = json!({ "host": host }).to_string();
    let capabilities = vec![capability(CLIENT, &params)];
    node.kernel(&KernelCommand::GrantCapabilities { target: process.parse().unwrap(), capabilities });
}

#[test]
fn every_function_of_the_guest_library() {
    let (node, web) = (node(""), Web::start());
    assert_eq!(node.last(A, json!([{ "UseHttpClient": web.host() }])), Value::Null);
}

#[test]
fn an_answer_has_the_shape_that_guests_know() {
    let (node, web) = (node(""), Web::start());
    let answer = ask_with(&node, A, &http("POST", &web.url("/echo"), &json!({ "Host": "evil.example" })), Some("body"));
    let headers = json!({ "X-One-Two": "a", "Content-Length": answer.1.len().to_string() });
    assert_eq!(answer.0, json!({ "Ok": { "Http": { "status": 200, "headers": headers } } }));
    assert!(
        answer.1.contains(&format!("host: {}\r\n", web.host())) && answer.1.ends_with("\r\n\r\nbody"),
        "{answer:?}"
    );
    for (action, error) in [
        (json!({ "Nonsense": 1 }), json!("MalformedRequest")),
        (http("G T", &web.url("/"), &json!({})), json!({ "BadMethod": { "method": "G T" } })),
        (http("GET", "not a url", &json!({})), json!({ "BadUrl": { "url": "not a url" } })),
        (open("http://a.example/", 1), json!({ "BadUrl": { "url": "http://a.example/" } })),
        (open("ws://127.0.0.1:1/", 1), json!({ "WsOpenFailed": { "url": "ws://127.0.0.1:1/" } })),
        (push(7), json!({ "WsPushUnknownChannel": { "channel_id": 7 } })),
        (json!({ "WebSocketClose": { "channel_id": 7 } }), json!({ "WsCloseFailed": { "channel_id": 7 } })),
    ] {
        assert_eq!(ask_with(&node, A, &action, Some("x")).0, json!({ "Err": error }), "{action}");
    }
}

#[test]
fn connections_are_used_again() {
    let (node, web) = (node(""), Web::start());
    // A connection is free again a moment after its answer has arrived.
    eventually("a request opens no connection", || {
        let before = web.connections();
        assert_eq!(status(&get(&node, A, &web.url("/json"))), 200);
        (before > 0 && web.connections() == before).then_some(())
    });
    let (node, web) = (self::node("idle_connections_max = 0\n"), Web::start());
    for _ in 0..4 {
        assert_eq!(status(&get(&node, A, &web.url("/json"))), 200);
    }
    assert_eq!(web.connections(), 4);
    eventually("none of them is kept", || (web.open() == 0).then_some(()));
}

#[test]
fn redirects_are_followed_as_browsers_do() {
    let (node, web, other) = (node("redirects_max = 3\n"), Web::start(), Web::start());
    let secret = json!({ "Authorization": "secret", "Cookie": "c", "X-Own": "own" });
    let posted = |url: &str| ask_with(&node, A, &http("POST", url, &secret), Some("body")).1;
    for status in [301, 302, 303] {
        let came = posted(&web.url(&format!("/redirect/{status}//echo")));
        assert!(
            came.starts_with("GET /echo ") && !came.contains("body") && came.contains("secret"),
            "{status}: {came}"
        );
    }
    for status in [307, 308] {
        let came = posted(&web.url(&format!("/redirect/{status}//echo")));
        assert!(
            came.starts_with("POST /echo ") && came.ends_with("body") && came.contains("secret"),
            "{status}: {came}"
        );
    }
    // What was for one host is not for another, and a port is another.
    let came = posted(&web.url(&format!("/redirect/307/{}", other.url("/echo"))));
    assert!(came.contains("x-own") && !came.contains("secret") && !came.contains("cookie"), "{came}");
    // What leads nowhere is the answer.
    assert_eq!(status(&get(&node, A, &web.url("/redirect/302/file:///etc/passwd"))), 302);
    let twice = web.url("/redirect/302//redirect/302//redirect/302//json");
    assert_eq!(status(&get(&node, A, &twice)), 200);
    let (node, before) = (self::node("redirects_max = 2\n"), web.requests().len());
    assert!(failed(&get(&node, A, &twice)).contains("more than 2 redirects"));
    assert_eq!(web.requests().len(), before + 3);
}

#[test]
fn s4_a_guest_cannot_reach_the_node_itself() {
    // A whole network is allowed, and the node happens to be in it.
    let (node, web) = (node(""), Web::start());
    assert_eq!(status(&get(&node, A, &web.url("/json"))), 200);
    let port = node.url().rsplit(':').next().unwrap().to_owned();
    let hosts = [
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "127.1",
        "127.0.0.2",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "user:password@127.0.0.1",
        "１２７.0.0.1",
    ];
    let rpc = |host: &str| format!("http://{host}:{port}/rpc:distro:sys/message");
    let shutdown = json!({ "node": null, "process": "kernel:distro:sys", "body": "\"Shutdown\"" }).to_string();
    for host in hosts {
        let post = http("POST", &rpc(host), &json!({ "Content-Type": "application/json" }));
        let reason = ask_with(&node, A, &post, Some(&shutdown));
        assert!(failed(&reason).contains("private_hosts"), "{host}: {reason:?}");
        let socket = format!("ws://{host}:{port}/");
        assert_eq!(ask(&node, A, &open(&socket, 1)).0["Err"], json!({ "WsOpenFailed": { "url": socket } }));
    }
    let reason = get(&node, A, &web.url(&format!("/redirect/307/{}", rpc("127.0.0.1"))));
    assert!(failed(&reason).contains("private_hosts"), "{reason:?}");
    node.wait_for_log(&[A, "private_hosts"]);
    node.assert_serves();
}

#[test]
fn s4_nothing_but_public_addresses_is_reached_unless_settings_say_so() {
    let web = Web::start();
    let refused = |node: &Node, url: &str| failed(&get(node, A, url)).contains("private_hosts");
    let node = node_with("");
    for host in ["127.0.0.1", "localhost", "0177.0.0.1", "[::ffff:7f00:1]"] {
        assert!(refused(&node, &format!("http://{host}:{}/json", web.port())), "{host}");
    }
    for host in ["169.254.169.254", "10.0.0.1", "100.64.0.1", "[fe80::1]", "[fd00::1]", "[64:ff9b::a00:1]", "224.0.0.1"]
    {
        assert!(refused(&node, &format!("http://{host}/")), "{host}");
        assert!(ask(&node, A, &open(&format!("ws://{host}/"), 1)).0["Err"].get("WsOpenFailed").is_some(), "{host}");
    }
    assert_eq!(web.connections(), 0);
    // One port of one address, for one package.
    let host = web.host();
    let node = node_with(&format!("[packages.\"prober:test.os\".http_client_limits]\nprivate_hosts = ['{host}']"));
    let other = Web::start();
    assert_eq!(status(&get(&node, A, &web.url("/json"))), 200);
    assert!(refused(&node, &other.url("/json")));
    assert!(refused(&node, &web.url(&format!("/redirect/302/{}", other.url("/json")))));
    assert_eq!(other.connections(), 0);
    let node = node_with(&format!("[packages.\"other:test.os\".http_client_limits]\nprivate_hosts = ['{host}']"));
    assert!(refused(&node, &web.url("/json")));
}

#[test]
fn s7_only_holders_of_the_capability_are_heard() {
    let (node, web) = (node(""), Web::start());
    // In the reference whoever can send to the client asks in the node's name, also from other nodes. Here a process of
    // this node without the capability does not get through, and neither does a message that names another node.
    let body = http("GET", &web.url("/json"), &json!({})).to_string();
    let message = json!({ "node": "far.os", "process": CLIENT, "expects_response": 5, "body": body });
    assert!(node.rpc(&message).send().unwrap().status() != 200);
    let child = json!({ "name": "bare", "path": wharf_tests::prober::WASM, "on_exit": "None", "public": true });
    node.run(A, json!([{ "Spawn": child }]));
    let outcome = node.last("bare:prober:test.os", json!([step(&http("GET", &web.url("/json"), &json!({})), None)]));
    assert_eq!(outcome["kind"], "error", "{outcome}");
    assert_eq!(web.connections(), 0);
    assert!(node.process(HERMIT).is_some());
}

#[test]
fn a_process_with_capabilities_for_hosts_is_held_to_them() {
    let (node, web) = (node(""), Web::start());
    let by_name = format!("http://localhost:{}/json", web.port());
    let by_number = web.url("/json");
    let outcome = |prober| [&by_name, &by_number].map(|url| get(&node, prober, url).0.get("Ok").is_some());
    assert_eq!(outcome(A), [true, true]);
    grant(&node, A, "*.example.com");
    assert_eq!((outcome(A), outcome(B)), ([false, false], [true, true]));
    assert!(failed(&get(&node, A, &by_name)).contains("not among the hosts"));
    grant(&node, A, "localhost");
    assert_eq!(outcome(A), [true, false]);
    // The redirect asks for a host of its own, and so does a WebSocket.
    let away = format!("http://localhost:{}/redirect/302/{by_number}", web.port());
    assert!(failed(&get(&node, A, &away)).contains("not among the hosts"));
    assert!(ask(&node, A, &open(&web.ws("/ws"), 1)).0["Err"].get("WsOpenFailed").is_some());
    grant(&node, A, "*");
    assert_eq!(outcome(A), [true, true]);
}

#[test]
fn hosts_and_ungranted_hosts() {
    let web = Web::start();
    let by_name = format!("http://localhost:{}/json", web.port());
    let outcome = |node: &Node| [&by_name, &web.url("/json")].map(|url| get(node, A, url).0.get("Ok").is_some());
    let strict = node("ungranted_hosts = []\n");
    assert_eq!(outcome(&strict), [false, false]);
    grant(&strict, A, "localhost");
    assert_eq!(outcome(&strict), [true, false]);
    let own = "[packages.\"prober:test.os\".http_client_limits]\n";
    assert_eq!(outcome(&node(&format!("ungranted_hosts = []\n{own}ungranted_hosts = ['127.0.0.1']"))), [false, true]);
    let narrowed = node(&format!("{own}hosts = ['localhost']"));
    grant(&narrowed, A, "*");
    assert_eq!(outcome(&narrowed), [true, false]);
}

/// An authority, as the PEM of its certificate, and a server for `localhost` that it vouches for.
fn tls_server() -> (String, rustls::ServerConfig) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = server.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    (pem, config)
}

#[test]
fn ca_files_are_trusted_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (pem, config) = tls_server();
    std::fs::write(&file, pem).unwrap();
    let web = Web::with_tls(config);
    let (by_name, by_number) =
        (format!("https://localhost:{}/json", web.port()), format!("https://{}/json", web.host()));
    let trusting = node(&format!("ca_files = ['{}']\n", file.display()));
    let answer = get(&trusting, A, &by_name);
    assert_eq!((status(&answer), answer.1.as_str()), (200, "[1,2,3]"));
    assert!(failed(&get(&trusting, A, &by_number)).contains("certificate"));
    assert!(failed(&get(&node(""), A, &by_name)).contains("certificate"));
    let missing = format!("[http_client_limits]\nca_files = ['{}']\n", folder.path().join("none.pem").display());
    let ended = Node::builder().settings(&missing).fail();
    assert!(String::from_utf8_lossy(&ended.stderr).contains("none.pem"), "{ended:?}");
}

#[test]
fn http_2_is_spoken_where_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let (pem, mut config) = tls_server();
    std::fs::write(&file, pem).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (secure, plain) = (web_two::start(Some(config)), web_two::start(None));
    let node = node(&format!("ca_files = ['{}']\n", file.display()));
    let ask_for = |version: Value, url: String| {
        let action = json!({ "Http": { "method": "GET", "version": version, "url": url, "headers": {} } });
        ask(&node, A, &action)
    };
    for version in [Value::Null, json!("HTTP/2.0")] {
        let answer = ask_for(version, format!("https://localhost:{secure}/x"));
        assert_eq!((status(&answer), answer.1.as_str()), (200, "HTTP/2.0 /x"));
    }
    assert_eq!(ask_for(json!("HTTP/2.0"), format!("http://127.0.0.1:{plain}/y")).1, "HTTP/2.0 /y");
    let (one, web) = (format!("https://localhost:{secure}/x"), Web::start());
    assert!(ask_for(json!("HTTP/1.1"), one).0.get("Err").is_some());
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        assert!(ask_for(json!(version), web.url("/echo")).1.starts_with(&format!("GET /echo {version}\r\n")));
    }
}

#[test]
fn received_bytes_max_and_receiving_bytes_max() {
    let (small, web) = (node("received_bytes_max = 8192\n"), Web::start());
    for path in ["/bytes/8192", "/chunks/8"] {
        assert_eq!(get(&small, A, &web.url(path)).1.len(), 8192);
    }
    // The last one never ends: what is over the bound is not read.
    for path in ["/bytes/8193", "/chunks/9", "/endless"] {
        assert!(failed(&get(&small, A, &web.url(path))).contains("received_bytes_max is 8192"), "{path}");
    }
    eventually("nobody reads on", || (web.open() <= 1).then_some(()));
    let node = node("receiving_bytes_max = 8192\n");
    assert_eq!(get(&node, A, &web.url("/chunks/8")).1.len(), 8192);
    assert!(failed(&get(&node, A, &web.url("/endless"))).contains("receiving_bytes_max is 8192"));
    // What was taken of it is given back.
    assert_eq!(get(&node, A, &web.url("/chunks/8")).1.len(), 8192);
}

#[test]
fn sent_bytes_max_and_received_header_bytes_max() {
    let (node, web) = (node("sent_bytes_max = 100\nreceived_header_bytes_max = 8192\n"), Web::start());
    let post = http("POST", &web.url("/echo"), &json!({}));
    assert_eq!(status(&ask_with(&node, A, &post, Some(&"x".repeat(100)))), 200);
    assert!(failed(&ask_with(&node, A, &post, Some(&"x".repeat(101)))).contains("sent_bytes_max is 100"));
    assert_eq!(web.requests().len(), 1);
    let far = format!("/redirect/200/{}", "x".repeat(9_000));
    assert!(get(&node, A, &web.url(&far)).0.get("Err").is_some());
}

#[test]
fn request_ms_max_and_the_requesters_own_timeout() {
    let (hasty, web) = (node("request_ms_max = 200\n"), Web::start());
    assert!(failed(&get(&hasty, A, &web.url("/silent"))).contains("200 ms"));
    assert!(ask(&hasty, A, &open(&web.ws("/silent"), 1)).0["Err"].get("WsOpenFailed").is_some());
    let patient = node("");
    let silent = json!({ "to": CLIENT, "expects": 1, "body": http("GET", &web.url("/silent"), &json!({})) });
    patient.run(A, json!([{ "Await": silent }]));
    eventually("all of them were given up", || (web.open() == 0).then_some(()));
}

#[test]
fn client_process_requests_max_and_client_requests_max() {
    let (few, web) = (node("client_process_requests_max = 2\n"), Web::start());
    let silent = json!({ "to": CLIENT, "expects": FOREVER_S, "body": http("GET", &web.url("/silent"), &json!({})) });
    few.run(A, json!([{ "Send": silent }, { "Send": silent }]));
    eventually("two are under way", || (web.open() == 2).then_some(()));
    assert!(failed(&get(&few, A, &web.url("/json"))).contains("client_process_requests_max is 2"));
    assert_eq!(status(&get(&few, B, &web.url("/json"))), 200);
    let (node, web) = (node("client_requests_max = 1\n"), Web::start());
    let silent = json!({ "to": CLIENT, "expects": FOREVER_S, "body": http("GET", &web.url("/silent"), &json!({})) });
    node.run(A, json!([{ "Send": silent }]));
    eventually("one is under way", || (web.open() == 1).then_some(()));
    assert!(failed(&get(&node, B, &web.url("/json"))).contains("client_requests_max is 1"));
}

#[test]
fn slow_servers_hold_up_nobody() {
    let (node, web) = (node(""), Web::start());
    let silent = json!({ "to": CLIENT, "expects": FOREVER_S, "body": http("GET", &web.url("/silent"), &json!({})) });
    let opening = json!({ "to": CLIENT, "expects": FOREVER_S, "body": open(&web.ws("/silent"), 1) });
    node.run(A, json!([{ "Send": silent }, { "Send": opening }]));
    eventually("both wait", || (web.open() == 2).then_some(()));
    // Neither the same process nor others, and neither requests nor WebSockets.
    for prober in [A, B] {
        assert_eq!(status(&get(&node, prober, &web.url("/json"))), 200);
        assert_eq!(ask(&node, prober, &open(&web.ws("/ws"), 2)).0, json!({ "Ok": "WebSocketAck" }));
    }
}

#[test]
fn what_a_process_began_ends_with_it() {
    let (node, web) = (node(""), Web::start());
    let silent = json!({ "to": CLIENT, "expects": FOREVER_S, "body": http("GET", &web.url("/silent"), &json!({})) });
    let opening = json!({ "to": CLIENT, "expects": FOREVER_S, "body": open(&web.ws("/silent"), 1) });
    node.run(A, json!([step(&open(&web.ws("/ws"), 2), None), { "Send": silent }, { "Send": opening }]));
    eventually("all three wait", || (web.open() == 3).then_some(()));
    node.start_steps(A, json!([{ "Panic": "the end of this life" }]));
    eventually("all are closed", || (web.open() == 0).then_some(()));
    node.wait_for_restarts(A, 1);
    // The next life has none of them.
    assert_eq!(
        ask_with(&node, A, &push(2), Some("x")).0,
        json!({ "Err": { "WsPushUnknownChannel": { "channel_id": 2 } } })
    );
    assert_eq!(ask(&node, A, &open(&web.ws("/ws"), 2)).0, json!({ "Ok": "WebSocketAck" }));
}

#[test]
fn a_socket_belongs_to_the_process_that_opened_it() {
    let (node, web) = (node("client_process_sockets_max = 2\n"), Web::start());
    let acknowledged = json!({ "Ok": "WebSocketAck" });
    for prober in [A, B] {
        assert_eq!(ask(&node, prober, &open(&web.ws("/ws"), 1)).0, acknowledged);
    }
    for (prober, text) in [(A, "of a"), (B, "of b")] {
        assert_eq!(ask_with(&node, prober, &push(1), Some(text)).0, acknowledged);
    }
    for (prober, text) in [(A, "of a"), (B, "of b")] {
        let seen = eventually("the text came back", || node.seen(prober).pop());
        assert!(seen.to_string().contains(text), "{seen}");
        assert!(seen["body"].as_str().unwrap().contains(r#"{"WebSocketPush":{"channel_id":1,"message_type":"Text"}}"#));
    }
    assert_eq!(ask(&node, A, &open(&web.ws("/ws"), 2)).0, acknowledged);
    assert_eq!(
        ask_with(&node, B, &push(2), Some("x")).0["Err"],
        json!({ "WsPushUnknownChannel": { "channel_id": 2 } })
    );
    // The third is one too many; another under the same number takes the place of the one before.
    assert!(ask(&node, A, &open(&web.ws("/ws"), 3)).0["Err"].get("WsOpenFailed").is_some());
    assert_eq!(ask(&node, A, &open(&web.ws("/ws"), 2)).0, acknowledged);
    eventually("three are open", || (web.open() == 3).then_some(()));
    assert_eq!(ask(&node, A, &json!({ "WebSocketClose": { "channel_id": 2 } })).0, acknowledged);
    assert_eq!(ask(&node, A, &open(&web.ws("/ws"), 3)).0, acknowledged);
}

#[test]
fn messages_of_a_socket_are_bounded_and_checked() {
    let (node, web) = (node("socket_message_bytes_max = 1000\n"), Web::start());
    ask(&node, A, &open(&web.ws("/ws"), 1));
    let too_large = ask_with(&node, A, &push(1), Some(&"x".repeat(1001)));
    assert!(failed(&too_large).contains("socket_message_bytes_max is 1000"));
    assert_eq!(ask(&node, A, &push(1)).0, json!({ "Err": "WsPushNoBlob" }));
    let ping = |bytes: usize| {
        let action = json!({ "WebSocketPush": { "channel_id": 1, "message_type": "Ping" } });
        ask_with(&node, A, &action, Some(&"x".repeat(bytes))).0.get("Ok").is_some()
    };
    assert!(ping(125) && !ping(126));
    // Everything that was sent comes back, in order.
    let texts: Vec<String> = (0..200).map(|n| format!("text {n}")).collect();
    let steps = texts.iter().map(|text| json!({ "Send": { "to": CLIENT, "body": push(1), "blob": text } }));
    node.run(A, steps.collect());
    let mut came = Vec::new();
    eventually("all came back", || {
        came.extend(node.seen(A));
        (came.len() >= 201).then_some(())
    });
    let all = json!(came).to_string();
    let places: BTreeMap<_, _> = texts.iter().map(|text| (all.find(&format!("\"{text}\"")).unwrap(), text)).collect();
    assert!(places.values().copied().eq(texts.iter()), "{all}");
}
