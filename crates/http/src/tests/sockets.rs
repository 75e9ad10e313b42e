//! WebSockets as processes and clients see them.

use serde_json::{Value, json};
use wharf_kernel::Limits;
use wharf_kernel::envelope::Blob;

use super::client::{BINARY, CLOSE, CONTINUATION, Client, FIN, PING, PONG, TEXT, frame, handshake};
use super::login::{log_in, world as world_with_password};
use super::world::{TOKEN, World};
use crate::HttpSettings;

const PATH: &str = "/web:distro:sys/ws";
const OK: &str = r#"{"Ok":null}"#;

/// A node whose process takes WebSockets at [`PATH`].
pub(super) async fn world(settings: HttpSettings) -> World {
    let world = World::new(settings).await;
    bind(&world, "/ws", "anyone").await;
    world
}

async fn bind(world: &World, path: &str, kind: &str) {
    let bind = json!({"path": path, "authenticated": kind == "owner", "extension": kind == "extension"});
    assert_eq!(world.act(json!({ "WebSocketBind": bind }), None).await.0, OK);
}

/// Opens a socket and returns its number.
pub(super) async fn open(world: &World) -> (Client, u64) {
    let client = Client::open(world, PATH).await;
    (client, opened(world).await)
}

async fn opened(world: &World) -> u64 {
    let (told, blob) = world.told().await;
    assert_eq!(blob, None);
    assert_eq!(told["WebSocketOpen"]["path"], "/ws", "{told}");
    told["WebSocketOpen"]["channel_id"].as_u64().unwrap()
}

async fn push(world: &World, channel: u64, kind: &str, bytes: &[u8]) -> String {
    let push = json!({"WebSocketPush": {"channel_id": channel, "message_type": kind}});
    world.act(push, Some(Blob::new(None, bytes.to_vec()))).await.0
}

/// The next thing that the process is told is this frame.
pub(super) async fn expect_push(world: &World, channel: u64, kind: &str, bytes: &[u8]) {
    let (told, blob) = world.told().await;
    assert_eq!(told, json!({"WebSocketPush": {"channel_id": channel, "message_type": kind}}));
    assert!(blob.as_deref() == Some(bytes), "{kind} of {} bytes came as {:?}", bytes.len(), blob.map(|b| b.len()));
}

pub(super) async fn expect_close(world: &World, channel: u64) {
    assert_eq!(world.told().await, (json!({ "WebSocketClose": channel }), None));
}

#[tokio::test]
async fn a_process_is_told_of_open_frames_and_close_in_order_and_answers() {
    let world = world(HttpSettings::default()).await;
    let (mut client, channel) = open(&world).await;
    client.frame(FIN | TEXT, "grüße".as_bytes()).await;
    client.frame(FIN | BINARY, &[0, 255]).await;
    client.frame(FIN | PING, b"p").await;
    client.frame(FIN | PONG, b"q").await;
    expect_push(&world, channel, "Text", "grüße".as_bytes()).await;
    expect_push(&world, channel, "Binary", &[0, 255]).await;
    expect_push(&world, channel, "Ping", b"p").await;
    expect_push(&world, channel, "Pong", b"q").await;
    assert_eq!(client.read().await.unwrap(), (FIN | PONG, b"p".to_vec()));

    for (kind, first) in [("Text", TEXT), ("Binary", BINARY), ("Ping", PING), ("Pong", PONG)] {
        assert_eq!(push(&world, channel, kind, b"hello").await, OK);
        assert_eq!(client.read().await.unwrap(), (FIN | first, b"hello".to_vec()), "{kind}");
    }
    assert_eq!(push(&world, channel, "Text", b"a\xffb").await, OK);
    assert_eq!(client.read().await.unwrap(), (FIN | TEXT, "a\u{fffd}b".as_bytes().to_vec()));

    client.frame(FIN | CLOSE, &[&1000_u16.to_be_bytes()[..], b"bye"].concat()).await;
    assert_eq!(client.closed().await, Some(1000));
    expect_push(&world, channel, "Close", b"bye").await;
    expect_close(&world, channel).await;
    assert_eq!(push(&world, channel, "Text", b"x").await, r#"{"Err":"WsChannelNotFound"}"#);
}

#[tokio::test]
async fn large_messages_go_both_ways() {
    let world = world(HttpSettings::default()).await;
    let (mut client, channel) = open(&world).await;
    let large: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    client.frame(FIN | BINARY, &large).await;
    expect_push(&world, channel, "Binary", &large).await;
    assert_eq!(push(&world, channel, "Binary", &large).await, OK);
    let (opcode, whole) = client.read_message().await;
    assert!(opcode == BINARY && whole == large);
}

#[tokio::test]
async fn wrong_pushes_are_refused() {
    let world = world(HttpSettings::default()).await;
    let (mut client, channel) = open(&world).await;
    assert_eq!(push(&world, channel, "Ping", &[0; 126]).await, r#"{"Err":"WsPingPongTooLong"}"#);
    assert_eq!(push(&world, channel ^ 1, "Text", b"").await, r#"{"Err":"WsChannelNotFound"}"#);
    let no_blob = json!({"WebSocketPush": {"channel_id": channel, "message_type": "Text"}});
    assert_eq!(world.act(no_blob, None).await.0, r#"{"Err":"NoBlob"}"#);
    for action in [
        json!({"WebSocketOpen": {"path": "/", "channel_id": 1}}),
        json!({"WebSocketExtPushData": {"id": 1, "kinode_message_type": "Request", "blob": []}}),
    ] {
        assert_eq!(world.act(action, None).await.0, r#"{"Err":"MalformedRequest"}"#);
    }
    assert_eq!(world.act(json!({ "WebSocketClose": channel ^ 1 }), None).await.0, OK);
    assert_eq!(push(&world, channel, "Text", b"still open").await, OK);
    assert_eq!(client.read().await.unwrap().1, b"still open");
}

/// C2: in the reference, a push of type Close with a blob ends the node.
#[tokio::test]
async fn c2_a_close_is_a_close_with_a_blob_or_without() {
    let world = world(HttpSettings::default()).await;
    for blob in [None, Some(Blob::new(None, b"with a blob".to_vec()))] {
        let (mut client, channel) = open(&world).await;
        assert_eq!(push(&world, channel, "Text", b"first this").await, OK);
        let close = json!({"WebSocketPush": {"channel_id": channel, "message_type": "Close"}});
        assert_eq!(world.act(close, blob).await.0, OK);
        assert_eq!(client.read().await.unwrap().1, b"first this");
        assert_eq!(client.closed().await, Some(1000));
        expect_close(&world, channel).await;
    }
    let (mut client, channel) = open(&world).await;
    assert_eq!(world.act(json!({ "WebSocketClose": channel }), None).await.0, OK);
    assert_eq!(client.closed().await, Some(1000));
    expect_close(&world, channel).await;
}

#[tokio::test]
async fn only_paths_that_are_bound_exactly_open_sockets() {
    let world = world(HttpSettings::default()).await;
    bind(&world, "/rooms/:id", "anyone").await;
    world.bind("/").await;
    for path in ["/web:distro:sys", "/web:distro:sys/ws/below", "/web:distro:sys/rooms"] {
        let refused = Client::try_open(&world, path, &[]).await.err().unwrap();
        assert!(refused.starts_with("HTTP/1.1 200 "), "the HTTP handler answers {path}: {refused}");
    }
    let client = Client::open(&world, "/web:distro:sys/rooms/7/").await;
    assert_eq!(world.told().await.0["WebSocketOpen"]["path"], "/rooms/7");
    assert_eq!(world.act(json!({"WebSocketUnbind": {"path": "/rooms/:id"}}), None).await.0, OK);
    let refused = Client::try_open(&world, "/web:distro:sys/rooms/7", &[]).await.err().unwrap();
    assert!(refused.starts_with("HTTP/1.1 404 "), "{refused}");
    drop(client);
    assert!(world.told().await.0["WebSocketClose"].is_u64(), "what is open goes on until its client leaves");
}

#[tokio::test]
async fn the_owners_sockets_want_a_session_or_the_token_and_no_page_of_another_site() {
    let world = world_with_password().await;
    bind(&world, "/ws", "owner").await;
    let (cookie, bearer) = (log_in(&world).await, format!("Bearer {TOKEN}"));
    let (session, token) = (("Cookie", cookie.as_str()), ("Authorization", bearer.as_str()));
    for (headers, status) in [
        (&[][..], "401"),
        (&[("Authorization", "Bearer wrong")], "401"),
        (&[session, ("Origin", "http://evil.example")], "403"),
        (&[session, ("Origin", "null")], "403"),
    ] {
        let refused = Client::try_open(&world, PATH, headers).await.err().unwrap();
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")), "{refused}");
    }
    // No page can send the token.
    for headers in [&[token][..], &[session], &[session, ("Origin", "http://localhost:8080")]] {
        assert!(Client::try_open(&world, PATH, headers).await.is_ok(), "{headers:?}");
    }
}

#[tokio::test]
async fn there_are_only_so_many() {
    for (settings, status) in [
        (HttpSettings { process_sockets_max: 1, ..Default::default() }, "429"),
        (HttpSettings { sockets_max: 1, ..Default::default() }, "503"),
    ] {
        let world = world(settings).await;
        let (client, channel) = open(&world).await;
        let refused = Client::try_open(&world, PATH, &[]).await.err().unwrap();
        assert!(refused.starts_with(&format!("HTTP/1.1 {status} ")) && refused.contains("retry-after: 1"), "{refused}");
        drop(client);
        expect_close(&world, channel).await;
        while world.sockets.len() > 0 {
            tokio::task::yield_now().await;
        }
        open(&world).await;
    }
    let world = world(HttpSettings { process_sockets_max: 0, ..Default::default() }).await;
    assert!(Client::try_open(&world, PATH, &[]).await.is_err());
}

/// A client that reads nothing loses its socket; the process goes on, and so do its other clients.
#[tokio::test]
async fn a_slow_client_affects_nobody_else() {
    let settings = HttpSettings {
        socket_queue_bytes_max: 100_000,
        socket_close_wait: std::time::Duration::ZERO,
        ..Default::default()
    };
    let world = world(settings).await;
    let (_slow, slow_channel) = open(&world).await;
    let (mut other, channel) = open(&world).await;
    let block = vec![7; 50_000];
    // The buffers of the operating system take some.
    while push(&world, slow_channel, "Binary", &block).await == OK {
        assert_eq!(push(&world, channel, "Text", b"on").await, OK);
        assert_eq!(other.read().await.unwrap().1, b"on");
    }
    expect_close(&world, slow_channel).await;
    assert_eq!(push(&world, channel, "Text", b"still").await, OK);
    assert_eq!(other.read().await.unwrap().1, b"still");
}

/// What waits for all clients together is bounded, and whoever is furthest behind makes room.
#[tokio::test]
async fn all_queues_together_are_bounded() {
    let settings = HttpSettings {
        sockets_bytes_max: 400_000,
        socket_queue_bytes_max: usize::MAX,
        socket_queue_frames_max: usize::MAX,
        socket_close_wait: std::time::Duration::ZERO,
        ..Default::default()
    };
    let world = world(settings).await;
    let (_slow, slow_channel) = open(&world).await;
    let block = vec![7; 100_000];
    while push(&world, slow_channel, "Binary", &block).await == OK {
        let waiting = world.sockets.waiting_bytes();
        assert!(waiting <= 400_000, "{waiting}");
        if waiting > 150_000 {
            break;
        }
    }
    let (mut other, channel) = open(&world).await;
    assert_eq!(push(&world, channel, "Binary", &vec![8; 250_000]).await, OK);
    assert_eq!(other.read_message().await, (BINARY, vec![8; 250_000]));
    expect_close(&world, slow_channel).await;
}

/// A process that does not keep up is not sent more than fits: its clients wait, and nothing is lost.
#[tokio::test]
async fn a_slow_process_holds_up_its_clients_and_nobody_else() {
    let limits = Limits { module_requests_max: 1, mailbox_messages_max: 2, ..Limits::default() };
    let world = World::with_limits(HttpSettings::default(), limits).await;
    bind(&world, "/ws", "anyone").await;
    let (mut client, channel) = open(&world).await;
    let closed = world.gate.acquire_many(1_000).await.unwrap();
    for number in 0..50_u8 {
        client.frame(FIN | BINARY, &[number]).await;
    }
    // One is with the process and two are in its mailbox; the rest stays in the connection.
    while world.received() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.ask("GET", "/nobody", &[]).await.status, 404);
    drop(closed);
    for number in 0..50_u8 {
        expect_push(&world, channel, "Binary", &[number]).await;
    }
}

#[tokio::test]
async fn dead_clients_are_found() {
    let zero = std::time::Duration::ZERO;
    let world = world(HttpSettings { socket_ping_every: zero, ..Default::default() }).await;
    let (mut client, channel) = open(&world).await;
    // One that answers stays, and the process does not see the answers.
    for _ in 0..3 {
        let (first, payload) = client.read().await.unwrap();
        assert_eq!(first, FIN | PING);
        client.frame(FIN | PONG, &payload).await;
    }
    client.frame(FIN | TEXT, b"alive").await;
    expect_push(&world, channel, "Text", b"alive").await;

    let world =
        self::world(HttpSettings { socket_ping_every: zero, socket_pong_wait: zero, ..Default::default() }).await;
    let (_client, channel) = open(&world).await;
    expect_close(&world, channel).await;
}

#[tokio::test]
async fn memory_of_messages_that_arrive_is_bounded() {
    let world = world(HttpSettings { buffered_bytes_max: 100_000, ..Default::default() }).await;
    let (mut greedy, greedy_channel) = open(&world).await;
    let mut part = frame(FIN | BINARY, &vec![7; 200_000]);
    part.truncate(150_000);
    greedy.send(&part).await;
    assert_eq!(greedy.closed().await, Some(1013));
    expect_close(&world, greedy_channel).await;
    let (mut client, channel) = open(&world).await;
    client.frame(FIN | BINARY, &vec![7; 90_000]).await;
    expect_push(&world, channel, "Binary", &vec![7; 90_000]).await;
}

/// A message that is still arriving counts, also when control frames come between its fragments.
#[tokio::test]
async fn a_ping_between_fragments_hides_nothing() {
    let world = world(HttpSettings { buffered_bytes_max: 100_000, ..Default::default() }).await;
    let (mut greedy, greedy_channel) = open(&world).await;
    greedy.frame(BINARY, &[7; 60_000]).await;
    greedy.frame(FIN | PING, b"p").await;
    expect_push(&world, greedy_channel, "Ping", b"p").await;
    greedy.frame(CONTINUATION, &[7; 60_000]).await;
    assert_eq!(greedy.read().await.unwrap(), (FIN | PONG, b"p".to_vec()));
    assert_eq!(greedy.closed().await, Some(1013));
    expect_close(&world, greedy_channel).await;

    // Many of them take nothing away from the message.
    let (mut client, channel) = open(&world).await;
    client.frame(BINARY, &[7; 60_000]).await;
    for _ in 0..1_000 {
        client.frame(FIN | PONG, &[1; 100]).await;
        expect_push(&world, channel, "Pong", &[1; 100]).await;
    }
    client.frame(FIN | CONTINUATION, &[7; 30_000]).await;
    expect_push(&world, channel, "Binary", &[7; 90_000]).await;
}

#[tokio::test]
async fn stopping_tells_every_client() {
    let world = world(HttpSettings::default()).await;
    let (mut client, _) = open(&world).await;
    world.stop.cancel();
    assert_eq!(client.closed().await, Some(1001));
    world.serving.await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_is_told_of() {
    let world = world(HttpSettings::default()).await;
    // It leaves right after it asked, without waiting for the answer.
    let (client, channel) = open(&world).await;
    drop(client);
    expect_close(&world, channel).await;
    let mut hasty = Client { stream: tokio::net::TcpStream::connect(world.address).await.unwrap() };
    let both = [handshake(PATH, &[]).into_bytes(), frame(FIN | TEXT, b"at once")].concat();
    hasty.send(&both).await;
    let channel = opened(&world).await;
    expect_push(&world, channel, "Text", b"at once").await;
}

#[tokio::test]
async fn an_extension_answers_for_its_process() {
    let world = World::new(HttpSettings::default()).await;
    bind(&world, "/ext", "extension").await;
    let path = "/web:distro:sys/ext";
    for header in [("Origin", "http://localhost:8080"), ("X-Forwarded-For", "1.2.3.4"), ("Host", "evil.example")] {
        let refused = Client::try_open(&world, path, &[header]).await.err().unwrap();
        assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    }
    let mut client = Client::open(&world, path).await;
    let channel = world.told().await.0["WebSocketOpen"]["channel_id"].as_u64().unwrap();
    let outgoing = |kind: &str| {
        json!({"WebSocketExtPushOutgoing":
            {"channel_id": channel, "message_type": kind, "desired_reply_type": "Response"}})
    };
    let blob = || Some(Blob::new(None, b"do this".to_vec()));
    assert_eq!(world.act(outgoing("Text"), blob()).await.0, r#"{"Err":"NoBlob"}"#);
    let answer_one = async {
        let (first, payload) = client.read().await.unwrap();
        assert_eq!(first, FIN | BINARY);
        let asked: Value = rmp_serde::from_slice(&payload).unwrap();
        let asked = &asked["WebSocketExtPushData"];
        assert_eq!(asked["kinode_message_type"], "Response");
        assert_eq!(asked["blob"], json!(b"do this"));
        let said = |id: u64| {
            let data = json!({"id": id, "kinode_message_type": "Response", "blob": b"done"});
            rmp_serde::to_vec_named(&json!({ "WebSocketExtPushData": data })).unwrap()
        };
        let id = asked["id"].as_u64().unwrap();
        // A number that was not asked under answers nothing.
        client.frame(FIN | BINARY, &said(id ^ 1)).await;
        client.frame(FIN | BINARY, &said(id)).await;
    };
    let (answer, ()) = tokio::join!(world.act(outgoing("Binary"), blob()), answer_one);
    let push = json!({"WebSocketPush": {"channel_id": channel, "message_type": "Binary"}});
    assert_eq!(serde_json::from_str::<Value>(&answer.0).unwrap(), push);

    let request = json!({"id": 9, "kinode_message_type": "Request", "blob": b"news"});
    let request = rmp_serde::to_vec_named(&json!({ "WebSocketExtPushData": request })).unwrap();
    client.frame(FIN | BINARY, &request).await;
    expect_push(&world, channel, "Binary", b"news").await;
    client.frame(FIN | BINARY, b"not wrapped").await;
    expect_push(&world, channel, "Binary", b"not wrapped").await;
}
