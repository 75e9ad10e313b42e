//! What `http-server:distro:sys` is asked and answers, and the requests it sends to processes.
//!
//! Sending it messages takes its messaging capability, and nothing else does: a process binds paths below its own
//! `/<process id>`. For its requests to arrive, the process grants it its own messaging capability.
//!
//! [`HttpServerRequest::Http`] is answered with an [`HttpResponse`], and the body as blob. Where a reason has no kind of error it
//! is in the metadata of the response, `{"error":"…"}`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request to the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpServerAction {
    /// Send requests for a path to the caller; with `cache`, answer GETs with the blob instead.
    ///
    /// * Blob: with `cache`, the answer; its media type is the `Content-Type`.
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `NoBlob`, `InvalidSourceProcess`; `MalformedRequest` for a path that cannot be bound.
    Bind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether only someone who is logged in may see it.
        authenticated: bool,
        /// Whether only this machine may see it.
        local_only: bool,
        /// Whether the blob is the answer to every GET.
        cache: bool,
    },
    /// [`HttpServerAction::Bind`] on the process's own subdomain.
    ///
    /// * Blob: with `cache`, the answer.
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: as `Bind`.
    SecureBind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether the blob is the answer to every GET.
        cache: bool,
    },
    /// The path answers 404 from now on.
    ///
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: as `Bind`.
    Unbind {
        /// Path below `/<process id>`.
        path: String,
    },
    /// Open WebSockets at a path for the caller.
    ///
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `InvalidSourceProcess`; `MalformedRequest` for a path that cannot be bound.
    WebSocketBind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether only someone who is logged in may connect.
        authenticated: bool,
        /// Whether the other end is a program on this machine that speaks for the process: see
        /// [`HttpServerAction::WebSocketExtPushOutgoing`].
        extension: bool,
    },
    /// [`HttpServerAction::WebSocketBind`] on the process's own subdomain.
    ///
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: as `WebSocketBind`.
    WebSocketSecureBind {
        /// Path below `/<process id>`.
        path: String,
        /// As in [`HttpServerAction::WebSocketBind`].
        extension: bool,
    },
    /// The path opens no WebSockets from now on.
    ///
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: as `WebSocketBind`.
    WebSocketUnbind {
        /// Path below `/<process id>`.
        path: String,
    },
    /// What the server tells a process; nobody may send it.
    ///
    /// * Takes: nobody may.
    /// * Answers: nothing.
    /// * Refuses: `MalformedRequest`.
    WebSocketOpen {
        /// Path below `/<process id>`.
        path: String,
        /// Number of the socket.
        channel_id: u32,
    },
    /// Send the blob as a frame.
    ///
    /// * Blob: the bytes; none is needed for `Close`.
    /// * Takes: messaging, and that the socket is the caller's.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `WsChannelNotFound`, also for a socket that was closed because its client reads too little;
    ///   `NoBlob`, `WsPingPongTooLong`.
    WebSocketPush {
        /// Number of the socket.
        channel_id: u32,
        /// What kind of frame.
        message_type: WsMessageType,
    },
    /// Send the blob to an extension, which answers in the name of the process.
    ///
    /// * Blob: the bytes.
    /// * Takes: messaging, and that the socket is the caller's.
    /// * Answers: what the extension answers; nothing, where it is asked for a request.
    /// * Refuses: `WsChannelNotFound`, `NoBlob`; `MalformedRequest` with the reason in the metadata.
    WebSocketExtPushOutgoing {
        /// Number of the socket.
        channel_id: u32,
        /// What kind of frame: only [`WsMessageType::Binary`] has room for the blob.
        message_type: WsMessageType,
        /// What the extension shall answer with.
        desired_reply_type: MessageType,
    },
    /// What goes over the socket of an extension, both ways, as MessagePack with names; nobody may send it as a message.
    ///
    /// * Takes: nobody may.
    /// * Answers: nothing.
    /// * Refuses: `MalformedRequest`.
    WebSocketExtPushData {
        /// Id of the request it belongs to.
        id: u64,
        /// What `blob` becomes.
        kinode_message_type: MessageType,
        /// The bytes.
        blob: Vec<u8>,
    },
    /// Close a socket of the caller. One that is not open is closed already.
    ///
    /// * Takes: messaging, and that the socket is the caller's.
    /// * Answers: `{"Ok":null}`.
    WebSocketClose(u32),
    /// An addition of ours: [`HttpServerAction::Bind`] for bodies of any length. A request comes before its body has
    /// arrived, with a number in [`IncomingHttpRequest::stream`] under which the process takes that body and gives its
    /// own, piece by piece.
    ///
    /// * Takes: messaging.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: as `Bind`.
    StreamBind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether only someone who is logged in may see it.
        authenticated: bool,
        /// Whether only this machine may see it.
        local_only: bool,
    },
    /// Take the next piece of a request's body, which comes as the blob of the reply; an empty one is the end.
    ///
    /// * Takes: messaging, and that the stream is the caller's.
    /// * Answers: `{"Ok":null}`, with the piece as blob.
    /// * Refuses: `StreamNotFound`, `StreamBusy`, `StreamBroken`.
    StreamRead(u32),
    /// Send the blob as the next piece of an answer's body. The reply comes when there is room for another.
    ///
    /// * Blob: the piece.
    /// * Takes: messaging, and that the stream is the caller's.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `StreamNotFound`, `StreamBusy`.
    StreamWrite(u32),
    /// The answer's body is complete.
    ///
    /// * Takes: messaging, and that the stream is the caller's.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `StreamNotFound`.
    StreamEnd(u32),
    /// The answer's body will not be complete: the client is told by a connection that breaks off.
    ///
    /// * Takes: messaging, and that the stream is the caller's.
    /// * Answers: `{"Ok":null}`.
    /// * Refuses: `StreamNotFound`.
    StreamAbort(u32),
}

/// What kind of frame a WebSocket carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WsMessageType {
    /// Text; bytes that are not UTF-8 are replaced.
    Text,
    /// Bytes.
    Binary,
    /// Asks the other end for a pong. At most 125 bytes.
    Ping,
    /// Answers a ping. At most 125 bytes.
    Pong,
    /// Ends the connection.
    Close,
}

/// Whether something is asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MessageType {
    /// It is asked.
    Request,
    /// It is answered.
    Response,
}

/// The answer to an [`HttpServerAction`]: `{"Ok":null}` or `{"Err":…}`.
pub type HttpServerReply = Result<(), HttpServerError>;

/// Why the HTTP server refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HttpServerError {
    /// Not an action, or one that nobody may send.
    #[error("malformed request")]
    MalformedRequest,
    /// `cache` without a blob.
    #[error("the action needs a blob")]
    NoBlob,
    /// The caller's id cannot be part of a URL.
    #[error("the id of the caller cannot be part of a URL")]
    InvalidSourceProcess,
    /// A ping or pong of more than 125 bytes.
    #[error("a ping or pong may have 125 bytes at most")]
    WsPingPongTooLong,
    /// No such socket, or another process's.
    #[error("no such WebSocket")]
    WsChannelNotFound,
    /// No such stream, another process's, one without a body to give yet, or a client that is gone.
    #[error("no such stream of a body, or its client is gone")]
    StreamNotFound,
    /// A piece is on its way in this direction, this one is too large, or the node is busy with others.
    #[error("there is no room for a piece of this size now")]
    StreamBusy,
    /// The body of a request did not arrive whole.
    #[error("the body of the request broke off")]
    StreamBroken,
}

/// What a process receives from the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpServerRequest {
    /// A request for a path it bound; the body is the blob.
    Http(IncomingHttpRequest),
    /// A WebSocket was opened at a path it bound.
    WebSocketOpen {
        /// Path below `/<process id>`, with a leading slash.
        path: String,
        /// Number of the socket from now on.
        channel_id: u32,
    },
    /// A frame came; the bytes are the blob.
    WebSocketPush {
        /// Number of the socket.
        channel_id: u32,
        /// What kind of frame.
        message_type: WsMessageType,
    },
    /// The socket is closed.
    WebSocketClose(u32),
}

/// An HTTP request as a process sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingHttpRequest {
    /// Who asks, `ip:port`.
    pub source_socket_addr: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// `http://host/path`: no port, no trailing slash, no query.
    pub url: String,
    /// The whole URL as the client asked it, with `https` where that is so. An addition of ours; there only if it says more
    /// than `url`, apart from the port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The path as it was bound, with `/<process id>` before it.
    pub bound_path: String,
    /// Names in lower case; of a repeated header the last value.
    pub headers: BTreeMap<String, String>,
    /// What `:name` and `*name` of the bound path matched.
    pub url_params: BTreeMap<String, String>,
    /// The query.
    pub query_params: BTreeMap<String, String>,
    /// At a path of [`HttpServerAction::StreamBind`]: the number of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
}

/// What a process answers; the body is the blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers. Of several spellings of one name the last counts.
    pub headers: BTreeMap<String, HeaderValues>,
    /// The stream of the request, if the body follows by [`HttpServerAction::StreamWrite`]. There is no blob then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
}

/// What a header of an answer carries: one text, as in Kinode, or a list of texts, which is an addition of ours: a
/// header for each, so that several cookies can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderValues {
    /// One.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl HeaderValues {
    /// The first.
    pub fn first(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Many(values) => values.first().map(String::as_str),
        }
    }

    /// Adds another.
    pub fn push(&mut self, value: String) {
        match self {
            Self::One(first) => *self = Self::Many(vec![std::mem::take(first), value]),
            Self::Many(values) => values.push(value),
        }
    }
}

impl From<&str> for HeaderValues {
    fn from(value: &str) -> Self {
        Self::One(value.to_owned())
    }
}

impl From<Vec<String>> for HeaderValues {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}
