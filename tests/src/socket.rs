//! A WebSocket of a node, frame by frame.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::node::Node;

/// Bits and opcodes of the first byte of a frame.
pub const FIN: u8 = 0x80;
/// Text.
pub const TEXT: u8 = 0x1;
/// Bytes.
pub const BINARY: u8 = 0x2;
/// The end.
pub const CLOSE: u8 = 0x8;

/// Far longer than anything takes: only a failing test waits for it.
const DEADLINE: Duration = Duration::from_secs(60);

/// An open WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
}

impl Node {
    /// A connection to its web server.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url().trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }
}

impl Socket {
    /// Opens one.
    pub fn open(node: &Node, path: &str) -> Self {
        Self::try_open(node, path, &[]).unwrap_or_else(|refused| panic!("{path} was refused: {refused}"))
    }

    /// Asks for one; the error is the head of the answer.
    pub fn try_open(node: &Node, path: &str, headers: &[(&str, &str)]) -> Result<Self, String> {
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        let mut stream = node.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        if head.starts_with("HTTP/1.1 101 ") { Ok(Self { stream }) } else { Err(head) }
    }

    /// Sends a frame.
    pub fn send(&mut self, first: u8, payload: &[u8]) {
        let mut bytes = vec![first];
        match u16::try_from(payload.len()) {
            Ok(len @ 0..126) => bytes.push(0x80 | len as u8),
            Ok(len) => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&len.to_be_bytes());
            }
            Err(_) => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        // A mask of zeros leaves the payload as it is.
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(payload);
        self.stream.write_all(&bytes).unwrap();
    }

    /// Reads a frame: its first byte and its payload; `None` at the end of the connection.
    pub fn read(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).ok()?;
        let len = match head[1] {
            126 => {
                let mut len = [0; 2];
                self.stream.read_exact(&mut len).ok()?;
                u64::from(u16::from_be_bytes(len))
            }
            127 => {
                let mut len = [0; 8];
                self.stream.read_exact(&mut len).ok()?;
                u64::from_be_bytes(len)
            }
            len => u64::from(len),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.stream.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    /// Reads to the close frame, answers it, and reads to the end; returns the code.
    pub fn closed(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some((first, payload)) = self.read() {
            if first == FIN | CLOSE {
                code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                // The node may have closed already.
                let _ = self.stream.write_all(&[FIN | CLOSE, 0x80, 0, 0, 0, 0]);
            }
        }
        code
    }
}
