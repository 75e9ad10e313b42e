//! One WebSocket, from its opening to its end: a task that hands messages through, both ways.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::header;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;
use wharf_kernel::envelope::{Blob, Content, ReplyPath};
use wharf_kernel::module::Replier;
use wharf_kernel::{ModuleHandle, SendAs};
use wharf_types::ProcessId;
use wharf_types::http_client::{HttpClientRequest, HttpClientResponse};
use wharf_types::http_server::WsMessageType;

use crate::dial::{Place, Stream};
use crate::exchange::{OF_THE_WAY, parse_url, read_headers, take_credentials};
use crate::fault::Fault;
use crate::module::{Domain, refuse_socket, reply};
use crate::rules::Permission;
use crate::sockets::{CLOSE_WAIT, Wanted};

/// What a socket has read and not looked at yet. Small: a node may have many that are idle.
const READ_BUFFER_BYTES: usize = 8 << 10;

/// What a socket is told.
pub(crate) enum Line {
    /// Send this; the room it takes in the queue is given back then.
    Message(Message, OwnedSemaphorePermit),
    /// Close.
    End,
}

/// A socket that is being opened.
pub(crate) struct Opening {
    pub(crate) wanted: Wanted,
    pub(crate) permission: Permission,
    pub(crate) domain: Arc<Domain>,
    pub(crate) handle: ModuleHandle,
    pub(crate) life: ReplyPath,
    pub(crate) replier: Replier,
    pub(crate) wait: Duration,
    pub(crate) end: CancellationToken,
    pub(crate) queue: mpsc::Receiver<Line>,
}

type Socket = WebSocketStream<Stream>;

/// Whether the process is told that its socket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// It closed it itself, or is gone.
    Known,
    /// The peer did, or the connection broke.
    News,
}

impl Opening {
    /// Opens it, answers, and serves it until it ends. `forget` is called before the process is told of the end, so that it
    /// may open another at once.
    pub(crate) async fn run(mut self, process: ProcessId, forget: impl Fn()) {
        let stop = self.handle.kernel().stop().clone();
        let (end, life) = (self.end.clone(), self.life.clone());
        let opened = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = life.ended() => return,
            () = end.cancelled() => Err(Fault::Over),
            opened = tokio::time::timeout(self.wait, self.connect()) => opened.unwrap_or(Err(Fault::Late(self.wait))),
        };
        let socket = match opened {
            Ok(socket) => socket,
            Err(fault) => {
                forget();
                return refuse_socket(&self.handle, &process, &self.replier, self.wanted.url, &fault);
            }
        };
        reply(&self.replier, &Ok(HttpClientResponse::WebSocketAck), None);
        let to = Process {
            handle: self.handle,
            life: self.life,
            stall: self.domain.rules.limits.socket_stall,
            channel_id: self.wanted.channel_id,
        };
        let (mut sink, stream) = socket.split();
        let ending = tokio::select! {
            biased;
            () = stop.cancelled() => Ending::Known,
            () = life.ended() => Ending::Known,
            () = end.cancelled() => Ending::Known,
            ending = send_all(&mut self.queue, &mut sink, to.stall) => ending,
            () = to.receive_all(stream) => Ending::News,
        };
        // What comes between a polite close and the peer's is for nobody.
        drop(tokio::time::timeout(CLOSE_WAIT, sink.close()).await);
        forget();
        if ending == Ending::News {
            to.tell(&HttpClientRequest::WebSocketClose { channel_id: to.channel_id }, None).await;
        }
    }

    async fn connect(&self) -> Result<Socket, Fault> {
        let mut url = parse_url(&self.wanted.url, ["ws", "wss"])?;
        let own = [OF_THE_WAY, OF_THE_HANDSHAKE].concat();
        let mut headers = read_headers(&self.wanted.headers, &own)?;
        if let Some(credentials) = take_credentials(&mut url) {
            headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        let failed = |error: &dyn std::fmt::Display| Fault::Socket(self.wanted.url.clone(), error.to_string());
        let host = self.permission.check(&url)?;
        let mut request = url.as_str().into_client_request().map_err(|error| failed(&error))?;
        request.headers_mut().extend(headers);
        let place = Place {
            host,
            port: url.port_or_known_default().unwrap_or(80),
            tls: (url.scheme() == "wss").then(|| Arc::clone(&self.domain.socket_tls)),
        };
        let stream = self.domain.dialer.connect(&place).await?;
        let bytes_max = Some(self.domain.rules.limits.socket_message_bytes_max);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(bytes_max)
            .max_frame_size(bytes_max);
        let opened = tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        opened.map(|(socket, _)| socket).map_err(|error| failed(&error))
    }
}

/// Headers that opening a WebSocket is made of.
const OF_THE_HANDSHAKE: &[&str] =
    &["sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions", "sec-websocket-accept"];

/// Sends what the process wants sent, until it wants the end or the peer takes nothing any more.
async fn send_all(queue: &mut mpsc::Receiver<Line>, sink: &mut SplitSink<Socket, Message>, stall: Duration) -> Ending {
    while let Some(line) = queue.recv().await {
        let (message, _room) = match line {
            Line::Message(message, room) => (message, room),
            Line::End => return Ending::Known,
        };
        if !matches!(tokio::time::timeout(stall, sink.send(message)).await, Ok(Ok(()))) {
            return Ending::News;
        }
    }
    Ending::Known
}

/// The process that a socket belongs to.
struct Process {
    handle: ModuleHandle,
    life: ReplyPath,
    stall: Duration,
    channel_id: u32,
}

impl Process {
    /// Hands on what the peer sends, until it ends or the process takes nothing any more. Nothing is read ahead.
    async fn receive_all(&self, mut stream: SplitStream<Socket>) {
        while let Some(Ok(message)) = stream.next().await {
            let (message_type, blob) = match message {
                Message::Text(text) => {
                    (WsMessageType::Text, Some(Blob::new(Some("text/plain"), text.as_bytes().to_vec())))
                }
                Message::Binary(bytes) => {
                    (WsMessageType::Binary, Some(Blob::new(Some("application/octet-stream"), bytes.into())))
                }
                Message::Ping(_) => (WsMessageType::Ping, None),
                Message::Pong(_) => (WsMessageType::Pong, None),
                Message::Close(_) => return,
                Message::Frame(_) => continue,
            };
            let request = HttpClientRequest::WebSocketPush { channel_id: self.channel_id, message_type };
            if !self.tell(&request, blob).await {
                return;
            }
        }
    }

    /// Sends this life of the process a request, and no later one. A full mailbox is waited for; whether it took it.
    async fn tell(&self, request: &HttpClientRequest, blob: Option<Blob>) -> bool {
        // Plain data with names.
        let body = serde_json::to_vec(request).unwrap_or_default();
        let told = self.handle.tell_life(&self.life, Content::body(body), blob, SendAs::Invited);
        matches!(tokio::time::timeout(self.stall, told).await, Ok(Ok(())))
    }
}
