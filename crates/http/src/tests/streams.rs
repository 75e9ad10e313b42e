//! Bodies that pass through a process piece by piece.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wharf_kernel::envelope::{Blob, Seconds};

use super::tls::{PREFACE, frame};
use super::world::World;
use crate::HttpSettings;

const OK: &str = r#"{"Ok":null}"#;
const NOT_FOUND: &str = r#"{"Err":"StreamNotFound"}"#;
const BUSY: &str = r#"{"Err":"StreamBusy"}"#;

async fn world(settings: HttpSettings) -> World {
    let world = World::new(settings).await;
    for path in ["/upload", "/download"] {
        let bind = json!({"StreamBind": {"path": path, "authenticated": false, "local_only": false}});
        assert_eq!(world.act(bind, None).await.0, OK);
    }
    world
}

/// Sends a request, and returns the number of its stream.
async fn begin(world: &World, method: &str, path: &str, rest: &str) -> (TcpStream, u64) {
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let head = format!("{method} /web:distro:sys/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{rest}");
    client.write_all(head.as_bytes()).await.unwrap();
    let (told, _) = world.told().await;
    (client, told["Http"]["stream"].as_u64().unwrap())
}

async fn write(world: &World, stream: u64, bytes: &[u8]) -> String {
    world.act(json!({ "StreamWrite": stream }), Some(Blob::new(None, bytes.to_vec()))).await.0
}

async fn act(world: &World, action: &str, stream: u64) -> String {
    world.act(json!({ action: stream }), None).await.0
}

async fn all(mut client: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// The streams are forgotten once their clients are done with.
async fn none_is_open(world: &World) {
    while world.streams.len() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_and_ends_when_the_process_says_so() {
    let world = world(HttpSettings::default()).await;
    let (client, stream) = begin(&world, "GET", "download", "\r\n").await;
    for piece in [&b"one"[..], b"", b"two"] {
        assert_eq!(write(&world, stream, piece).await, OK);
    }
    assert_eq!(act(&world, "StreamEnd", stream).await, OK);
    let answer = all(client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\r\nx-a: b\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"), "{answer}");
    none_is_open(&world).await;
    assert_eq!(write(&world, stream, b"x").await, NOT_FOUND);
    assert_eq!(act(&world, "StreamEnd", stream).await, NOT_FOUND);
    assert_eq!(act(&world, "StreamRead", stream).await, NOT_FOUND);
}

#[tokio::test]
async fn a_client_can_tell_an_answer_that_broke_off() {
    // Aborted by the process, and forgotten by it.
    let patient = HttpSettings::default();
    let brief = HttpSettings { answer_wait: Seconds(1), ..Default::default() };
    for (settings, aborts) in [(patient, true), (brief, false)] {
        let world = world(settings).await;
        let (client, stream) = begin(&world, "GET", "download", "\r\n").await;
        assert_eq!(write(&world, stream, b"one").await, OK);
        if aborts {
            assert_eq!(act(&world, "StreamAbort", stream).await, OK);
        }
        let answer = all(client).await;
        assert!(answer.ends_with("3\r\none\r\n"), "{answer}");
        none_is_open(&world).await;
    }
}

#[tokio::test]
async fn stream_piece_bytes_max() {
    let settings = HttpSettings { stream_piece_bytes_max: 4, ..Default::default() };
    let world = world(settings).await;
    let (client, stream) = begin(&world, "GET", "download", "\r\n").await;
    assert_eq!(write(&world, stream, b"four").await, OK);
    assert_eq!(write(&world, stream, b"fifth").await, BUSY);
    assert_eq!(act(&world, "StreamEnd", stream).await, OK);
    assert!(all(client).await.ends_with("4\r\nfour\r\n0\r\n\r\n"));

    let (_client, stream) = begin(&world, "POST", "upload", "Content-Length: 10\r\n\r\n0123456789").await;
    let mut came = Vec::new();
    while let Some(piece) = read(&world, stream).await {
        assert!(piece.len() <= 4);
        came.extend(piece);
    }
    assert_eq!(came, b"0123456789");
}

/// The next piece; `None` at the end.
async fn read(world: &World, stream: u64) -> Option<Vec<u8>> {
    let (reply, blob) = world.act_for_blob(json!({ "StreamRead": stream })).await;
    assert_eq!(reply, OK);
    blob.filter(|piece| !piece.is_empty())
}

#[tokio::test]
async fn a_request_comes_before_its_body_and_is_read_as_it_arrives() {
    let world = world(HttpSettings::default()).await;
    let (mut client, stream) = begin(&world, "POST", "upload", "Content-Length: 6\r\n\r\n").await;
    for piece in [b"one", b"two"] {
        client.write_all(piece).await.unwrap();
        assert_eq!(read(&world, stream).await.unwrap(), piece);
    }
    assert_eq!(read(&world, stream).await, None);
    assert_eq!(read(&world, stream).await, None);
}

#[tokio::test]
async fn a_body_that_breaks_off_or_pauses_for_too_long_is_an_error() {
    let brief = HttpSettings { body_wait: Duration::from_millis(50), ..Default::default() };
    for (settings, breaks_off) in [(HttpSettings::default(), true), (brief, false)] {
        let world = world(settings).await;
        let (mut client, stream) = begin(&world, "POST", "upload", "Content-Length: 6\r\n\r\none").await;
        assert_eq!(read(&world, stream).await.unwrap(), b"one");
        if breaks_off {
            client.shutdown().await.unwrap();
        }
        let (reply, why) = world.act(json!({ "StreamRead": stream }), None).await;
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert!(["StreamBroken", "StreamNotFound"].contains(&reply["Err"].as_str().unwrap()), "{reply} {why:?}");
    }
}

/// A process may write before the server has seen its answer: the two take different ways.
#[tokio::test]
async fn pieces_that_come_before_the_status_belong_to_the_answer() {
    let world = world(HttpSettings::default()).await;
    let gate = Arc::clone(&world.gate);
    let all_places = gate.acquire_many(1_000).await.unwrap();
    let mut client = TcpStream::connect(world.address).await.unwrap();
    client
        .write_all(b"GET /web:distro:sys/download HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let stream = loop {
        match world.streams.any() {
            Some(id) => break u64::from(id),
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(write(&world, stream, b"one").await, OK);
    assert_eq!(act(&world, "StreamEnd", stream).await, OK);
    drop(all_places);
    assert!(all(client).await.ends_with("3\r\none\r\n0\r\n\r\n"));
}

/// The process is told, at the latest when nothing more fits.
#[tokio::test]
async fn a_client_that_goes_or_reads_nothing_ends_the_stream() {
    let (brief, long) = (Duration::from_millis(50), Duration::from_secs(3_600));
    let by_piece = HttpSettings { body_wait: brief, header_wait: long, ..Default::default() };
    let by_connection = HttpSettings { body_wait: long, header_wait: brief, ..Default::default() };
    for (settings, goes) in [(HttpSettings::default(), true), (by_piece, false), (by_connection, false)] {
        let world = world(settings).await;
        let (client, stream) = begin(&world, "GET", "download", "\r\n").await;
        assert_eq!(write(&world, stream, b"first").await, OK);
        let client = Some(client).filter(|_| !goes);
        let piece = vec![0; 1 << 20];
        while write(&world, stream, &piece).await == OK {}
        assert_eq!(act(&world, "StreamEnd", stream).await, NOT_FOUND);
        drop(client);
    }
}

#[tokio::test]
async fn one_piece_is_asked_for_at_a_time() {
    let world = world(HttpSettings::default()).await;
    let (mut client, stream) = begin(&world, "POST", "upload", "Content-Length: 6\r\n\r\n").await;
    let (first, second) = tokio::join!(async { world.act_for_blob(json!({ "StreamRead": stream })).await }, async {
        let refused = world.act(json!({ "StreamRead": stream }), None).await.0;
        client.write_all(b"one").await.unwrap();
        refused
    });
    assert_eq!((first.1.unwrap(), second.as_str()), (b"one".to_vec(), BUSY));
}

/// A client of HTTP/2 that opens no window, and answers pings, is not idle and not full, and nothing of its answer is sent.
#[tokio::test]
async fn a_window_that_stays_shut_holds_no_answer_for_ever() {
    let settings = HttpSettings { body_wait: Duration::from_millis(50), ..Default::default() };
    let world = world(settings).await;
    let path = b"/web:distro:sys/download";
    let length = u8::try_from(path.len()).unwrap();
    let head = [&[0x82, 0x86, 0x04, length][..], path, &[0x41, 9], b"localhost"].concat();
    let no_window = [0, 4, 0, 0, 0, 0];
    let mut client = TcpStream::connect(world.address).await.unwrap();
    let asked = [PREFACE, &frame(4, 0, 0, &no_window), &frame(1, 5, 1, &head)].concat();
    client.write_all(&asked).await.unwrap();
    let (told, _) = world.told().await;
    let stream = told["Http"]["stream"].as_u64().unwrap();
    assert_eq!(write(&world, stream, b"one").await, OK);
    assert_eq!(act(&world, "StreamEnd", stream).await, OK);
    none_is_open(&world).await;
    let mut rest = Vec::new();
    let _ = client.read_to_end(&mut rest).await;
}
