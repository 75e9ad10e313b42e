//! The endpoint for tools, `POST /rpc:distro:sys/message`: sends a message to any process in the name of the node's
//! owner. Everything about it is refused that could come from someone else: another machine, a proxy, a web page, a
//! process of this node (S4). Until the token has been seen, nothing is said about what would come next. With
//! [`Tools::KitCompat`], the token may be left out, and only that.

use std::net::SocketAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::task::spawn_blocking;
use wharf_kernel::envelope::{Blob, Content, Envelope, MessageId, Seconds};
use wharf_kernel::public_id::PublicId;
use wharf_kernel::{CallError, SendAs};
use wharf_types::rpc::{RpcMessage, RpcRefusal, RpcRefusalKind, RpcReply};
use wharf_types::{Address, LazyLoadBlob, NodeName};

use crate::access::{ControlToken, NotOwner, check_tool};
use crate::auth::{Arrival, Tools};
use crate::body::{self, AnswerBody, BodyError};
use crate::refusal::{json, show_id};
use crate::serve::Server;

/// Longest that a caller may wait. The command line does not ask for more.
const WAIT_S_MAX: u64 = 900;

/// From this size on, converting JSON and base64 is moved off the threads that serve everyone.
const LARGE_BYTES: usize = 64 << 10;

/// A call that is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
struct Refused {
    kind: RpcRefusalKind,
    error: String,
    /// Of a call that became a message.
    request: Option<PublicId>,
}

impl Refused {
    fn new(kind: RpcRefusalKind, error: impl std::fmt::Display) -> Self {
        Self { kind, error: error.to_string(), request: None }
    }

    fn of(self, request: PublicId) -> Self {
        Self { request: Some(request), ..self }
    }

    fn response(self) -> Response<AnswerBody> {
        let mut response = json(status_of(self.kind), &RpcRefusal { kind: self.kind, error: self.error });
        if self.kind == RpcRefusalKind::MethodNotAllowed {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        }
        if let Some(request) = self.request {
            show_id(&mut response, request);
        }
        response
    }
}

fn status_of(kind: RpcRefusalKind) -> StatusCode {
    match kind {
        RpcRefusalKind::Malformed => StatusCode::BAD_REQUEST,
        RpcRefusalKind::Unauthorized => StatusCode::UNAUTHORIZED,
        RpcRefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RpcRefusalKind::NoSuchProcess => StatusCode::NOT_FOUND,
        RpcRefusalKind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        RpcRefusalKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        RpcRefusalKind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        RpcRefusalKind::Offline => StatusCode::BAD_GATEWAY,
        RpcRefusalKind::MailboxFull => StatusCode::SERVICE_UNAVAILABLE,
        RpcRefusalKind::Timeout => StatusCode::REQUEST_TIMEOUT,
    }
}

/// Answers a call.
pub(crate) async fn answer(server: &Server, arrival: &Arrival, request: Request<Incoming>) -> Response<AnswerBody> {
    let peer = arrival.peer;
    call(server, peer, request).await.unwrap_or_else(|refused| {
        let request = refused.request.map(tracing::field::display);
        tracing::debug!(%peer, request, kind = ?refused.kind, error = %refused.error, "RPC call refused");
        refused.response()
    })
}

async fn call(server: &Server, peer: SocketAddr, request: Request<Incoming>) -> Result<Response<AnswerBody>, Refused> {
    let (parts, body) = request.into_parts();
    check(peer, &parts, &server.token, server.gate.tools)?;
    let settings = &server.settings;
    let body = body::read(body, settings.rpc_body_bytes_max, settings.body_wait, &server.buffered.tools).await;
    let (bytes, held) = body.map_err(|error| Refused::new(kind_of(&error), error))?;
    let call = if bytes.len() < LARGE_BYTES { parse(&bytes)? } else { off_thread(move || parse(&bytes)).await?? };
    let id = server.handle.new_request();
    let request = server.handle.kernel().public_id(id);
    let reply = send(server, id, call).await;
    drop(held);
    let mut response = match reply.map_err(|refused| refused.of(request))? {
        None => Response::new(AnswerBody::default()),
        Some(envelope) => reply_to(envelope, settings.rpc_reply_blob_bytes_max).await?,
    };
    show_id(&mut response, request);
    Ok(response)
}

/// Whether the request may be read at all. The order matters: see the module's documentation.
fn check(peer: SocketAddr, parts: &Parts, token: &ControlToken, tools: Tools) -> Result<(), Refused> {
    check_tool(peer.ip(), parts, token, tools).map_err(|reason| {
        let kind = match reason {
            NotOwner::NotLocal(_) => RpcRefusalKind::Forbidden,
            NotOwner::NoToken => RpcRefusalKind::Unauthorized,
        };
        Refused::new(kind, reason)
    })?;
    if parts.method != Method::POST {
        return Err(Refused::new(RpcRefusalKind::MethodNotAllowed, "only POST is understood here"));
    }
    if !is_json(parts) {
        let error = "only `Content-Type: application/json` is understood here";
        return Err(Refused::new(RpcRefusalKind::UnsupportedMediaType, error));
    }
    Ok(())
}

fn is_json(parts: &Parts) -> bool {
    let media_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn kind_of(error: &BodyError) -> RpcRefusalKind {
    match error {
        BodyError::TooLarge { .. } => RpcRefusalKind::TooLarge,
        BodyError::Busy => RpcRefusalKind::MailboxFull,
        BodyError::Slow => RpcRefusalKind::Timeout,
        BodyError::Broken(_) => RpcRefusalKind::Malformed,
    }
}

/// A call that was understood.
#[derive(Debug)]
struct Call {
    message: RpcMessage,
    blob: Option<Blob>,
}

fn parse(bytes: &[u8]) -> Result<Call, Refused> {
    let mut message: RpcMessage = serde_json::from_slice(bytes)
        .map_err(|error| Refused::new(RpcRefusalKind::Malformed, format_args!("the body is not a message: {error}")))?;
    let data = message.data.take().map(|data| BASE64_STANDARD.decode(data)).transpose();
    let data = data.map_err(|error| {
        Refused::new(RpcRefusalKind::Malformed, format_args!("`data` is not standard base64: {error}"))
    })?;
    let blob = data.map(|data| Blob::new(message.mime.as_deref(), data));
    Ok(Call { message, blob })
}

/// All that is read of a call, for [`crate::fuzzing`].
#[cfg(feature = "fuzzing")]
pub(crate) fn read(bytes: &[u8]) {
    let _ = parse(bytes).is_ok();
}

async fn send(server: &Server, id: MessageId, call: Call) -> Result<Option<Envelope>, Refused> {
    let Call { message, blob } = call;
    let ours = server.handle.node();
    if let Some(node) = message.node.as_deref().filter(|node| *node != NodeName::OUR && *node != ours.as_str()) {
        return Err(Refused::new(RpcRefusalKind::Offline, format_args!("the node `{node}` cannot be reached")));
    }
    let target = Address::new(ours.clone(), message.process);
    let mut content = Content::body(message.body.unwrap_or_default().into_bytes());
    content.metadata = message.metadata.map(Into::into);
    let sent = match message.expects_response {
        Some(wait_s) => {
            let wait = Seconds(wait_s.min(WAIT_S_MAX));
            server.handle.request_as(id, &target, content, blob, wait, SendAs::Owner).await.map(Some)
        }
        None => server.handle.tell_as(id, &target, content, blob, SendAs::Owner).await.map(|()| None),
    };
    sent.map_err(|error| failed(&target, error))
}

fn failed(target: &Address, error: CallError) -> Refused {
    let kind = match error {
        CallError::NoSuchProcess => RpcRefusalKind::NoSuchProcess,
        CallError::NotAllowed => RpcRefusalKind::Forbidden,
        CallError::MailboxFull | CallError::TooManyOutstanding => RpcRefusalKind::MailboxFull,
        CallError::TooLarge(_) => RpcRefusalKind::TooLarge,
        CallError::Timeout => RpcRefusalKind::Timeout,
        CallError::Offline => RpcRefusalKind::Offline,
    };
    Refused::new(kind, format_args!("cannot send to `{}`: {error}", target.process()))
}

async fn reply_to(envelope: Envelope, blob_bytes_max: usize) -> Result<Response<AnswerBody>, Refused> {
    let bytes = envelope.content.body.len() + envelope.blob.as_ref().map_or(0, |blob| blob.bytes.len());
    if bytes > blob_bytes_max {
        let error = format_args!("the response has {bytes} bytes, and {blob_bytes_max} can be carried here");
        return Err(Refused::new(RpcRefusalKind::TooLarge, error));
    }
    let json = if bytes < LARGE_BYTES { reply(&envelope) } else { off_thread(move || reply(&envelope)).await? };
    let mut response = Response::new(AnswerBody::from(json));
    // Existing tools were written against a node that says so.
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    Ok(response)
}

/// The JSON of a reply; the bytes of the blob are the ASCII codes of its base64.
fn reply(envelope: &Envelope) -> Vec<u8> {
    let blob = envelope.blob.as_ref().map(|blob| LazyLoadBlob {
        mime: blob.mime.as_deref().map(str::to_owned),
        bytes: BASE64_STANDARD.encode(&*blob.bytes).into_bytes(),
    });
    let reply = RpcReply {
        body: envelope.content.body.to_vec(),
        lazy_load_blob: blob,
        metadata: envelope.content.metadata.as_deref().map(str::to_owned),
    };
    // Numbers and text are always JSON.
    serde_json::to_vec(&reply).unwrap_or_default()
}

/// Runs a conversion that may take milliseconds. It fails only when the node is stopping.
async fn off_thread<T: Send + 'static>(convert: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    let stopping = |_| Refused::new(RpcRefusalKind::MailboxFull, "the node is stopping");
    spawn_blocking(convert).await.map_err(stopping)
}

#[cfg(test)]
#[path = "rpc_tests.rs"]
mod tests;
