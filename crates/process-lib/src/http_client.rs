//! `http-client:distro:sys`: asking the web, and WebSockets to it.
//!
//! The process must hold the client's messaging capability, and for WebSockets grant it its own. A process that holds
//! capabilities for hosts (`{"host":"api.example.com"}`, issued by `http-client:distro:sys`) may ask only those; addresses
//! that are not public are refused unless the node's settings allow them.
//!
//! ```no_run
//! use wharf_process_lib::http_client::{self, HttpCall};
//!
//! let page = http_client::get("https://example.com/")?;
//! assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
//!
//! #[derive(serde::Deserialize)]
//! struct Created { id: u64 }
//! let answer = HttpCall::new("POST", "https://api.example.com/notes")
//!     .header("Authorization", "Bearer …")
//!     .json(&["a note"])?
//!     .timeout_s(5)
//!     .send()?;
//! let created: Created = answer.json()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A WebSocket is a number that the process chooses. What comes from it are requests:
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use wharf_process_lib::http_client::{Event, WebSocket, event};
//! use wharf_process_lib::await_message;
//!
//! let news = WebSocket::open(1, "wss://news.example.com/live", BTreeMap::new())?;
//! news.send_text("hello")?;
//! while let Ok(message) = await_message() {
//!     match event(&message) {
//!         Some((1, Event::Text(text))) => wharf_process_lib::println!("{text}"),
//!         Some((1, Event::Closed)) => break,
//!         _ => { /* something else */ }
//!     }
//! }
//! # Ok::<(), wharf_process_lib::http_client::Error>(())
//! ```

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
pub use wharf_types::http_client::HttpClientError;
use wharf_types::http_client::{
    HttpClientAction, HttpClientReply, HttpClientRequest, HttpClientResponse, OutgoingHttpRequest,
};
use wharf_types::http_server::WsMessageType;
use wharf_types::{LazyLoadBlob, ProcessId};

use crate::error::{CallError, call};
use crate::message::Message;
use crate::request::Request;

const TIMEOUT_S: u64 = 30;

/// Why a call failed. A server that answers is no failure, whatever its status.
pub type Error = CallError<HttpClientError>;

/// Asks for a URL; waits at most 30 s.
///
/// ```
/// use wharf_process_lib::http_client;
///
/// fn weather() -> Result<String, http_client::Error> {
///     Ok(http_client::get("https://weather.example/today")?.text())
/// }
/// ```
pub fn get(url: &str) -> Result<HttpResponse, Error> {
    HttpCall::new("GET", url).send()
}

/// Sends bytes to a URL; waits at most 30 s.
///
/// ```
/// use wharf_process_lib::http_client;
///
/// fn tell(text: &str) -> Result<u16, http_client::Error> {
///     Ok(http_client::post("https://hook.example/", text)?.status)
/// }
/// ```
pub fn post(url: &str, body: impl Into<Vec<u8>>) -> Result<HttpResponse, Error> {
    HttpCall::new("POST", url).body(body).send()
}

/// A request to be sent.
///
/// ```
/// use wharf_process_lib::http_client::HttpCall;
///
/// fn change(id: u64) -> Result<u16, Box<dyn std::error::Error>> {
///     let call = HttpCall::new("PATCH", &format!("https://api.example/notes/{id}")).json(&["milk"])?;
///     Ok(call.header("Authorization", "Bearer 1").timeout_s(5).send()?.status)
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct HttpCall {
    request: OutgoingHttpRequest,
    body: Vec<u8>,
    timeout_s: u64,
}

impl HttpCall {
    /// A request without headers and body, for `http://…` or `https://…`.
    pub fn new(method: &str, url: &str) -> Self {
        let (method, url) = (method.to_owned(), url.to_owned());
        let request = OutgoingHttpRequest { method, version: None, url, headers: BTreeMap::new() };
        Self { request, body: Vec::new(), timeout_s: TIMEOUT_S }
    }

    /// A header, in place of one of this name in any case.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
        self
    }

    /// `HTTP/1.1` or `HTTP/2.0`, in place of what the server prefers.
    pub fn version(mut self, version: &str) -> Self {
        self.request.version = Some(version.to_owned());
        self
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A body of JSON, with its content type.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, serde_json::Error> {
        Ok(self.body(serde_json::to_vec(body)?).header("Content-Type", "application/json"))
    }

    /// Waits at most so many seconds, in place of 30. The node has a bound of its own.
    pub fn timeout_s(mut self, timeout_s: u64) -> Self {
        self.timeout_s = timeout_s;
        self
    }

    /// Sends it and waits for the answer; other messages wait meanwhile. Redirects are followed.
    pub fn send(self) -> Result<HttpResponse, Error> {
        let tried = format!("{} {}", self.request.method, self.request.url);
        let blob = LazyLoadBlob { mime: None, bytes: self.body };
        let (response, answer) = ask(&tried, &HttpClientAction::Http(self.request), Some(blob), self.timeout_s)?;
        let HttpClientResponse::Http(head) = response else { return Err(CallError::unexpected(&tried)) };
        let body = answer.blob().map(|blob| blob.bytes).unwrap_or_default();
        Ok(HttpResponse { status: head.status, headers: head.headers, body })
    }
}

/// What a server answered.
///
/// ```
/// use std::collections::BTreeMap;
/// use wharf_process_lib::http_client::HttpResponse;
///
/// let headers = BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())]);
/// let response = HttpResponse { status: 200, headers, body: b"[1,2]".to_vec() };
/// assert_eq!(response.header("content-type"), Some("application/json"));
/// assert_eq!(response.json::<Vec<u8>>().unwrap(), [1, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Names Like-This. Repeated ones are joined with `, `, but of several `Set-Cookie` it is the last.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A header by its name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}

/// A WebSocket to a server. It is closed by [`WebSocket::close`], by the server, or when the process ends.
///
/// ```
/// use wharf_process_lib::http_client::{self, WebSocket};
///
/// fn subscribe() -> Result<WebSocket, http_client::Error> {
///     let socket = WebSocket::open(1, "wss://news.example/live", Default::default())?;
///     socket.send_text("all of it")?;
///     Ok(socket)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WebSocket {
    channel_id: u32,
}

impl WebSocket {
    /// Opens one at `ws://…` or `wss://…` under this number; one of ours with the same number is closed first.
    pub fn open(channel_id: u32, url: &str, headers: BTreeMap<String, String>) -> Result<Self, Error> {
        let action = HttpClientAction::WebSocketOpen { url: url.to_owned(), headers, channel_id };
        acknowledged(&format!("open {url}"), &action, None)?;
        Ok(Self { channel_id })
    }

    /// The one of this number, which was opened before.
    pub fn of_channel(channel_id: u32) -> Self {
        Self { channel_id }
    }

    /// Its number.
    pub fn channel_id(self) -> u32 {
        self.channel_id
    }

    /// Sends text. Waits while too much is on its way already.
    pub fn send_text(self, text: &str) -> Result<(), Error> {
        self.push(WsMessageType::Text, text.as_bytes())
    }

    /// Sends bytes, likewise.
    pub fn send_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.push(WsMessageType::Binary, bytes)
    }

    /// Asks the server for a sign of life, which comes as [`Event::Pong`]. At most 125 bytes.
    pub fn ping(self, bytes: &[u8]) -> Result<(), Error> {
        self.push(WsMessageType::Ping, bytes)
    }

    /// Closes it, after what was sent before. Nothing comes from it any more then.
    pub fn close(self) -> Result<(), Error> {
        let channel_id = self.channel_id;
        acknowledged(&format!("close WebSocket {channel_id}"), &HttpClientAction::WebSocketClose { channel_id }, None)
    }

    fn push(self, message_type: WsMessageType, bytes: &[u8]) -> Result<(), Error> {
        let channel_id = self.channel_id;
        let action = HttpClientAction::WebSocketPush { channel_id, message_type };
        let blob = LazyLoadBlob { mime: None, bytes: bytes.to_vec() };
        acknowledged(&format!("send to WebSocket {channel_id}"), &action, Some(blob))
    }
}

/// What comes from a WebSocket.
///
/// ```
/// use wharf_process_lib::http_client::{Event, event};
/// use wharf_process_lib::{Message, println};
///
/// fn on_message(message: &Message) {
///     match event(message) {
///         Some((number, Event::Text(text))) => println!("{number}: {text}"),
///         Some((number, Event::Closed)) => println!("{number} is closed"),
///         _ => {}
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// The server asked for a sign of life; it was given one.
    Ping,
    /// The server gave one.
    Pong,
    /// It is closed, and its number is free.
    Closed,
}

/// Reads a message from the HTTP client of this node: the number of the WebSocket, and what happened. `None` for every
/// other message. Call it before waiting for anything else: see [`Message::blob`].
///
/// ```
/// use wharf_process_lib::http_client::{Event, event};
/// use wharf_process_lib::{Message, println};
///
/// fn on_message(message: &Message) {
///     match event(message) {
///         Some((number, Event::Text(text))) => println!("{number}: {text}"),
///         Some((number, Event::Closed)) => println!("{number} is closed"),
///         _ => {}
///     }
/// }
/// ```
pub fn event(message: &Message) -> Option<(u32, Event)> {
    if !matches!(message, Message::Request { .. }) || !message.is_from(&ProcessId::system("http-client")) {
        return None;
    }
    let (channel_id, message_type) = match message.json().ok()? {
        HttpClientRequest::WebSocketClose { channel_id } => return Some((channel_id, Event::Closed)),
        HttpClientRequest::WebSocketPush { channel_id, message_type } => (channel_id, message_type),
    };
    let bytes = || message.blob().map(|blob| blob.bytes).unwrap_or_default();
    let event = match message_type {
        WsMessageType::Text => Event::Text(String::from_utf8_lossy(&bytes()).into_owned()),
        WsMessageType::Binary => Event::Bytes(bytes()),
        WsMessageType::Ping => Event::Ping,
        WsMessageType::Pong => Event::Pong,
        WsMessageType::Close => Event::Closed,
    };
    Some((channel_id, event))
}

fn acknowledged(tried: &str, action: &HttpClientAction, blob: Option<LazyLoadBlob>) -> Result<(), Error> {
    match ask(tried, action, blob, TIMEOUT_S)?.0 {
        HttpClientResponse::WebSocketAck => Ok(()),
        HttpClientResponse::Http(_) => Err(CallError::unexpected(tried)),
    }
}

fn ask(
    tried: &str,
    action: &HttpClientAction,
    blob: Option<LazyLoadBlob>,
    timeout_s: u64,
) -> Result<(HttpClientResponse, Message), Error> {
    let mut request = Request::to_module("http-client")
        .json(action)
        .map_err(|error| CallError::Malformed { tried: tried.to_owned(), error: error.to_string() })?;
    if let Some(blob) = blob {
        request = request.blob(blob);
    }
    let (reply, answer): (HttpClientReply, Message) = call(request, tried, timeout_s)?;
    match reply {
        Ok(response) => Ok((response, answer)),
        Err(source) => Err(CallError::Refused { tried: tried.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_replaces_one_of_its_name_in_any_case() {
        let call = HttpCall::new("POST", "http://a.example").json(&1).map(|call| call.header("content-type", "a/b"));
        let headers = BTreeMap::from([("content-type".to_owned(), "a/b".to_owned())]);
        assert_eq!(call.map(|call| call.request.headers).ok(), Some(headers));
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let headers = BTreeMap::from([("Content-Type".to_owned(), "text/html".to_owned())]);
        let response = HttpResponse { status: 200, headers, body: b"[1]".to_vec() };
        assert_eq!(response.header("content-TYPE"), Some("text/html"));
        assert_eq!(response.header("content"), None);
        assert_eq!((response.text().as_str(), response.json().ok()), ("[1]", Some([1])));
    }
}
