//! What a process asks of its sockets.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use wharf_kernel::Limit;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::Caller;
use wharf_types::http_server::{HttpServerError, MessageType, WsMessageType};

use super::ending::Ending;
use super::extension::{TooManyAsked, wrap};
use super::outbox::NotQueued;
use super::registry::{Socket, Sockets};
use crate::body::shared;

/// Longest payload of a control frame.
const CONTROL_BYTES_MAX: usize = 125;
/// Sockets that are ended at most to make room for one frame.
const ENDED_MAX: usize = 64;
/// From this size on, wrapping is moved off the threads that serve everyone.
const LARGE_BYTES: usize = 64 << 10;

/// What became of a message for an extension.
#[derive(Debug)]
pub(crate) enum ForExtension {
    /// It is on its way; the extension answers.
    Sent,
    /// It was refused.
    Refused(HttpServerError),
    /// It was refused, and the protocol has no kind for the reason.
    Because(wharf_types::Failure),
}

impl Sockets {
    /// Sends the blob as a frame.
    pub(crate) async fn push(
        &self,
        caller: &Caller,
        channel: u32,
        kind: WsMessageType,
        blob: Option<Blob>,
    ) -> Result<(), HttpServerError> {
        // C2: a close is a close, with a blob or without.
        if kind == WsMessageType::Close {
            self.end(caller, channel);
            return Ok(());
        }
        let socket = self.of(caller.life(), channel).ok_or(HttpServerError::WsChannelNotFound)?;
        let blob = blob.ok_or(HttpServerError::NoBlob)?;
        let control = matches!(kind, WsMessageType::Ping | WsMessageType::Pong);
        if control && blob.bytes.len() > CONTROL_BYTES_MAX {
            return Err(HttpServerError::WsPingPongTooLong);
        }
        let bytes = shared(blob.bytes);
        let bytes = if kind == WsMessageType::Text { text(bytes) } else { bytes };
        self.send(caller, &socket, kind, bytes).await
    }

    /// Closes a socket of the caller. One that is not open is closed already.
    pub(crate) fn end(&self, caller: &Caller, channel: u32) {
        if let Some(socket) = self.of(caller.life(), channel) {
            socket.outbox.end(Ending::Process);
        }
    }

    /// Sends the blob to an extension, which answers in place of this module.
    pub(crate) async fn push_to_extension(
        &self,
        caller: &Caller,
        channel: u32,
        kind: WsMessageType,
        desired: MessageType,
        blob: Option<Blob>,
    ) -> ForExtension {
        let found = self.of(caller.life(), channel).filter(|socket| socket.extension.is_some());
        let Some(socket) = found else { return ForExtension::Refused(HttpServerError::WsChannelNotFound) };
        let Some(blob) = blob.filter(|_| kind == WsMessageType::Binary) else {
            return ForExtension::Refused(HttpServerError::NoBlob);
        };
        let id = match number(&socket, caller, desired) {
            Ok(id) => id,
            Err(error) => return ForExtension::Because(wharf_types::Failure::new(error)),
        };
        let wrapped = if blob.bytes.len() < LARGE_BYTES {
            wrap(id, desired, &blob.bytes)
        } else {
            match spawn_blocking(move || wrap(id, desired, &blob.bytes)).await {
                Ok(wrapped) => wrapped,
                Err(_) => return ForExtension::Because(wharf_types::Failure::new("the node is stopping")),
            }
        };
        match wrapped {
            Ok(bytes) => match self.send(caller, &socket, kind, bytes.into()).await {
                Ok(()) => ForExtension::Sent,
                Err(error) => ForExtension::Refused(error),
            },
            Err(error) => ForExtension::Because(wharf_types::Failure::new(error)),
        }
    }

    /// Queues a frame. A client that is too far behind loses its socket, and whoever pushes next is told so.
    async fn send(
        &self,
        caller: &Caller,
        socket: &Arc<Socket>,
        kind: WsMessageType,
        bytes: Bytes,
    ) -> Result<(), HttpServerError> {
        for _ in 0..ENDED_MAX {
            match socket.outbox.push(kind, bytes.clone()) {
                Ok(()) => return Ok(()),
                Err(NotQueued::Ending) => return Err(HttpServerError::WsChannelNotFound),
                Err(NotQueued::Full) => break,
                Err(NotQueued::Busy) => {
                    let Some(slowest) = self.end_slowest() else { break };
                    let process = slowest.life.address().process();
                    tracing::info!(%process, channel = slowest.id, "ended the WebSocket whose client is furthest behind");
                    caller.kernel().hit(process, Limit::SocketQueue);
                    // What it is in the middle of is given back then. Its task does not wait for its client.
                    slowest.left.cancelled().await;
                }
            }
        }
        socket.outbox.end_now(Ending::Slow);
        caller.kernel().hit(caller.source().process(), Limit::SocketQueue);
        Err(HttpServerError::WsChannelNotFound)
    }
}

fn number(socket: &Socket, caller: &Caller, desired: MessageType) -> Result<u64, TooManyAsked> {
    let Some(asked) = &socket.extension else { return Ok(0) };
    match (desired, caller.expects()) {
        (MessageType::Response, Some(wait)) => asked.keep(caller.replier(), wait.duration()),
        (MessageType::Response, None) | (MessageType::Request, _) => Ok(asked.number()),
    }
}

/// Text as it is if it is text, without a copy; else what can be read of it.
fn text(bytes: Bytes) -> Bytes {
    if std::str::from_utf8(&bytes).is_ok() {
        return bytes;
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}
