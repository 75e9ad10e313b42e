//! Pins that bodies of any length pass through a process, that the node holds little of them, and whose they are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::blocking::{Body, Client};
use serde_json::{Value, json};
use wharf_tests::prober::{A, B};
use wharf_tests::{Node, eventually, paths};

const SERVER: &str = "http-server:distro:sys";
const LONG: u64 = 100 << 20;

/// A node with a process that gives and takes bodies at `/http:bench:wharf.os/bytes`.
fn node() -> Node {
    let node = Node::builder().settings("").start();
    node.install(&paths::package("bench:wharf.os"));
    eventually("the process gives bodies", || {
        (node.get("/http:bench:wharf.os/bytes?give=2") == (200, "xx".to_owned())).then_some(())
    });
    node
}

fn url(node: &Node, query: &str) -> String {
    format!("{}/http:bench:wharf.os/bytes{query}", node.url())
}

/// For bodies that take longer than a test usually waits.
fn patient() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(600)).build().unwrap()
}

#[test]
fn long_bodies_pass_both_ways_and_the_node_holds_little_of_them() {
    let (node, client) = (node(), patient());
    // Once for what is allocated at first use, and stays.
    for bytes in [1 << 20, LONG] {
        node.forget_memory_peak();
        let before = node.memory_peak_kib();
        let mut answer = client.get(url(&node, &format!("?give={bytes}"))).send().unwrap();
        assert_eq!(std::io::copy(&mut answer, &mut std::io::sink()).unwrap(), bytes);
        let body = Body::new(std::io::repeat(b'x').take(bytes));
        let counted = client.post(url(&node, "")).body(body).send().unwrap();
        assert_eq!(counted.text().unwrap(), bytes.to_string());
        let grown = node.memory_peak_kib().saturating_sub(before);
        assert!(grown < 32 << 10, "{grown} KiB more for bodies of {bytes} bytes");
    }
}

/// The process waits for the client, and the web for neither.
#[test]
fn a_client_that_stops_reading_holds_up_only_its_process() {
    let node = node();
    node.install(&paths::test_package("prober:test.os"));
    let mut slow = TcpStream::connect(node.url().strip_prefix("http://").unwrap()).unwrap();
    slow.write_all(
        format!("GET /http:bench:wharf.os/bytes?give={LONG} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes(),
    )
    .unwrap();
    let mut head = [0; 15];
    slow.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert_eq!(node.get("/counter").0, 404);
    assert!(node.last(A, json!(["Our"])).as_str().is_some_and(|our| our.ends_with(A)));
    // Its process is free again as soon as it goes.
    drop(slow);
    eventually("the process answers", || (node.get("/http:bench:wharf.os").0 == 200).then_some(()));
}

fn act(node: &Node, prober: &str, action: &Value) -> Value {
    let step = json!([{ "Await": { "to": SERVER, "body": action } }]);
    let outcome = node.run_with_blob(prober, step, Some("x")).pop().unwrap();
    serde_json::from_str(outcome["body"].as_str().unwrap_or_else(|| panic!("{outcome}"))).unwrap()
}

#[test]
fn a_stream_is_its_processs_alone_and_ends_with_it() {
    let node = Node::builder().settings("[http_limits]\nanswer_wait = 600").start();
    node.install(&paths::test_package("prober:test.os"));
    let bind = json!({ "StreamBind": { "path": "/s", "authenticated": false, "local_only": false } });
    assert_eq!(act(&node, A, &bind), json!({ "Ok": null }));
    let mut client = TcpStream::connect(node.url().strip_prefix("http://").unwrap()).unwrap();
    client
        .write_all(
            format!("POST /{A}/s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 9\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let number = eventually("the process is asked", || {
        node.seen(A).into_iter().find_map(|seen| {
            let body: Value = serde_json::from_str(seen["body"].as_str()?).ok()?;
            body["Http"]["stream"].as_u64()
        })
    });
    for action in ["StreamRead", "StreamWrite", "StreamEnd", "StreamAbort"] {
        assert_eq!(act(&node, B, &json!({ action: number })), json!({ "Err": "StreamNotFound" }), "{action}");
    }
    client.write_all(b"123456789").unwrap();
    assert_eq!(act(&node, A, &json!({ "StreamRead": number })), json!({ "Ok": null }));
    node.wharf(&["kill", A]).ok();
    let mut answer = String::new();
    let _ = client.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 502 Bad Gateway"), "{answer}");
}
