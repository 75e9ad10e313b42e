//! The cases of the Autobahn test suite (<https://github.com/crossbario/autobahn-testsuite>) by its numbers, as far as
//! [`super::conformance`] does not have them. The suite itself takes Python 2. Sections 12 and 13 are about
//! `permessage-deflate`, which is not offered.

use tokio::net::TcpStream;

use super::client::{BINARY, CLOSE, CONTINUATION, Client, FIN, PING, PONG, TEXT, frame, handshake};
use super::conformance::{conforming, fails};
use super::sockets::{expect_close, expect_push, open, world};
use super::world::World;
use crate::HttpSettings;

/// How a client cuts what it writes.
const CHOPS: [usize; 3] = [usize::MAX, 997, 1];

async fn send_chopped(client: &mut Client, bytes: &[u8], chop: usize) {
    for part in bytes.chunks(chop.min(bytes.len().max(1))) {
        client.send(part).await;
    }
}

/// These frames are a message.
async fn is_message(world: &World, what: &str, frames: &[Vec<u8>], kind: &str, message: &[u8]) {
    let frames = frames.concat();
    for chop in CHOPS {
        // Byte by byte is for what is small.
        if frames.len() / chop > 1_000 {
            continue;
        }
        let (mut client, channel) = open(world).await;
        send_chopped(&mut client, &frames, chop).await;
        expect_push(world, channel, kind, message).await;
        end(world, client, channel, what).await;
    }
}

async fn end(world: &World, mut client: Client, channel: u64, what: &str) {
    client.frame(FIN | CLOSE, b"").await;
    assert_eq!(client.read().await, Some((FIN | CLOSE, vec![])), "{what}");
    expect_push(world, channel, "Close", b"").await;
    expect_close(world, channel).await;
}

#[tokio::test]
async fn autobahn_1_framing() {
    let world = conforming().await;
    for (opcode, kind) in [(TEXT, "Text"), (BINARY, "Binary")] {
        for len in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
            let message = vec![b'*'; len];
            is_message(&world, "1", &[frame(FIN | opcode, &message)], kind, &message).await;
        }
    }
}

#[tokio::test]
async fn autobahn_2_pings() {
    let world = conforming().await;
    for chop in CHOPS {
        let (mut client, channel) = open(&world).await;
        // 2.9: a pong that nobody asked for answers nothing.
        send_chopped(&mut client, &frame(FIN | PONG, b"unsolicited"), chop).await;
        expect_push(&world, channel, "Pong", b"unsolicited").await;
        // 2.6, 2.10, 2.11: every ping is answered, in order.
        let payloads: Vec<_> = (0..10).map(|n| vec![n; 125]).collect();
        let pings: Vec<_> = payloads.iter().map(|payload| frame(FIN | PING, payload)).collect();
        send_chopped(&mut client, &pings.concat(), chop).await;
        for payload in payloads {
            assert_eq!(client.read().await, Some((FIN | PONG, payload.clone())));
            expect_push(&world, channel, "Ping", &payload).await;
        }
        end(&world, client, channel, "2").await;
    }
}

/// A message, what is bad, and a ping that is not answered any more.
async fn fails_after_a_message(world: &World, what: &str, bad: &[u8], code: u16) {
    for chop in CHOPS {
        let (mut client, channel) = open(world).await;
        let all = [frame(FIN | TEXT, b"good"), bad.to_vec(), frame(FIN | PING, b"late")].concat();
        send_chopped(&mut client, &all, chop).await;
        assert_eq!(client.closed().await, Some(code), "{what}");
        expect_push(world, channel, "Text", b"good").await;
        expect_close(world, channel).await;
    }
}

#[tokio::test]
async fn autobahn_3_and_4_reserved_bits_and_opcodes() {
    let world = conforming().await;
    for (first, payload) in [
        (FIN | 0x10 | TEXT, &b"x"[..]),
        (FIN | 0x20 | TEXT, b"x"),
        (FIN | 0x30 | TEXT, b"x"),
        (FIN | 0x40 | TEXT, b"x"),
        (FIN | 0x50 | BINARY, b"\0\xff"),
        (FIN | 0x60 | PING, b"x"),
        (FIN | 0x70 | CLOSE, b""),
    ] {
        fails_after_a_message(&world, "3", &frame(first, payload), 1002).await;
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for payload in [&b""[..], b"reserved"] {
            fails_after_a_message(&world, "4", &frame(FIN | opcode, payload), 1002).await;
        }
    }
}

#[tokio::test]
async fn autobahn_5_fragments() {
    let world = conforming().await;
    // 5.3 to 5.5.
    let two = [frame(TEXT, b"one "), frame(FIN | CONTINUATION, b"two")];
    is_message(&world, "5.3", &two, "Text", b"one two").await;
    // 5.1, 5.2: control frames are whole.
    for opcode in [PING, PONG] {
        let parts = [frame(opcode, b"one "), frame(FIN | CONTINUATION, b"two")].concat();
        fails_after_a_message(&world, "5.1", &parts, 1002).await;
    }
    // 5.9 to 5.14, 5.15 to 5.18.
    let whole = frame(FIN | TEXT, b"whole");
    for bad in [
        [frame(FIN | CONTINUATION, b"nothing"), whole.clone()].concat(),
        [frame(CONTINUATION, b"nothing"), whole.clone()].concat(),
        [frame(CONTINUATION, b"nothing"), frame(FIN | CONTINUATION, b"nothing"), whole.clone()].concat(),
        [frame(TEXT, b"one "), frame(FIN | TEXT, b"two")].concat(),
        [frame(BINARY, b"one "), frame(FIN | TEXT, b"two")].concat(),
    ] {
        fails_after_a_message(&world, "5.9", &bad, 1002).await;
    }
    // 5.6 to 5.8, 5.19, 5.20: pings between the parts are answered at once.
    for chop in CHOPS {
        let (mut client, channel) = open(&world).await;
        send_chopped(&mut client, &[frame(TEXT, b"1"), frame(CONTINUATION, b"2")].concat(), chop).await;
        for ping in [&b"first"[..], b"second"] {
            send_chopped(&mut client, &frame(FIN | PING, ping), chop).await;
            assert_eq!(client.read().await, Some((FIN | PONG, ping.to_vec())));
            expect_push(&world, channel, "Ping", ping).await;
            send_chopped(&mut client, &frame(CONTINUATION, b"3"), chop).await;
        }
        send_chopped(&mut client, &frame(FIN | CONTINUATION, b"4"), chop).await;
        expect_push(&world, channel, "Text", b"12334").await;
        end(&world, client, channel, "5.19").await;
    }
}

#[tokio::test]
async fn autobahn_6_good_texts() {
    let world = conforming().await;
    let empty = [frame(TEXT, b""), frame(CONTINUATION, b""), frame(FIN | CONTINUATION, b"")];
    is_message(&world, "6.1.2", &empty, "Text", b"").await;
    let middle = [frame(TEXT, b""), frame(CONTINUATION, b"middle"), frame(FIN | CONTINUATION, b"")];
    is_message(&world, "6.1.3", &middle, "Text", b"middle").await;
    let mut texts = vec!["Hello-µ@ßöäüàá-UTF-8!!".to_owned(), "κόσμε".to_owned(), "\u{10fffd}".to_owned()];
    // 6.6, 6.7, 6.9, 6.11, 6.22, 6.23: the first and the last of each length, non-characters, and the special ones.
    texts.extend("κόσμε".char_indices().map(|(end, _)| "κόσμε".get(..end).unwrap().to_owned()));
    let ends = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfffd, 0xffff, 0x1_0000, 0x10_ffff];
    let planes = (0..=16).flat_map(|plane| [0xfffe, 0xffff].map(|last| (plane << 16) | last));
    let special = 0xfff9..=0xfffd;
    texts.extend(ends.into_iter().chain(planes).chain(special).map(|c| char::from_u32(c).unwrap().to_string()));
    for text in texts {
        is_message(&world, &text, &[frame(FIN | TEXT, text.as_bytes())], "Text", text.as_bytes()).await;
        let mut parts: Vec<_> = text.bytes().map(|byte| frame(CONTINUATION, &[byte])).collect();
        parts.insert(0, frame(TEXT, b""));
        parts.push(frame(FIN | CONTINUATION, b""));
        is_message(&world, &text, &parts, "Text", text.as_bytes()).await;
    }
}

#[tokio::test]
async fn autobahn_6_bad_texts() {
    let world = conforming().await;
    let mut bad: Vec<Vec<u8>> = [
        // 6.8, 6.10: longer than four bytes, or beyond the last character.
        &b"\xf8\x88\x80\x80\x80"[..],
        b"\xfc\x84\x80\x80\x80\x80",
        b"\xf7\xbf\xbf\xbf",
        b"\xfb\xbf\xbf\xbf\xbf",
        b"\xfd\xbf\xbf\xbf\xbf\xbf",
        b"\xf4\x90\x80\x80",
        // 6.15, 6.16.
        b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80",
        b"\xfe",
        b"\xff",
        b"\xfe\xfe\xff\xff",
        // 6.17 to 6.19: longer than they have to be.
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xc1\xbf",
        b"\xe0\x9f\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xc0\x80",
        b"\xe0\x80\x80",
        b"\xf0\x80\x80\x80",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    // 6.12: continuations of nothing.
    bad.extend((1..=7).map(|count| [0x80, 0xbf].repeat(count)));
    bad.push((0x80..=0xbf).collect());
    // 6.13: beginnings of nothing.
    bad.extend(
        [0xc0..=0xdf, 0xe0..=0xef, 0xf0..=0xf7, 0xf8..=0xfb, 0xfc..=0xfd]
            .map(|firsts| firsts.flat_map(|first: u8| [first, b' ']).collect::<Vec<u8>>()),
    );
    // 6.14: the last byte is missing.
    bad.extend([&b"\xc3"[..], b"\xe0\xa0", b"\xf0\x90\x80", b"\xdf", b"\xef\xbf", b"\xf3\xbf\xbf"].map(<[u8]>::to_vec));
    // 6.20, 6.21: surrogates, alone and in pairs.
    let surrogates =
        [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbf\xbf"];
    bad.extend(surrogates.map(|one| one.to_vec()));
    bad.extend(surrogates[..4].iter().map(|first| [&first[..], b"\xed\xb0\x80"].concat()));
    for bytes in bad {
        let what = format!("{bytes:x?}");
        fails(&world, &what, &frame(FIN | TEXT, &bytes), 1007).await;
        // 6.4: also before the message is whole, where no further byte could mend it.
        let parts = [frame(TEXT, "κόσμε".as_bytes()), frame(CONTINUATION, &bytes), frame(FIN | CONTINUATION, b"x")];
        fails(&world, &what, &parts.concat(), 1007).await;
    }
}

#[tokio::test]
async fn autobahn_7_closes() {
    let world = conforming().await;
    let close = frame(FIN | CLOSE, &1000_u16.to_be_bytes());
    let begun = frame(TEXT, b"begun");
    // 7.1.2 to 7.1.5: whatever follows a close is nothing, also the end of a message.
    for (before, after) in [
        (vec![], close.clone()),
        (vec![], frame(FIN | PING, b"late")),
        (vec![], frame(FIN | TEXT, b"late")),
        (begun, frame(FIN | CONTINUATION, b"late")),
    ] {
        let (mut client, channel) = open(&world).await;
        client.send(&[before, close.clone(), after].concat()).await;
        assert_eq!(client.read().await, Some((FIN | CLOSE, 1000_u16.to_be_bytes().to_vec())));
        assert_eq!(client.read().await, None);
        expect_push(&world, channel, "Close", b"").await;
        expect_close(&world, channel).await;
    }
    // 7.1.6: a long message before it arrives whole.
    let (mut client, channel) = open(&world).await;
    let long = vec![b'*'; 256 << 10];
    client.send(&[frame(FIN | TEXT, &long), close.clone(), frame(FIN | PING, b"")].concat()).await;
    expect_push(&world, channel, "Text", &long).await;
    expect_push(&world, channel, "Close", b"").await;
    expect_close(&world, channel).await;
}

#[tokio::test]
async fn autobahn_9_sizes() {
    let world = world(HttpSettings { socket_message_bytes_max: 16 << 20, ..HttpSettings::default() }).await;
    let (mut client, channel) = open(&world).await;
    for (opcode, kind) in [(TEXT, "Text"), (BINARY, "Binary")] {
        for size in [64 << 10, 1 << 20, 4 << 20, 16 << 20] {
            let message = vec![b'*'; size];
            client.frame(FIN | opcode, &message).await;
            expect_push(&world, channel, kind, &message).await;
        }
        // 9.3, 9.4: 4 MiB in parts.
        for part in [256, 4 << 10, 64 << 10, 1 << 20] {
            let message = vec![b'*'; 4 << 20];
            client.frame(opcode, b"").await;
            for part in message.chunks(part) {
                client.frame(CONTINUATION, part).await;
            }
            client.frame(FIN | CONTINUATION, b"").await;
            expect_push(&world, channel, kind, &message).await;
        }
    }
    // 9.5, 9.6: 1 MiB in small writes.
    for chop in [64, 512, 2 << 10] {
        let message = vec![b'*'; 1 << 20];
        send_chopped(&mut client, &frame(FIN | BINARY, &message), chop).await;
        expect_push(&world, channel, "Binary", &message).await;
    }
}

#[tokio::test]
async fn autobahn_10_automatic_fragments() {
    let world = conforming().await;
    let message = vec![b'*'; 65_536];
    let mut parts: Vec<_> = message.chunks(1_300).map(|part| frame(CONTINUATION, part)).collect();
    parts.insert(0, frame(TEXT, b""));
    parts.push(frame(FIN | CONTINUATION, b""));
    is_message(&world, "10.1.1", &parts, "Text", &message).await;
}

#[tokio::test]
async fn autobahn_12_and_13_compression_is_not_agreed_on() {
    let world = conforming().await;
    let offer = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")];
    let mut client = Client { stream: TcpStream::connect(world.address).await.unwrap() };
    client.send(handshake("/web:distro:sys/ws", &offer).as_bytes()).await;
    let head = client.read_head().await.to_lowercase();
    assert!(head.starts_with("http/1.1 101 ") && !head.contains("sec-websocket-extensions"), "{head}");
    let channel = world.told().await.0["WebSocketOpen"]["channel_id"].as_u64().unwrap();
    client.frame(FIN | TEXT, b"plain").await;
    expect_push(&world, channel, "Text", b"plain").await;
}
