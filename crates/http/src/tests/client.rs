//! A WebSocket client that sends what it is told, right or wrong.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::world::World;

/// Bits and opcodes of the first byte.
pub(super) const FIN: u8 = 0x80;
pub(super) const CONTINUATION: u8 = 0x0;
pub(super) const TEXT: u8 = 0x1;
pub(super) const BINARY: u8 = 0x2;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// Far longer than anything takes: only a failing test waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// An open connection.
pub(super) struct Client {
    pub(super) stream: TcpStream,
}

/// What to ask for a WebSocket with.
pub(super) fn handshake(path: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!(
        "GET {path} HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    );
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str("Host: localhost:8080\r\n");
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// A frame as clients send them.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x12, 0x34, 0x56, 0x78];
    let mut bytes = header(first, payload.len() as u64, 0x80);
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The header of a frame that announces `len` bytes, with the bit of the mask or without.
pub(super) fn header(first: u8, len: u64, mask: u8) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(mask | len as u8),
        126..=0xffff => {
            bytes.push(mask | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    bytes
}

impl Client {
    /// Opens a WebSocket.
    pub(super) async fn open(world: &World, path: &str) -> Self {
        Self::try_open(world, path, &[]).await.unwrap_or_else(|refused| panic!("{path} was refused: {refused}"))
    }

    /// Asks for a WebSocket; the error is the answer.
    pub(super) async fn try_open(world: &World, path: &str, headers: &[(&str, &str)]) -> Result<Self, String> {
        let stream = TcpStream::connect(world.address).await.unwrap();
        let mut client = Self { stream };
        client.send(handshake(path, headers).as_bytes()).await;
        let head = client.read_head().await;
        if head.starts_with("HTTP/1.1 101 ") {
            assert!(
                head.to_lowercase()
                    .contains("sec-websocket-accept: s3ppLmbitxaq9kygzzhzrbk+xoo=".to_lowercase().as_str())
            );
            Ok(client)
        } else {
            Err(head)
        }
    }

    pub(super) async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Sends bytes as they are. A server that has closed already is no failure.
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Sends a frame.
    pub(super) async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.send(&frame(first, payload)).await;
    }

    /// Reads a frame: its first byte and its payload; `None` at the end of the connection.
    pub(super) async fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        tokio::time::timeout(DEADLINE, self.read_frame()).await.expect("something comes, or the end")
    }

    async fn read_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.stream.read_u8().await.ok()?;
        let len = match self.stream.read_u8().await.ok()? {
            126 => u64::from(self.stream.read_u16().await.ok()?),
            127 => self.stream.read_u64().await.ok()?,
            len => u64::from(len),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some((first, payload))
    }

    /// Reads a message, which may come in fragments.
    pub(super) async fn read_message(&mut self) -> (u8, Vec<u8>) {
        let (first, mut whole) = self.read().await.unwrap();
        let mut last = first;
        while last & FIN == 0 {
            let (next, more) = self.read().await.unwrap();
            assert_eq!(next & 0xf, CONTINUATION);
            whole.extend_from_slice(&more);
            last = next;
        }
        (first & 0xf, whole)
    }

    /// Reads to the close frame and then to the end; returns the code.
    pub(super) async fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = self.read().await {
            if first == FIN | CLOSE {
                code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                self.frame(FIN | CLOSE, payload.get(..2).unwrap_or_default()).await;
            }
        }
        code
    }
}
