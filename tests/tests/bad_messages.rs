//! Pins what comes back for messages that cannot be handled: an answer, at once, that says why. Silence would cost
//! whoever waits for it their whole time limit.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "fails the test")]

use serde_json::{Value, json};
use wharf_tests::Node;
use wharf_tests::prober::{A, B, C, program};
use wharf_types::rpc::{RPC_PATH, RpcRefusal, RpcRefusalKind};

/// Longer than any test may take: an answer that comes at all came at once.
const FOREVER_S: u64 = 600;

/// A request to the endpoint that should be refused.
fn refused(request: reqwest::blocking::RequestBuilder) -> (u16, RpcRefusalKind) {
    let response = request.send().unwrap();
    let (status, body) = (response.status().as_u16(), response.text().unwrap());
    let refusal: RpcRefusal = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status}: {error}: {body}"));
    assert!(!refusal.error.is_empty());
    (status, refusal.kind)
}

fn to_prober() -> Value {
    json!({ "process": A, "expects_response": FOREVER_S, "body": program(json!(["Our"])).to_string() })
}

#[test]
fn a_message_to_nobody_is_refused_at_once() {
    let node = Node::start();
    let refusal = node.send("nobody:here:test.os", "x", None, FOREVER_S).unwrap_err();
    assert_eq!(refusal.kind, RpcRefusalKind::NoSuchProcess);
    assert!(refusal.error.contains("nobody:here:test.os"), "{}", refusal.error);
    let without_answer = json!({ "process": "nobody:here:test.os", "body": "x" });
    assert_eq!(refused(node.rpc(&without_answer)), (404, RpcRefusalKind::NoSuchProcess));
    let shown = node.wharf(&["send", "--timeout", "600", "nobody:here:test.os", "x"]).failed(1);
    assert!(shown.contains("nobody:here:test.os"), "{shown}");
    assert_eq!(node.wharf(&["kill", "nobody:here:test.os"]).code, 1);
}

#[test]
fn the_endpoint_refuses_whoever_does_not_show_the_token() {
    let node = Node::with_prober();
    let url = format!("{}{RPC_PATH}", node.url());
    let (http, message) = (node.http(), to_prober());
    assert_eq!(refused(http.post(&url).json(&message)), (401, RpcRefusalKind::Unauthorized));
    for token in ["", "x", &node.token().to_uppercase(), &format!("{}0", node.token())] {
        assert_eq!(refused(http.post(&url).bearer_auth(token).json(&message)), (401, RpcRefusalKind::Unauthorized));
    }
    assert!(node.rpc(&message).send().unwrap().status().is_success());
}

#[test]
fn s5_the_endpoint_refuses_web_pages_and_other_host_names() {
    let node = Node::with_prober();
    let url = format!("{}{RPC_PATH}", node.url());
    let message = to_prober();
    for (header, value) in [
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let request = node.rpc(&message).header(header, value);
        assert_eq!(refused(request), (403, RpcRefusalKind::Forbidden), "{header}: {value}");
    }
    let form = node.http().post(&url).bearer_auth(node.token());
    for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let request = form.try_clone().unwrap().header("content-type", media_type).body(message.to_string());
        assert_eq!(refused(request), (415, RpcRefusalKind::UnsupportedMediaType));
    }
    assert_eq!(refused(node.http().get(&url).bearer_auth(node.token())), (405, RpcRefusalKind::MethodNotAllowed));
    assert_eq!(refused(node.http().get(&url)), (401, RpcRefusalKind::Unauthorized));
}

#[test]
fn s6_the_endpoint_refuses_what_a_proxy_passes_on() {
    let node = Node::with_prober();
    for header in ["x-forwarded-for", "x-real-ip", "forwarded", "via"] {
        let request = node.rpc(&to_prober()).header(header, "10.0.0.1");
        assert_eq!(refused(request), (403, RpcRefusalKind::Forbidden), "{header}");
    }
}

#[test]
fn the_endpoint_says_what_is_malformed() {
    let node = Node::start();
    let send = |body: &str| {
        let url = format!("{}{RPC_PATH}", node.url());
        let request = node.http().post(url).bearer_auth(node.token()).header("content-type", "application/json");
        refused(request.body(body.to_owned()))
    };
    let long_id = format!(r#"{{"process":"{}:b:c"}}"#, "a".repeat(100_000));
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{}",
        r#"{"process":7}"#,
        r#"{"process":"kernel"}"#,
        r#"{"process":"a:b"}"#,
        r#"{"process":"a:b:c:d"}"#,
        r#"{"process":"::"}"#,
        r#"{"process":"a:b:c","expects_response":-1}"#,
        r#"{"process":"a:b:c","expects_response":"5"}"#,
        r#"{"process":"a:b:c","body":{}}"#,
        r#"{"process":"a:b:c","data":"not base64!"}"#,
        &"[".repeat(200_000),
        &long_id,
    ] {
        assert_eq!(send(body), (400, RpcRefusalKind::Malformed), "{}", body.chars().take(80).collect::<String>());
    }
    let elsewhere = json!({ "node": "other.os", "process": "a:b:c", "expects_response": FOREVER_S });
    assert_eq!(refused(node.rpc(&elsewhere)), (502, RpcRefusalKind::Offline));
}

#[test]
fn every_module_answers_what_it_does_not_understand() {
    let node = Node::start();
    let modules = ["kernel", "vfs", "state", "http-server"].map(|name| format!("{name}:distro:sys"));
    let nested = "[".repeat(100_000);
    for process in modules.iter().map(String::as_str).chain(["main:app-store:sys"]) {
        for body in ["", "{", "null", "[]", "7", "\"NoSuchThing\"", r#"{"NoSuchThing":{}}"#, "\0\0\0", &nested] {
            let what = format!("{process} was sent {:?}", body.chars().take(40).collect::<String>());
            let reply =
                node.send(process, body, None, FOREVER_S).unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
            assert!(reply.json().get("Err").is_some(), "{what} and answered {}", reply.text());
        }
    }
    // The timer's answers have no body; what is wrong is in the metadata.
    for body in ["", "null", r#"{"SetTimer":-1}"#, r#"{"SetTimer":"1"}"#] {
        let reply = node.send("timer:distro:sys", body, None, FOREVER_S).unwrap();
        assert!(reply.failure().is_some(), "the timer was sent {body:?} and answered {}", reply.text());
    }
    node.assert_serves();
}

#[test]
fn commands_about_what_there_is_not_are_answered() {
    let node = Node::start();
    let nobody = "nobody:here:test.os";
    for command in [
        json!({ "KillProcess": nobody }),
        json!({ "KillProcess": "vfs:distro:sys" }),
        json!({ "KillProcess": "kernel:distro:sys" }),
        json!({ "GrantCapabilities": { "target": nobody, "capabilities": [] } }),
        json!({ "DropCapabilities": { "target": nobody, "capabilities": [] } }),
        json!({ "SetOnExit": { "target": nobody, "on_exit": "None" } }),
        json!("Booted"),
        json!("CheckComponent"),
    ] {
        let answer = node.ask("kernel:distro:sys", &command).json();
        assert!(answer.get("Err").is_some(), "{command}: {answer}");
    }
    assert_eq!(node.ask("kernel:distro:sys", &json!({ "RunProcess": nobody })).json(), "RunProcessError");
    let new = |id: &str| {
        json!({ "InitializeProcess": { "id": id, "wasm_bytes_handle": "", "wit_version": 1, "on_exit": "None",
            "initial_capabilities": [], "public": false } })
    };
    let without_blob = node.ask("kernel:distro:sys", &new("a:b:c.os"));
    assert_eq!(without_blob.json(), "InitializeProcessError");
    assert!(without_blob.failure().unwrap().contains("blob"));
    for id in ["Ab:b:c.os", "vfs:distro:sys", "a b:c:d.os"] {
        let reply = node.send("kernel:distro:sys", &new(id).to_string(), Some(b"x"), FOREVER_S).unwrap();
        assert!(reply.failure().is_some() || reply.json().get("Err").is_some(), "{id}: {}", reply.text());
    }
    node.assert_serves();
}

#[test]
fn a_message_over_the_limit_is_refused() {
    let settings = "[limits]\nbody_bytes_max = 100000\nblob_bytes_max = 1000\n";
    let node = Node::builder().settings(settings).own_cache().start();
    let refusal = node.send("kernel:distro:sys", &"x".repeat(100_001), None, FOREVER_S).unwrap_err();
    assert_eq!(refusal.kind, RpcRefusalKind::TooLarge);
    assert!(refusal.error.contains("100000"), "{}", refusal.error);
    let refusal = node.send("kernel:distro:sys", "x", Some(&[0; 1_001]), FOREVER_S).unwrap_err();
    assert_eq!(refusal.kind, RpcRefusalKind::TooLarge);
    node.assert_serves();
}

#[test]
fn a_guest_learns_at_once_that_its_message_is_over_the_limit() {
    let mut node = Node::with_prober();
    node.stop();
    std::fs::write(node.home().config(), "[limits]\nblob_bytes_max = 1000\n").unwrap();
    node.start_again();
    let blob = "x".repeat(1_001);
    let error = node.last(A, json!([{ "Await": { "to": B, "expects": FOREVER_S, "body": "x", "blob": blob } }]));
    assert_eq!((&error["kind"], &error["error"]), (&json!("error"), &json!("Timeout")));
    node.wait_for_log(&[A, "limit of 1000 bytes"]);
    assert_eq!(node.seen(B).len(), 0);
}

#[test]
fn a_full_mailbox_refuses_its_senders_and_hurts_nobody_else() {
    let node = Node::with_prober();
    // B waits for a timer, and takes nothing else in meanwhile.
    node.start_steps(
        B,
        json!([{ "Await": { "to": "timer:distro:sys", "expects": 3600, "body": { "SetTimer": 3_000_000 } } }]),
    );
    let flood = json!({ "Flood": { "count": 1100, "to": B, "body": "x" } });
    node.start_steps(A, json!([flood]));
    wharf_tests::eventually("the mailbox is full", || (node.process(B)?.mailbox >= 1_024).then_some(()));
    let refusal = node.send(B, "x", None, FOREVER_S).unwrap_err();
    assert_eq!(refusal.kind, RpcRefusalKind::MailboxFull);
    let error = node.last(C, json!([{ "Await": { "to": B, "expects": 1, "body": "x" } }]));
    assert_eq!(error["error"], "Timeout");
    assert_eq!(node.last(C, json!(["Our"])), wharf_tests::prober::address(C));
    node.wharf(&["kill", B]).ok();
    assert_eq!(node.send(B, "x", None, FOREVER_S).unwrap_err().kind, RpcRefusalKind::NoSuchProcess);
    node.run(A, json!([]));
}

#[test]
fn a_slow_process_does_not_keep_its_requester_beyond_the_time_limit() {
    let node = Node::with_prober();
    let refusal = node.send(A, "no program", None, 1).unwrap_err();
    assert_eq!(refusal.kind, RpcRefusalKind::Timeout);
    assert!(refusal.error.contains(A), "{}", refusal.error);
}
