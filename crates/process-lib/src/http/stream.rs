//! Bodies of any length, piece by piece.

use std::io::{self, Read, Write};

use wharf_types::LazyLoadBlob;
use wharf_types::http_server::{HttpResponse, HttpServerAction, HttpServerError};

use super::socket::bytes_of;
use super::{Access, CLIENT_TIMEOUT_S, Error, HttpRequest, Reply, ask, ask_for};
use crate::error::CallError;
use crate::request::Request;
use crate::response::Response;

/// Bytes gathered before they are sent. The node takes 1 MiB at most, unless its owner says otherwise.
const PIECE_BYTES: usize = 256 << 10;

/// Sends requests for a path to this process before their bodies have arrived: see [`HttpRequest::stream`].
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::http::{self, Access};
/// http::bind_stream("/upload", Access::LoggedIn).unwrap();
/// # });
/// ```
pub fn bind_stream(path: &str, access: Access) -> Result<(), Error> {
    let action = HttpServerAction::StreamBind {
        path: path.to_owned(),
        authenticated: access == Access::LoggedIn,
        local_only: access == Access::ThisMachine,
    };
    ask(&format!("bind {path} for streams"), &action, None)
}

/// The two bodies of a request at a path of [`bind_stream`].
///
/// Reading and writing wait for the client, and the process does nothing else meanwhile: one that serves many of them
/// leaves this to children, one each.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use wharf_process_lib::http::{HttpRequest, Reply};
///
/// /// Answers a request with its own body, in capitals.
/// fn shout(request: &HttpRequest) -> std::io::Result<()> {
///     let Some(stream) = request.stream() else { return Ok(()) };
///     let (mut reader, mut writer) = stream.reply(Reply::status(200).header("Content-Type", "text/plain"));
///     let mut piece = [0; 8192];
///     loop {
///         let read = reader.read(&mut piece)?;
///         if read == 0 {
///             return writer.finish();
///         }
///         piece[..read].make_ascii_uppercase();
///         writer.write_all(&piece[..read])?;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Stream(u32);

impl HttpRequest {
    /// Its stream, if the path was bound with [`bind_stream`].
    pub fn stream(&self) -> Option<Stream> {
        self.stream.map(Stream)
    }
}

impl Stream {
    /// Reads the body of the request, before there is an answer.
    pub fn reader(&self) -> BodyReader {
        BodyReader { stream: self.0, piece: Vec::new(), taken: 0 }
    }

    /// Answers with this status and these headers, and with what is written from now on as the body. A body in the reply
    /// comes first.
    pub fn reply(self, reply: Reply) -> (BodyReader, BodyWriter) {
        let Reply { status, headers, body } = reply;
        let reader = self.reader();
        match Response::new().json(&HttpResponse { status, headers, stream: Some(self.0) }) {
            Ok(response) => response.send(),
            Err(error) => crate::print(1, &format!("an HTTP answer could not be written: {error}")),
        }
        (reader, BodyWriter { stream: self.0, piece: body, state: State::Open })
    }
}

/// The body of a request.
///
/// ```
/// use std::io::Read;
/// use wharf_process_lib::http::{HttpRequest, Reply};
///
/// /// Counts the bytes of an upload, whatever its length.
/// fn count(request: &HttpRequest) -> std::io::Result<usize> {
///     let Some(stream) = request.stream() else { return Ok(request.body().len()) };
///     let (mut reader, mut piece, mut bytes) = (stream.reader(), [0; 8192], 0);
///     loop {
///         match reader.read(&mut piece)? {
///             0 => return Ok(bytes),
///             read => bytes += read,
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct BodyReader {
    stream: u32,
    piece: Vec<u8>,
    taken: usize,
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.taken >= self.piece.len() {
            let action = HttpServerAction::StreamRead(self.stream);
            let message = ask_for("read a body", &action, None, CLIENT_TIMEOUT_S).map_err(to_io)?;
            self.piece = bytes_of(&message);
            self.taken = 0;
        }
        let read = self.piece.get(self.taken..).unwrap_or_default().read(buffer)?;
        self.taken += read;
        Ok(read)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Over,
}

/// The body of an answer. Dropped before [`BodyWriter::finish`], it breaks off, and the client can tell.
///
/// ```
/// use std::io::Write;
/// use wharf_process_lib::http::{HttpRequest, Reply};
///
/// fn numbers(request: &HttpRequest) -> std::io::Result<()> {
///     let Some(stream) = request.stream() else { return Ok(()) };
///     let (_, mut writer) = stream.reply(Reply::status(200));
///     for number in 0..1_000_000 {
///         writeln!(writer, "{number}")?;
///     }
///     // Without this the client is told that something is missing.
///     writer.finish()
/// }
/// ```
#[derive(Debug)]
#[must_use = "a body that is not finished breaks off"]
pub struct BodyWriter {
    stream: u32,
    piece: Vec<u8>,
    state: State,
}

impl BodyWriter {
    /// The body is complete.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.state = State::Over;
        ask("end a body", &HttpServerAction::StreamEnd(self.stream), None).map_err(to_io)
    }

    fn send(&mut self, piece: Vec<u8>) -> io::Result<()> {
        let blob = LazyLoadBlob { mime: None, bytes: piece };
        let action = HttpServerAction::StreamWrite(self.stream);
        ask_for("write a body", &action, Some(blob), CLIENT_TIMEOUT_S).map(drop).map_err(to_io)
    }
}

impl Write for BodyWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES.saturating_sub(self.piece.len()));
        self.piece.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        // A first piece that came with the reply may be larger than any other.
        if taken == 0 && !bytes.is_empty() { self.write(bytes) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.piece);
        while rest.len() > PIECE_BYTES {
            let more = rest.split_off(PIECE_BYTES);
            self.send(std::mem::replace(&mut rest, more))?;
        }
        if rest.is_empty() { Ok(()) } else { self.send(rest) }
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if self.state == State::Open
            && let Ok(request) = Request::to_module("http-server").json(&HttpServerAction::StreamAbort(self.stream))
        {
            request.send();
        }
    }
}

fn to_io(error: Error) -> io::Error {
    let kind = match &error {
        CallError::Refused { source: HttpServerError::StreamNotFound, .. } => io::ErrorKind::BrokenPipe,
        CallError::Refused { source: HttpServerError::StreamBroken, .. } => io::ErrorKind::UnexpectedEof,
        CallError::Refused { source: HttpServerError::StreamBusy, .. } => io::ErrorKind::QuotaExceeded,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
