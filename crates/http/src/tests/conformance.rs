//! The cases of the usual WebSocket test suites, frame by frame: RFC 6455, sections 5, 7 and 8. [`super::autobahn`] has the
//! rest of one of them, by its numbers.

use tokio::io::AsyncWriteExt;

use super::client::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, frame, header};
use super::sockets::{expect_close, expect_push, open, world};
use super::world::World;
use crate::HttpSettings;

const TOO_LARGE: u64 = 1 << 20;

pub(super) async fn conforming() -> World {
    world(HttpSettings { socket_message_bytes_max: TOO_LARGE as usize - 1, ..Default::default() }).await
}

/// The client sends these bytes, and is told this code.
pub(super) async fn fails(world: &World, what: &str, bytes: &[u8], code: u16) {
    let (mut client, channel) = open(world).await;
    client.send(bytes).await;
    assert_eq!(client.closed().await, Some(code), "{what}");
    expect_close(world, channel).await;
}

#[tokio::test]
async fn lengths() {
    let world = conforming().await;
    let (mut client, channel) = open(&world).await;
    for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, TOO_LARGE as usize - 1] {
        client.frame(FIN | TEXT, &vec![b'*'; len]).await;
        expect_push(&world, channel, "Text", &vec![b'*'; len]).await;
        client.frame(FIN | BINARY, &vec![0xfe; len]).await;
        expect_push(&world, channel, "Binary", &vec![0xfe; len]).await;
    }
    // The same, not in the shortest form, and byte by byte.
    let mut odd = vec![FIN | TEXT, 0x80 | 127];
    odd.extend_from_slice(&2_u64.to_be_bytes());
    odd.extend_from_slice(&[0, 0, 0, 0, b'o', b'k']);
    for byte in odd {
        client.send(&[byte]).await;
    }
    expect_push(&world, channel, "Text", b"ok").await;
}

#[tokio::test]
async fn messages_that_are_too_large() {
    let world = conforming().await;
    fails(&world, "at once", &frame(FIN | BINARY, &vec![0; TOO_LARGE as usize]), 1009).await;
    for len in [TOO_LARGE, 1 << 32, u64::MAX >> 1, u64::MAX] {
        let announced = [header(FIN | BINARY, len, 0x80), vec![0; 4]].concat();
        fails(&world, "announced", &announced, 1009).await;
    }
    let half = vec![0; TOO_LARGE as usize / 2];
    let parts = [frame(BINARY, &half), frame(FIN | CONTINUATION, &half)].concat();
    fails(&world, "in parts", &parts, 1009).await;
}

#[tokio::test]
async fn pings_and_pongs() {
    let world = conforming().await;
    let (mut client, channel) = open(&world).await;
    for payload in [&b""[..], b"hello", &[0xff; 5], &[0xfe; 125]] {
        client.frame(FIN | PING, payload).await;
        assert_eq!(client.read().await.unwrap(), (FIN | PONG, payload.to_vec()));
        expect_push(&world, channel, "Ping", payload).await;
        client.frame(FIN | PONG, payload).await;
        expect_push(&world, channel, "Pong", payload).await;
    }
    fails(&world, "ping of 126", &frame(FIN | PING, &[0; 126]), 1002).await;
    fails(&world, "pong of 126", &frame(FIN | PONG, &[0; 126]), 1002).await;
    fails(&world, "a fragment of a ping", &frame(PING, b"x"), 1002).await;
    fails(&world, "a fragment of a close", &frame(CLOSE, b""), 1002).await;
}

#[tokio::test]
async fn reserved_bits_and_opcodes() {
    let world = conforming().await;
    for bits in [0x10, 0x20, 0x40, 0x70] {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            fails(&world, "a reserved bit", &frame(FIN | bits | opcode, b""), 1002).await;
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        fails(&world, "a reserved opcode", &frame(FIN | opcode, b""), 1002).await;
        fails(&world, "one with bytes", &frame(FIN | opcode, b"hello"), 1002).await;
    }
}

#[tokio::test]
async fn frames_without_a_mask() {
    let world = conforming().await;
    let bare = [header(FIN | TEXT, 2, 0), b"hi".to_vec()].concat();
    fails(&world, "no mask", &bare, 1002).await;
}

#[tokio::test]
async fn fragments() {
    let world = conforming().await;
    let (mut client, channel) = open(&world).await;
    client.frame(TEXT, b"one ").await;
    client.frame(CONTINUATION, b"").await;
    client.frame(FIN | PING, b"between").await;
    assert_eq!(client.read().await.unwrap(), (FIN | PONG, b"between".to_vec()));
    client.frame(CONTINUATION, b"two ").await;
    client.frame(FIN | CONTINUATION, b"three").await;
    expect_push(&world, channel, "Ping", b"between").await;
    expect_push(&world, channel, "Text", b"one two three").await;
    client.frame(BINARY, b"").await;
    client.frame(FIN | CONTINUATION, b"").await;
    expect_push(&world, channel, "Binary", b"").await;

    fails(&world, "a continuation of nothing", &frame(FIN | CONTINUATION, b"x"), 1002).await;
    fails(&world, "a fragment of nothing", &frame(CONTINUATION, b"x"), 1002).await;
    for second in [TEXT, FIN | TEXT, BINARY, FIN | BINARY] {
        let parts = [frame(TEXT, b"x"), frame(second, b"y")].concat();
        fails(&world, "a message in a message", &parts, 1002).await;
    }
    let again = [frame(TEXT, b"x"), frame(FIN | CONTINUATION, b"y"), frame(FIN | CONTINUATION, b"z")].concat();
    let (mut client, channel) = open(&world).await;
    client.send(&again).await;
    assert_eq!(client.closed().await, Some(1002));
    expect_push(&world, channel, "Text", b"xy").await;
    expect_close(&world, channel).await;
}

#[tokio::test]
async fn text_is_utf8() {
    let world = conforming().await;
    let (mut client, channel) = open(&world).await;
    let text = "κόσμε \u{0} \u{7f} \u{7ff} \u{ffff} \u{10ffff} \u{fffe}".as_bytes();
    client.frame(FIN | TEXT, text).await;
    expect_push(&world, channel, "Text", text).await;
    // Characters may be cut in two between frames.
    for (at, byte) in text.iter().enumerate() {
        client.frame(if at == 0 { TEXT } else { CONTINUATION }, &[*byte]).await;
    }
    client.frame(FIN | CONTINUATION, b"").await;
    expect_push(&world, channel, "Text", text).await;

    for bad in [
        &b"\xce\xba\xe1\xbd\xb9\xed\xa0\x80edited"[..], // a surrogate
        b"\xf4\x90\x80\x80",                            // beyond the last character
        b"\xc0\xaf",                                    // longer than it has to be
        b"\x80",
        b"\xff",
        b"\xfe",
        b"\xf8\x88\x80\x80\x80",
        b"cut \xe1\xbd", // cut off
    ] {
        fails(&world, "bad text", &frame(FIN | TEXT, bad), 1007).await;
        let parts = [frame(TEXT, b"good "), frame(FIN | CONTINUATION, bad)].concat();
        fails(&world, "bad text in parts", &parts, 1007).await;
    }
    // It is found before the message is whole.
    fails(&world, "bad text, not whole", &frame(TEXT, b"\xff"), 1007).await;
}

#[tokio::test]
async fn closes() {
    let world = conforming().await;
    let close = |code: u16, reason: &[u8]| frame(FIN | CLOSE, &[&code.to_be_bytes(), reason].concat());
    let (mut client, channel) = open(&world).await;
    client.send(&frame(FIN | CLOSE, b"")).await;
    assert_eq!(client.read().await, Some((FIN | CLOSE, vec![])));
    assert_eq!(client.read().await, None);
    expect_push(&world, channel, "Close", b"").await;
    expect_close(&world, channel).await;

    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999] {
        let (mut client, channel) = open(&world).await;
        client.send(&[close(code, b"why"), frame(FIN | TEXT, b"after it"), close(code, b"")].concat()).await;
        assert_eq!(client.closed().await, Some(code));
        expect_push(&world, channel, "Close", b"why").await;
        expect_close(&world, channel).await;
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        let (mut client, channel) = open(&world).await;
        client.send(&close(code, b"why")).await;
        assert_eq!(client.closed().await, Some(1002), "{code}");
        assert_eq!(world.told().await.0["WebSocketPush"]["message_type"], "Close", "{code}");
        expect_close(&world, channel).await;
    }
    fails(&world, "half a code", &frame(FIN | CLOSE, b"\x03"), 1002).await;
    fails(&world, "a reason that is not text", &close(1000, b"\xff"), 1007).await;
    fails(&world, "a reason that is too long", &close(1000, &[b'*'; 124]), 1002).await;
    let (mut client, channel) = open(&world).await;
    client.send(&close(1000, &[b'*'; 123])).await;
    assert_eq!(client.closed().await, Some(1000));
    expect_push(&world, channel, "Close", &[b'*'; 123]).await;
    expect_close(&world, channel).await;
}

#[tokio::test]
async fn half_closed_connections() {
    let world = conforming().await;
    for begun in [&[][..], &frame(TEXT, b"begun"), &frame(FIN | TEXT, b"begun")[..3]] {
        let (mut client, channel) = open(&world).await;
        client.send(begun).await;
        client.stream.shutdown().await.unwrap();
        expect_close(&world, channel).await;
        assert_eq!(client.read().await, None);
    }
}
