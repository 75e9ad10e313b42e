//! The endpoint for tools.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use wharf_types::rpc::{RPC_PATH, RpcRefusal, RpcRefusalKind, RpcReply};

use super::world::{Reply, TOKEN, World};
use crate::HttpSettings;

async fn call(world: &World, message: &Value) -> Reply {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    world.send("POST", RPC_PATH, &headers, message.to_string().as_bytes()).await
}

fn kind(reply: &Reply) -> RpcRefusalKind {
    assert_eq!(reply.headers["content-type"], "application/json");
    serde_json::from_slice::<RpcRefusal>(&reply.body).unwrap().kind
}

fn to_web(url: &str, expects_response: Option<u64>) -> Value {
    json!({"node": null, "process": "web:distro:sys", "inherit": false, "expects_response": expects_response,
        "body": json!({"Http": {"url": url}}).to_string(), "metadata": "mine", "context": null,
        "mime": "text/plain", "data": "aGVsbG8="})
}

#[tokio::test]
async fn a_reply_has_the_shape_tools_know() {
    let world = World::new(HttpSettings::default()).await;
    let reply = call(&world, &to_web("echo", Some(15))).await;
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, "text/html"));
    let reply: RpcReply = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap()["status"], 200);
    assert_eq!(reply.metadata.as_deref(), Some("mine"));
    let blob = reply.lazy_load_blob.unwrap();
    assert_eq!(blob.mime.as_deref(), Some("seen"));
    let seen: Value = serde_json::from_slice(&BASE64_STANDARD.decode(&blob.bytes).unwrap()).unwrap();
    assert_eq!(seen["body"], "hello");
}

#[tokio::test]
async fn large_blobs_go_there_and_back() {
    let world = World::new(HttpSettings::default()).await;
    let mut message = to_web("echo", Some(15));
    let data = "x".repeat(300_000);
    message["data"] = BASE64_STANDARD.encode(&data).into();
    message["node"] = "a.os".into();
    let reply: RpcReply = serde_json::from_slice(&call(&world, &message).await.body).unwrap();
    let blob = BASE64_STANDARD.decode(reply.lazy_load_blob.unwrap().bytes).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&blob).unwrap()["body"], data);
}

#[tokio::test]
async fn who_wants_no_response_waits_for_nothing() {
    let world = World::new(HttpSettings::default()).await;
    let reply = call(&world, &to_web("silent", None)).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
}

#[tokio::test]
async fn failures_are_told_at_once_and_with_their_kind() {
    let world =
        World::new(HttpSettings { rpc_body_bytes_max: 1_000, rpc_reply_blob_bytes_max: 100, ..Default::default() })
            .await;
    let mut elsewhere = to_web("echo", Some(600));
    elsewhere["node"] = "b.os".into();
    let mut unknown = to_web("echo", Some(600));
    unknown["process"] = "ghost:x:y".into();
    let mut bad_data = to_web("echo", Some(600));
    bad_data["data"] = "=".into();
    let mut long = to_web("echo", Some(600));
    long["metadata"] = "x".repeat(1_000).into();
    for (message, status, expected) in [
        (elsewhere, 502, RpcRefusalKind::Offline),
        (unknown, 404, RpcRefusalKind::NoSuchProcess),
        (to_web("silent", Some(0)), 408, RpcRefusalKind::Timeout),
        (bad_data, 400, RpcRefusalKind::Malformed),
        (json!({"process": "not an id"}), 400, RpcRefusalKind::Malformed),
        (long, 413, RpcRefusalKind::TooLarge),
        (to_web("echo", Some(15)), 413, RpcRefusalKind::TooLarge),
    ] {
        let reply = call(&world, &message).await;
        assert_eq!((reply.status, kind(&reply)), (status, expected), "{message}");
    }
}

/// S4: whoever reaches the endpoint without the token, from wherever, reaches no process.
#[tokio::test]
async fn s4_nothing_gets_past_the_endpoint_without_the_token() {
    let world = World::new(HttpSettings::default()).await;
    let message = to_web("echo", Some(15)).to_string();
    let reply = world.send("POST", RPC_PATH, &[("Content-Type", "application/json")], message.as_bytes()).await;
    assert_eq!((reply.status, kind(&reply)), (401, RpcRefusalKind::Unauthorized));
    assert_eq!(world.received(), 0);
}

/// S5: a page that was given the token by mistake, or rides on a name that points here, reaches no process either.
#[tokio::test]
async fn s5_nothing_gets_past_the_endpoint_from_a_page() {
    let world = World::new(HttpSettings::default()).await;
    let message = to_web("echo", Some(15)).to_string();
    let bearer = format!("Bearer {TOKEN}");
    for odd in [("Host", "evil.example"), ("Origin", "http://localhost:8080"), ("Sec-Fetch-Site", "same-origin")] {
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json"), odd];
        let reply = world.send("POST", RPC_PATH, &headers, message.as_bytes()).await;
        assert_eq!((reply.status, kind(&reply)), (403, RpcRefusalKind::Forbidden), "{odd:?}");
    }
    let get = world.ask("GET", RPC_PATH, &[("Authorization", &bearer)]).await;
    assert_eq!((get.status, get.headers["allow"].as_str()), (405, "POST"));
    assert_eq!(world.received(), 0);
}
