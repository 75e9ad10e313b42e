//! What `http-client:distro:sys` is asked and answers, and the frames it sends to processes.
//!
//! Sending it messages takes its messaging capability. A process that holds capabilities `{"host":"<pattern>"}` of this module
//! may ask only those hosts; addresses that are not public are refused to everyone, unless the node's settings allow them. For
//! frames of WebSockets to arrive, the process grants the module its own messaging capability.
//!
//! Where a reason has no kind of error it is in the metadata of the response, `{"error":"…"}`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::http_server::WsMessageType;

/// Longest name of a host, and longest part of one (RFC 1035).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A request to the HTTP client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpClientAction {
    /// Send an HTTP request; the blob is its body.
    ///
    /// * Blob: the body.
    /// * Takes: messaging, and the host: see above.
    /// * Answers: `{"Ok":{"Http":…}}`, with the body as blob.
    /// * Refuses: `BadMethod`, `BadUrl`, `BadVersion`, `BuildRequestFailed`, `ExecuteRequestFailed`.
    Http(OutgoingHttpRequest),
    /// Open a WebSocket.
    ///
    /// * Takes: messaging, and the host: see above.
    /// * Answers: `{"Ok":"WebSocketAck"}`.
    /// * Refuses: `BadUrl`; `WsOpenFailed`, with the reason in the metadata.
    WebSocketOpen {
        /// `ws://…` or `wss://…`.
        url: String,
        /// Headers of the request that opens it.
        headers: BTreeMap<String, String>,
        /// The number the caller gives to the socket. One of its own with the same number is closed first.
        channel_id: u32,
    },
    /// Send the blob as a frame.
    ///
    /// * Blob: the bytes.
    /// * Takes: messaging, and that the socket is the caller's.
    /// * Answers: `{"Ok":"WebSocketAck"}`, when there is room for another frame.
    /// * Refuses: `WsPushUnknownChannel`, `WsPushNoBlob`, `WsPushBadText`.
    WebSocketPush {
        /// Number of the socket.
        channel_id: u32,
        /// What kind of frame.
        message_type: WsMessageType,
    },
    /// Close a socket.
    ///
    /// * Takes: messaging, and that the socket is the caller's.
    /// * Answers: `{"Ok":"WebSocketAck"}`.
    /// * Refuses: `WsCloseFailed`.
    WebSocketClose {
        /// Number of the socket.
        channel_id: u32,
    },
}

/// An HTTP request to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingHttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// `HTTP/0.9` to `HTTP/3.0`; without it, what the server speaks.
    pub version: Option<String>,
    /// `http://…` or `https://…`.
    pub url: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
}

/// The answer to an [`HttpClientAction`].
pub type HttpClientReply = Result<HttpClientResponse, HttpClientError>;

/// What an [`HttpClientAction`] led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpClientResponse {
    /// Status and headers, names Like-This; the body is the blob.
    Http(IncomingHttpResponse),
    /// The socket is open, the frame is sent, or the socket is closed.
    WebSocketAck,
}

/// The head of an answer from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingHttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers, names Like-This; of a repeated one the last value.
    pub headers: BTreeMap<String, String>,
}

/// Why the HTTP client refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HttpClientError {
    /// Not an action.
    #[error("malformed request")]
    MalformedRequest,
    /// Not an HTTP method.
    #[error("`{method}` is not an HTTP method")]
    BadMethod {
        /// What it was.
        method: String,
    },
    /// Not a URL, or not one that can be asked.
    #[error("`{url}` cannot be asked")]
    BadUrl {
        /// What it was.
        url: String,
    },
    /// Not a version of HTTP that the node speaks.
    #[error("`{version}` is not a version of HTTP that can be used")]
    BadVersion {
        /// What it was.
        version: String,
    },
    /// The parts are no request.
    #[error("the request could not be built: {0}")]
    BuildRequestFailed(String),
    /// No answer came.
    #[error("the request failed: {0}")]
    ExecuteRequestFailed(String),
    /// No WebSocket could be opened.
    #[error("no WebSocket could be opened at `{url}`")]
    WsOpenFailed {
        /// Where.
        url: String,
    },
    /// The caller has no such socket.
    #[error("no WebSocket {channel_id} is open")]
    WsPushUnknownChannel {
        /// Its number.
        channel_id: u32,
    },
    /// A frame without bytes.
    #[error("a frame needs a blob")]
    WsPushNoBlob,
    /// A text frame that is not UTF-8.
    #[error("a text frame needs UTF-8")]
    WsPushBadText,
    /// The caller has no such socket to close.
    #[error("no WebSocket {channel_id} is open")]
    WsCloseFailed {
        /// Its number.
        channel_id: u32,
    },
}

/// What a process receives from the HTTP client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpClientRequest {
    /// A frame came; the bytes are the blob.
    WebSocketPush {
        /// Number of the socket.
        channel_id: u32,
        /// What kind of frame.
        message_type: WsMessageType,
    },
    /// The socket is closed.
    WebSocketClose {
        /// Its number.
        channel_id: u32,
    },
}

/// Params of a capability that holds a process to hosts: `{"host":"<pattern>"}`, and nothing else in it.
///
/// The client and whoever shows a package's rights read them with this, so that nothing is shown as a limit that is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostParams {
    /// `*`, `*.example.com`, or one host.
    pub host: String,
}

impl HostParams {
    /// Whether the pattern is one that the client takes for sure.
    ///
    /// Names in ASCII and addresses as they are usually written are. Some others that the client takes are not, such as
    /// names in other scripts, encoded (`xn--`) or not: to tell, its whole reading of URLs would be needed here.
    pub fn is_plain(&self) -> bool {
        let host = self.host.as_str();
        if host == "*" || is_plain_name(host.strip_prefix("*.").unwrap_or(host)) {
            return true;
        }
        let in_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        in_brackets.map_or_else(|| host.parse::<Ipv4Addr>().is_ok(), |inner| inner.parse::<Ipv6Addr>().is_ok())
    }
}

/// Letters, digits, `-` and `_`, between dots. The last part begins with a letter: otherwise it may be an address.
fn is_plain_name(name: &str) -> bool {
    let is_plain_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
    };
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(is_plain_label)
        && name.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_alphabetic()))
}
