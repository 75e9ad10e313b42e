//! Pins what processes and their clients can rely on about the web: whose WebSockets and answers are whose, and that
//! nobody who is slow, or floods, holds up anyone else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_tests::prober::{A, B, silently};
use wharf_tests::socket::{BINARY, FIN, TEXT};
use wharf_tests::{Node, Socket, eventually, paths};

const SERVER: &str = "http-server:distro:sys";

fn node(settings: &str) -> Node {
    let node = Node::builder().settings(settings).start();
    node.install(&paths::test_package("prober:test.os"));
    node
}

/// What the server answers a prober's request.
fn act(node: &Node, prober: &str, action: Value, blob: Option<&str>) -> Value {
    let step = json!([{ "Await": { "to": SERVER, "body": action, "inherit": true } }]);
    let outcome = node.run_with_blob(prober, step, blob).pop().unwrap();
    serde_json::from_str(outcome["body"].as_str().unwrap_or_else(|| panic!("{outcome}"))).unwrap()
}

fn ok() -> Value {
    json!({ "Ok": null })
}

fn bind(node: &Node, prober: &str, path: &str) {
    let bind = json!({ "path": path, "authenticated": false, "local_only": false, "cache": false });
    assert_eq!(act(node, prober, json!({ "Bind": bind }), None), ok());
}

fn bind_sockets(node: &Node, prober: &str) {
    let bind = json!({ "path": "/ws", "authenticated": false, "extension": false });
    assert_eq!(act(node, prober, json!({ "WebSocketBind": bind }), None), ok());
}

/// Bodies and blobs of what a prober was told by the server since it was last asked.
fn told(node: &Node, prober: &str) -> Vec<(Value, Option<String>)> {
    let seen = node.seen(prober).into_iter().filter(|seen| seen["source"] == format!("local.os@{SERVER}"));
    let told = seen.map(|seen| {
        let body = serde_json::from_str(seen["body"].as_str().unwrap()).unwrap();
        (body, seen["blob"].as_str().map(str::to_owned))
    });
    told.collect()
}

/// Opens a WebSocket of a prober; returns its number, too.
fn open(node: &Node, prober: &str) -> (Socket, u64) {
    let socket = Socket::open(node, &format!("/{prober}/ws"));
    let told = told(node, prober);
    let opened = told.iter().find_map(|(body, _)| body["WebSocketOpen"]["channel_id"].as_u64());
    (socket, opened.unwrap_or_else(|| panic!("{told:?}")))
}

fn push(channel: u64, kind: &str) -> Value {
    json!({ "WebSocketPush": { "channel_id": channel, "message_type": kind } })
}

#[test]
fn a_websocket_is_that_of_the_process_that_bound_the_path() {
    let node = node("");
    bind_sockets(&node, A);
    bind_sockets(&node, B);
    let (mut socket, channel) = open(&node, A);
    // Another process cannot write to it, nor close it, nor learn that it is there.
    let unknown = json!({ "Err": "WsChannelNotFound" });
    assert_eq!(act(&node, B, push(channel, "Text"), Some("forged")), unknown);
    assert_eq!(act(&node, B, json!({ "WebSocketClose": channel }), None), ok());
    assert_eq!(act(&node, B, push(channel, "Close"), None), ok());
    assert_eq!(act(&node, A, push(channel, "Text"), Some("real")), ok());
    assert_eq!(socket.read(), Some((FIN | TEXT, b"real".to_vec())));

    socket.send(FIN | TEXT, b"one");
    socket.send(FIN | BINARY, b"two");
    let mut seen = Vec::new();
    eventually("both frames came", || {
        seen.extend(told(&node, A));
        (seen.len() == 2).then_some(())
    });
    assert_eq!(seen, [(push(channel, "Text"), Some("one".into())), (push(channel, "Binary"), Some("two".into()))]);
    assert!(told(&node, B).is_empty());
}

/// The next life of a process does not inherit what it knows nothing of.
#[test]
fn websockets_end_with_the_life_of_their_process() {
    let node = node("");
    bind_sockets(&node, A);
    let (mut socket, channel) = open(&node, A);
    node.start_steps(A, json!([{ "Panic": "as the test asks" }]));
    assert_eq!(socket.closed(), Some(1001));
    node.wait_for_restarts(A, 1);
    assert_eq!(act(&node, A, push(channel, "Text"), Some("x")), json!({ "Err": "WsChannelNotFound" }));
    assert!(told(&node, A).is_empty());
}

/// C2: in the reference, this ends the node.
#[test]
fn c2_a_push_of_type_close_with_a_blob_closes_the_socket_and_nothing_else() {
    let node = node("");
    bind_sockets(&node, A);
    let (mut socket, channel) = open(&node, A);
    assert_eq!(act(&node, A, push(channel, "Close"), Some("a blob")), ok());
    assert_eq!(socket.closed(), Some(1000));
    eventually("it is told", || told(&node, A).contains(&(json!({ "WebSocketClose": channel }), None)).then_some(()));
    assert_eq!(act(&node, A, push(12_345, "Close"), Some("a blob")), ok());
    node.assert_serves();
}

/// S24: in the reference, any process that knows the id of a request can answer it.
#[test]
fn s24_only_the_process_that_was_asked_answers() {
    let node = node("");
    bind(&node, A, "/mine");
    let answer = |text: &str| json!({ "Respond": { "body": { "status": 200, "headers": {} }, "blob": text } });
    // While A has the request, B is made to answer: what it is handling is A's message, and that is all it answers.
    let forge = json!({ "Do": [answer("forged"), answer("forged")], "answer": "later" });
    node.start_steps(A, json!(["Receive", { "Await": { "to": B, "body": forge } }, answer("from A")]));
    assert_eq!(node.get(&format!("/{A}/mine")), (200, "from A".to_owned()));
}

#[test]
fn several_cookies_survive() {
    let node = node("");
    bind(&node, A, "/login");
    let cookies = json!(["a=1; HttpOnly", "b=2"]);
    let body = json!({ "status": 200, "headers": { "Set-Cookie": cookies, "Content-Length": "1" } });
    node.start_steps(A, json!(["Receive", { "Respond": { "body": body, "blob": "hello" } }]));
    let response = node.http().get(format!("{}/{A}/login", node.url())).send().unwrap();
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
    assert_eq!(response.text().unwrap(), "hello");
}

#[test]
fn a_process_that_does_not_answer_is_a_504_and_one_with_too_much_to_do_a_429() {
    let node = node("[http_limits]\nanswer_wait = 1\nprocess_requests_max = 1");
    bind(&node, A, "/");
    let ask = || node.http().get(format!("{}/{A}/x", node.url())).send().unwrap();
    let refused = eventually("of three requests at once one is too many", || {
        let answers: Vec<_> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..3).map(|_| scope.spawn(ask)).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| [429, 504].contains(&answer.status().as_u16())), "{answers:?}");
        answers.into_iter().find(|answer| answer.status() == 429)
    });
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(refused.json::<Value>().unwrap()["error"].as_str().unwrap().contains(A));
    assert_eq!(ask().status(), 504);
}

/// A client that reads nothing is let go; the process, and who else is connected, do not notice.
#[test]
fn a_slow_client_holds_up_nobody() {
    let node = node("[http_limits]\nsocket_queue_frames_max = 64\nsocket_close_wait = 0");
    bind_sockets(&node, A);
    let (slow, slow_channel) = open(&node, A);
    let (mut other, channel) = open(&node, A);
    let block = "x".repeat(64 << 10);
    let flood =
        json!({ "Flood": { "count": 100, "to": SERVER, "body": push(slow_channel, "Binary"), "inherit": true } });
    // It wants no answer: what the server answers would go to whoever waits for one, since the blob is inherited.
    let flood = json!({
        "process": A,
        "body": silently(json!([flood])).to_string(),
        "mime": "application/octet-stream",
        "data": BASE64_STANDARD.encode(block),
    });
    let closed = (json!({ "WebSocketClose": slow_channel }), None);
    // The buffers of the operating system take some.
    eventually("the process is told that the slow one is gone", || {
        eventually("the process takes it", || node.try_send(&flood).then_some(()));
        assert_eq!(act(&node, A, push(channel, "Text"), Some("still here")), ok());
        assert_eq!(other.read(), Some((FIN | TEXT, b"still here".to_vec())));
        told(&node, A).contains(&closed).then_some(())
    });
    assert_eq!(act(&node, A, push(slow_channel, "Text"), Some("x")), json!({ "Err": "WsChannelNotFound" }));
    drop(slow);
}

/// A process that does not read its messages holds up its own clients, and loses nothing of what they send.
#[test]
fn a_slow_process_holds_up_only_its_own_clients() {
    const FRAMES: usize = 2_000;
    let node = node("[limits]\nmailbox_messages_max = 8");
    bind_sockets(&node, A);
    bind_sockets(&node, B);
    let (mut socket, channel) = open(&node, A);
    let (mut other, other_channel) = open(&node, B);
    node.start_steps(A, json!([{ "Compute": 2_000 }]));
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..FRAMES).for_each(|n| socket.send(FIN | TEXT, n.to_string().as_bytes())));
        assert_eq!(act(&node, B, push(other_channel, "Text"), Some("still here")), ok());
        assert_eq!(other.read(), Some((FIN | TEXT, b"still here".to_vec())));
        eventually("all of it came", || {
            seen.extend(told(&node, A));
            (seen.len() == FRAMES).then_some(())
        });
    });
    for (n, (body, blob)) in seen.iter().enumerate() {
        assert_eq!((body, blob.as_deref()), (&push(channel, "Text"), Some(n.to_string().as_str())));
    }
}

/// Connections that never finish a request take up no more than their bound.
#[test]
fn half_open_requests_lock_nobody_out() {
    let node = node("[http_limits]\nconnections_max = 150\nlocal_connections_max = 32");
    bind(&node, A, "/");
    let half_open: Vec<_> = (0..150).map(|_| half_open(&node)).collect();
    let respond = json!({ "Respond": { "body": { "status": 200, "headers": {} }, "blob": "answered" } });
    for _ in 0..10 {
        node.start_steps(A, json!(["Receive", respond.clone()]));
        assert_eq!(node.get(&format!("/{A}")), (200, "answered".to_owned()));
    }
    drop(half_open);
}

/// And not for ever.
#[test]
fn half_open_requests_are_ended() {
    let node = node("[http_limits]\nheader_wait = 1");
    let half_open: Vec<_> = (0..50).map(|_| half_open(&node)).collect();
    // Each is ended by the node, with an answer or without.
    for mut stream in half_open {
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&rest)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
    }
}

/// Slowloris: who sends a byte of a header now and then is not idle, and is let go all the same; nobody else notices.
#[test]
fn who_sends_a_request_byte_by_byte_is_let_go_and_others_are_served() {
    let node = node("[http_limits]\nheader_wait = 1");
    let page = json!({ "path": "/", "authenticated": false, "local_only": false, "cache": true });
    let bind = json!([{ "Await": { "to": SERVER, "body": { "Bind": page }, "blob": "served" } }]);
    node.run(A, bind);
    let mut slow: Vec<_> = (0..200).map(|_| half_open(&node)).collect();
    slow.iter().for_each(|stream| stream.set_nonblocking(true).unwrap());
    eventually("all are let go", || {
        assert_eq!(node.get(&format!("/{A}")), (200, "served".to_owned()));
        slow.retain_mut(|stream| {
            // What the node closed does not take bytes for long, and says so when it is read.
            let is_taken = stream.write(b"x").is_ok();
            let is_open = matches!(stream.read(&mut [0; 512]), Err(error) if error.kind() == ErrorKind::WouldBlock);
            is_taken && is_open
        });
        slow.is_empty().then_some(())
    });
}

fn half_open(node: &Node) -> TcpStream {
    let mut stream = node.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").unwrap();
    stream
}
