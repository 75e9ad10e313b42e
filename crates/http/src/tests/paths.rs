//! Paths that processes bind.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wharf_kernel::envelope::{Blob, Seconds};

use super::login;
use super::world::{TOKEN, World, gate};
use crate::HttpSettings;
use crate::content::Cached;
use crate::routes::{Audience, Binding, Origin, Serves};

#[tokio::test]
async fn a_bound_path_is_answered_by_the_process() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/echo/:id").await;
    let reply = world.send("POST", "/web:distro:sys/echo/7?q=1", &[], b"hello").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["content-type"], "application/json");
    let seen = reply.json();
    assert_eq!(seen["body"], "hello");
    let request = &seen["request"]["Http"];
    assert_eq!(request["url"], "http://localhost/web:distro:sys/echo/7");
    assert_eq!(request["bound_path"], "/web:distro:sys/echo/:id");
    assert_eq!(request["url_params"], json!({"id": "7"}));
    assert_eq!(request["query_params"], json!({"q": "1"}));
}

#[tokio::test]
async fn there_is_always_a_blob_and_head_has_no_body() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let get = world.ask("GET", "/web:distro:sys/", &[]).await;
    assert_eq!(get.json()["body"], "");
    let head = world.ask("HEAD", "/web:distro:sys/", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(world.received(), 2);
}

#[tokio::test]
async fn chunked_bodies_arrive_whole() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let body = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    let reply = world.send("PUT", "/web:distro:sys", &[("Transfer-Encoding", "chunked")], body).await;
    assert_eq!(reply.json()["body"], "abcde");
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let one = "GET /web:distro:sys/smuggle HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /web:distro:sys/smuggle HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let reply = world.raw(format!("{one}{one}{last}").as_bytes()).await;
    assert_eq!(String::from_utf8_lossy(&reply.body).matches("HTTP/1.1 200 OK").count(), 2);
}

#[tokio::test]
async fn a_process_cannot_change_where_its_answer_ends() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let reply = world.ask("GET", "/web:distro:sys/smuggle", &[]).await;
    assert_eq!(reply.body, b"whole");
    assert_eq!(reply.headers["content-length"], "5");
    assert_eq!(reply.headers["x-kept"], "1");
    assert!(!reply.headers.contains_key("transfer-encoding"));
    let empty = world.ask("GET", "/web:distro:sys/empty", &[]).await;
    assert_eq!((empty.status, empty.body.len()), (204, 0));
}

#[tokio::test]
async fn cached_answers_are_served_without_the_process() {
    let world = World::new(HttpSettings::default()).await;
    let action = json!({"Bind": {"path": "/logo", "authenticated": false, "local_only": false, "cache": true}});
    assert_eq!(world.act(action.clone(), None).await.0, r#"{"Err":"NoBlob"}"#);
    let logo = Blob::new(Some("image/png"), b"png".to_vec());
    assert_eq!(world.act(action, Some(logo)).await.0, r#"{"Ok":null}"#);
    let get = world.ask("GET", "/web:distro:sys/logo", &[]).await;
    assert_eq!(
        (get.status, get.body.as_slice(), get.headers["content-type"].as_str()),
        (200, &b"png"[..], "image/png")
    );
    let head = world.ask("HEAD", "/web:distro:sys/logo", &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(world.received(), 0);
    assert_eq!(world.ask("POST", "/web:distro:sys/logo", &[]).await.status, 200);
    assert_eq!(world.received(), 1);
}

#[tokio::test]
async fn unbound_paths_and_paths_of_the_dead_are_not_found() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    world.bind("/x").await;
    assert_eq!(world.ask("GET", "/web:distro:sys/x", &[]).await.status, 200);
    assert_eq!(world.act(json!({"Unbind": {"path": "/x"}}), None).await.0, r#"{"Ok":null}"#);
    let reply = world.ask("GET", "/web:distro:sys/x", &[]).await;
    assert_eq!(reply.status, 404);
    assert!(reply.json()["error"].is_string());
    assert_eq!(world.ask("GET", "/", &[]).await.status, 404);

    let cached = Serves::Cached(Box::new(Cached::plain(b"stale".to_vec())));
    for (id, serves) in [("ghost:x:y", Serves::Process), ("spirit:x:y", cached)] {
        let binding = Binding { audience: Audience::Anyone, origin: Origin::Anywhere, serves };
        let path = format!("/{id}");
        world.routes.bind(&format!("a.os@{id}").parse().unwrap(), "/", binding, |_| true).unwrap();
        assert!(world.routes.find(&path).is_some());
        assert_eq!(world.ask("GET", &path, &[]).await.status, 404);
        assert!(world.routes.find(&path).is_none(), "{id} was pruned");
    }
}

#[tokio::test]
async fn the_owners_paths_want_the_token_and_processes_never_see_it() {
    let world = World::new(HttpSettings::default()).await;
    world.bind_as("/mine", "owner").await;
    assert_eq!(world.act(json!({"SecureBind": {"path": "/safe", "cache": false}}), None).await.0, r#"{"Ok":null}"#);
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/web:distro:sys/mine", "/web:distro:sys/safe"] {
        for headers in [&[][..], &[("Authorization", "Bearer wrong")], &[("Cookie", "kinode-auth_a.os=x")]] {
            let refused = world.ask("GET", path, headers).await;
            // The second one has a subdomain of its own.
            assert_eq!(refused.status, if path.ends_with("mine") { 401 } else { 307 });
            assert!(path.ends_with("safe") || refused.json()["error"].as_str().unwrap().contains("control token"));
        }
        let reply = world.ask("GET", path, &[("Authorization", &bearer)]).await;
        assert_eq!(reply.status, 200);
        assert!(!String::from_utf8_lossy(&reply.body).contains(TOKEN));
    }
    assert_eq!(world.received(), 2);
}

/// S5, S6: neither a page whose name points at this machine nor a proxy on it makes a stranger local.
#[tokio::test]
async fn s6_local_paths_are_for_this_machine() {
    let world = World::new(HttpSettings::default()).await;
    world.bind_as("/here", "local").await;
    let path = "/web:distro:sys/here";
    assert_eq!(world.ask("GET", path, &[]).await.status, 200);
    for header in [("Host", "evil.example"), ("X-Forwarded-For", "1.2.3.4")] {
        assert_eq!(world.ask("GET", path, &[header]).await.status, 403);
    }
    assert_eq!(world.received(), 1);
}

#[tokio::test]
async fn a_process_that_does_not_answer_well_is_an_error() {
    let world = World::new(HttpSettings { answer_wait: Seconds(0), ..Default::default() }).await;
    world.bind("/").await;
    let silent = world.ask("GET", "/web:distro:sys/silent", &[]).await;
    assert_eq!(silent.status, 504, "{silent:?}");
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    assert_eq!(world.ask("GET", "/web:distro:sys/nonsense", &[]).await.status, 500);
}

#[tokio::test]
async fn bodies_over_the_limit_are_refused() {
    let world = World::new(HttpSettings { body_bytes_max: 4, ..Default::default() }).await;
    world.bind("/").await;
    let path = "/web:distro:sys";
    assert_eq!(world.send("POST", path, &[], b"1234").await.status, 200);
    assert_eq!(world.send("POST", path, &[], b"12345").await.status, 413);
    assert_eq!(world.send("POST", path, &[("Content-Length", "1000000000000000000")], b"").await.status, 413);
    let chunked = [("Transfer-Encoding", "chunked")];
    assert_eq!(world.send("POST", path, &chunked, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await.status, 413);
    assert_eq!(world.received(), 1);

    let world = World::new(HttpSettings { buffered_bytes_max: 4, ..Default::default() }).await;
    world.bind("/").await;
    assert_eq!(world.send("POST", path, &[], b"12345").await.status, 503);
    assert_eq!(world.send("POST", path, &[], b"1234").await.status, 200);
}

/// Bytes that are announced and never come, and bodies that are never whole, take nothing from the owner.
#[tokio::test]
async fn strangers_bodies_do_not_lock_out_the_owner() {
    let body_wait = std::time::Duration::from_secs(3600);
    let settings = HttpSettings { buffered_bytes_max: 10_000, body_wait, ..Default::default() };
    let world = login::world_of(settings, gate()).await;
    world.bind("/").await;
    let path = "/web:distro:sys";
    let begin =
        |len: usize| format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n\r\n").into_bytes();
    let mut announcing = TcpStream::connect(world.address).await.unwrap();
    announcing.write_all(&begin(10_000)).await.unwrap();
    assert_eq!(world.send("POST", path, &[], &[7; 10_000]).await.status, 200);

    let mut holding = TcpStream::connect(world.address).await.unwrap();
    holding.write_all(&[begin(10_000), vec![7; 9_000]].concat()).await.unwrap();
    // Until all of it has arrived, there is room.
    while world.send("POST", path, &[], &[7; 2_000]).await.status != 503 {
        tokio::task::yield_now().await;
    }
    let call = json!({"process": "web:distro:sys", "body": json!("x".repeat(8_000)).to_string()}).to_string();
    let token = format!("Bearer {TOKEN}");
    let headers = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    assert_eq!(world.send("POST", "/rpc:distro:sys/message", &headers, call.as_bytes()).await.status, 200);
    login::log_in(&world).await;
}

/// A page of any site can have the browser on this machine ask; only pages of this node may.
#[tokio::test]
async fn pages_of_other_sites_do_not_reach_paths_for_this_machine() {
    let world = World::new(HttpSettings::default()).await;
    world.bind_as("/", "local").await;
    let path = "/web:distro:sys";
    for headers in [
        &[("Origin", "http://evil.example")][..],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")],
    ] {
        for method in ["GET", "POST"] {
            assert_eq!(world.ask(method, path, headers).await.status, 403, "{method} {headers:?}");
        }
    }
    assert_eq!(world.received(), 0);
    let token = format!("Bearer {TOKEN}");
    for headers in [
        &[][..],
        &[("Origin", "http://localhost:8080")],
        &[("Sec-Fetch-Site", "same-origin")],
        &[("Sec-Fetch-Site", "none")],
        &[("Origin", "http://evil.example"), ("Authorization", &token)],
    ] {
        assert_eq!(world.ask("POST", path, headers).await.status, 200, "{headers:?}");
    }
}

#[tokio::test]
async fn actions_that_are_not_understood_are_malformed() {
    let world = World::new(HttpSettings::default()).await;
    for action in [
        json!({"WebSocketBind": {"path": "/", "authenticated": true}}),
        json!({"WebSocketClose": "1"}),
        json!("nonsense"),
    ] {
        assert_eq!(world.act(action, None).await.0, r#"{"Err":"MalformedRequest"}"#);
    }
    let long = json!({"Unbind": {"path": "x".repeat(3_000)}});
    let (answer, reason) = world.act(long, None).await;
    assert_eq!(answer, r#"{"Err":"MalformedRequest"}"#);
    assert!(reason.unwrap().contains("3000 bytes"));
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let full = HttpSettings { connections_max: 0, local_connections_max: 0, ..Default::default() };
    let world = World::new(full).await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503 "));
    assert!(head.contains(&format!("content-length: {}", body.len())));
    assert!(serde_json::from_str::<wharf_types::Failure>(body).is_ok());

    let kept_free = HttpSettings { connections_max: 0, local_connections_max: 1, ..Default::default() };
    assert_eq!(World::new(kept_free).await.ask("GET", "/", &[]).await.status, 404);
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_cuts_off_busy_ones() {
    let world = World::new(HttpSettings { stop_wait: std::time::Duration::ZERO, ..Default::default() }).await;
    world.bind("/").await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(idle.read_u8().await.is_ok());
    let mut busy = TcpStream::connect(world.address).await.unwrap();
    busy.write_all(b"GET /web:distro:sys/silent HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    while world.received() == 0 {
        tokio::task::yield_now().await;
    }
    world.stop.cancel();
    world.serving.await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    busy.read_to_end(&mut rest).await.unwrap();
}
