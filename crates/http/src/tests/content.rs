//! Cached answers and compression as clients see them.

use std::io::Read;
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde_json::json;
use wharf_kernel::envelope::Blob;

use super::world::{Reply, World};
use crate::HttpSettings;

const PAGE: &str = "/web:distro:sys/page.html";

async fn world_with_page(bytes: Vec<u8>, mime: &str) -> World {
    let world = World::new(HttpSettings::default()).await;
    let action = json!({"Bind": {"path": "/page.html", "authenticated": false, "local_only": false, "cache": true}});
    assert_eq!(world.act(action, Some(Blob::new(Some(mime), bytes))).await.0, r#"{"Ok":null}"#);
    world
}

fn unpacked(reply: &Reply) -> Vec<u8> {
    let mut bytes = Vec::new();
    match reply.headers["content-encoding"].as_str() {
        "br" => brotli::Decompressor::new(&*reply.body, 4_096).read_to_end(&mut bytes).unwrap(),
        "gzip" => GzDecoder::new(&*reply.body).read_to_end(&mut bytes).unwrap(),
        other => panic!("{other}"),
    };
    bytes
}

#[tokio::test]
async fn a_client_that_has_it_is_not_sent_it_again() {
    let world = world_with_page(b"hello".to_vec(), "text/html").await;
    let first = world.ask("GET", PAGE, &[]).await;
    let tag = first.headers["etag"].as_str();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    for (method, value, status) in [
        ("GET", tag.to_owned(), 304),
        ("HEAD", tag.to_owned(), 304),
        ("GET", format!("\"other\", W/{tag}"), 304),
        ("GET", "\"other\"".to_owned(), 200),
    ] {
        let reply = world.ask(method, PAGE, &[("If-None-Match", &value)]).await;
        assert_eq!((reply.status, reply.headers["etag"].as_str()), (status, tag), "{value}");
        assert!(status == 200 || reply.body.is_empty());
    }
    let other = world_with_page(b"changed".to_vec(), "text/html").await;
    assert_eq!(other.ask("GET", PAGE, &[("If-None-Match", tag)]).await.status, 200);
    assert_eq!(world.received(), 0);
}

#[tokio::test]
async fn a_part_is_sent_to_who_wants_a_part() {
    let world = world_with_page(b"0123456789".to_vec(), "text/plain").await;
    let whole = world.ask("GET", PAGE, &[]).await;
    assert_eq!(whole.headers["accept-ranges"], "bytes");
    let part = world.ask("GET", PAGE, &[("Range", "bytes=2-4")]).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"234"[..]));
    assert_eq!(part.headers["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers["content-length"], "3");
    let none = world.ask("GET", PAGE, &[("Range", "bytes=10-")]).await;
    assert_eq!((none.status, none.headers["content-range"].as_str()), (416, "bytes */10"));
    let tag = whole.headers["etag"].as_str();
    for (name, status) in [(tag, 206), ("\"other\"", 200)] {
        let reply = world.ask("GET", PAGE, &[("Range", "bytes=-1"), ("If-Range", name)]).await;
        assert_eq!(reply.status, status, "{name}");
    }
    let head = world.ask("HEAD", PAGE, &[("Range", "bytes=2-4")]).await;
    assert_eq!((head.status, head.headers["content-length"].as_str()), (200, "10"));
}

#[tokio::test]
async fn pages_are_compressed_for_who_takes_that() {
    let page: Vec<u8> = b"<p>hello</p>".repeat(10_000);
    let world = world_with_page(page.clone(), "text/html").await;
    let plain = world.ask("GET", PAGE, &[]).await;
    let smallest = world.ask("GET", PAGE, &[("Accept-Encoding", "gzip, deflate, br")]).await;
    let packed = world.ask("GET", PAGE, &[("Accept-Encoding", "gzip")]).await;
    assert!(plain.body == page && unpacked(&packed) == page && packed.body.len() < page.len() / 10);
    assert!(unpacked(&smallest) == page && smallest.body.len() < packed.body.len());
    assert_ne!(smallest.headers["etag"], packed.headers["etag"]);
    assert!(!plain.headers.contains_key("content-encoding"));
    for reply in [&plain, &packed] {
        assert_eq!(reply.headers["vary"], "accept-encoding");
    }
    assert_ne!(plain.headers["etag"], packed.headers["etag"]);
    let both = [("Accept-Encoding", "gzip"), ("If-None-Match", packed.headers["etag"].as_str())];
    assert_eq!(world.ask("GET", PAGE, &both).await.status, 304);
    let part = world.ask("GET", PAGE, &[("Accept-Encoding", "gzip"), ("Range", "bytes=0-2")]).await;
    assert_eq!((part.status, part.body.as_slice()), (206, &b"<p>"[..]));
    assert!(!part.headers.contains_key("content-encoding"));

    let picture = world_with_page(page.clone(), "image/png").await;
    let reply = picture.ask("GET", PAGE, &[("Accept-Encoding", "gzip")]).await;
    assert!(reply.body == page && !reply.headers.contains_key("vary"));
}

#[tokio::test]
async fn answers_of_processes_are_compressed_and_keep_their_headers() {
    let world = World::new(HttpSettings::default()).await;
    world.bind("/").await;
    let packed = world.ask("GET", "/web:distro:sys/page", &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(unpacked(&packed), vec![b'x'; 100_000]);
    let smallest = world.ask("GET", "/web:distro:sys/page", &[("Accept-Encoding", "gzip, br")]).await;
    assert_eq!(smallest.headers["content-encoding"], "br");
    assert_eq!(unpacked(&smallest), vec![b'x'; 100_000]);
    assert_eq!((packed.headers["etag"].as_str(), packed.headers["vary"].as_str()), ("W/\"mine\"", "accept-encoding"));
    let plain = world.ask("GET", "/web:distro:sys/page", &[]).await;
    assert_eq!((plain.body.len(), plain.headers["etag"].as_str()), (100_000, "\"mine\""));
    for reply in [packed, plain] {
        let cookies = reply.all.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
        assert_eq!(cookies.collect::<Vec<_>>(), ["a=1; HttpOnly", "b=2"]);
    }
    let small = world.ask("GET", "/web:distro:sys/small", &[("Accept-Encoding", "gzip")]).await;
    assert!(!small.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn answers_bytes_max() {
    for (answers_bytes_max, status) in [(99_999, 503), (100_000, 200)] {
        let world = World::new(HttpSettings { answers_bytes_max, ..Default::default() }).await;
        world.bind("/").await;
        // Also again: what a client has taken counts no more.
        for _ in 0..3 {
            assert_eq!(world.ask("GET", "/web:distro:sys/page", &[]).await.status, status);
        }
        assert_eq!(world.ask("GET", "/web:distro:sys/small", &[]).await.status, 200);
    }
}

/// One process has only so many requests to answer, and others do not notice.
#[tokio::test]
async fn requests_in_flight_are_bounded_for_each_process() {
    let world = Arc::new(World::new(HttpSettings { process_requests_max: 2, ..Default::default() }).await);
    world.bind("/").await;
    world.bind("/later").await;
    let closed = world.gate.acquire_many(1_000).await.unwrap();
    let ask = |path: &'static str| {
        let world = Arc::clone(&world);
        tokio::spawn(async move { world.ask("GET", path, &[]).await })
    };
    // Two of three wait for the process, whichever they are; all its paths share the places.
    let asked = [ask("/web:distro:sys/a"), ask("/web:distro:sys/later"), ask("/web:distro:sys/b")];
    let (refused, _, asked) = futures_util::future::select_all(asked).await;
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (429, "1"));
    assert!(refused.json()["error"].as_str().unwrap().contains("web:distro:sys"));
    assert_eq!(world.ask("GET", "/nobody", &[]).await.status, 404);
    drop(closed);
    for waiting in asked {
        assert_eq!(waiting.await.unwrap().status, 200);
    }
    assert_eq!(world.ask("GET", "/web:distro:sys/a", &[]).await.status, 200);
}
