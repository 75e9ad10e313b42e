//! The task of one socket: what comes goes to the process, what the process sends goes out, and at the end both sides
//! are told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded as HyperUpgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;
use wharf_kernel::envelope::{Blob, Content};
use wharf_kernel::places::Place;
use wharf_kernel::{CallError, ModuleHandle, SendAs};
use wharf_types::Address;
use wharf_types::http_server::{HttpServerRequest, MessageType, WsMessageType};

use super::ending::Ending;
use super::extension;
use super::meter::{Meter, Metered};
use super::outbox::{Frame, Next};
use super::registry::{Listed, Socket};
use crate::settings::HttpSettings;

/// Largest frame that is written; longer messages are fragmented, so that nothing of their size is copied, and pings
/// come between.
const FRAGMENT_BYTES: usize = 64 << 10;
/// Buffer for what is read, for each socket: small, since most are idle.
const READ_BUFFER_BYTES: usize = 4 << 10;
/// What our own pings carry. Pongs to them are not for the process.
const PING: &[u8] = b"wharf";
/// Bytes of a client that broke the protocol that are read and thrown away, so that it gets to read why.
const DISCARDED_BYTES_MAX: u64 = 1 << 20;

type Io = Metered<TokioIo<HyperUpgraded>>;
type Stream = WebSocketStream<Io>;

/// Bounds in time and size of one socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    ping_every: Duration,
    pong_wait: Duration,
    write_wait: Duration,
    close_wait: Duration,
}

impl Waits {
    pub(super) fn of(settings: &HttpSettings) -> Self {
        Self {
            ping_every: settings.socket_ping_every,
            pong_wait: settings.socket_pong_wait,
            write_wait: settings.socket_write_wait,
            close_wait: settings.socket_close_wait,
        }
    }
}

/// What a socket's task works with.
pub(super) struct Task {
    pub(super) listed: Listed,
    pub(super) place: Place<Address>,
    pub(super) handle: ModuleHandle,
    pub(super) meter: Arc<Meter>,
    pub(super) waits: Waits,
    pub(super) stop: CancellationToken,
    pub(super) message_bytes_max: usize,
}

impl Task {
    /// Serves the socket to its end. `None` if there never was a connection.
    pub(super) async fn run(self, upgraded: Option<HyperUpgraded>) {
        let Self { listed, place, handle, meter, waits, stop, message_bytes_max } = self;
        let near = Near { socket: Arc::clone(listed.socket()), handle };
        let Some(upgraded) = upgraded else {
            drop(listed);
            near.tell_end(&Ending::Lost).await;
            return drop(place);
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let io = Metered::new(TokioIo::new(upgraded), Arc::clone(&meter));
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (mut sink, mut stream) = stream.split();
        let ending = tokio::select! {
            biased;
            () = near.socket.life.ended() => Ending::ProcessEnded,
            () = stop.cancelled() => Ending::NodeStops,
            ending = near.socket.outbox.ended_now() => ending,
            ending = write(&near.socket, &mut sink, waits.write_wait) => ending,
            ending = near.read(&mut stream, &meter, waits) => ending,
        };
        near.socket.outbox.end_now(ending.clone());
        // From here on the process cannot find it, and what it sends is refused.
        drop((listed, meter));
        tracing::debug!(process = %near.socket.life.address().process(), channel = near.socket.id, ?ending, "WebSocket ended");
        let closing = timeout(waits.close_wait, close(sink, stream, &ending));
        // The process may be slow to take it, the client to answer: neither waits for the other.
        let (_, ()) = tokio::join!(closing, near.tell_end(&ending));
        drop(place);
    }
}

/// The side of the process.
struct Near {
    socket: Arc<Socket>,
    handle: ModuleHandle,
}

impl Near {
    /// Hands on what the client sends. Waits for the process where it must, and reads nothing meanwhile.
    async fn read(&self, stream: &mut SplitStream<Stream>, meter: &Meter, waits: Waits) -> Ending {
        let mut pinged = false;
        loop {
            let wait = if pinged { waits.pong_wait } else { waits.ping_every };
            let Ok(next) = timeout(wait, stream.next()).await else {
                if pinged {
                    return Ending::Lost;
                }
                self.socket.outbox.ping();
                pinged = true;
                continue;
            };
            pinged = false;
            let control_bytes = match &next {
                Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => Some(bytes.len()),
                _ => None,
            };
            let handed_on = match next {
                None => return Ending::Lost,
                Some(Err(error)) => return Ending::of(&error),
                Some(Ok(Message::Close(frame))) => {
                    return Ending::Client(frame.map_or_else(Bytes::new, |frame| frame.reason.into()));
                }
                Some(Ok(Message::Text(text))) => self.hand_on(WsMessageType::Text, text.into()).await,
                Some(Ok(Message::Binary(bytes))) => self.hand_on_binary(bytes).await,
                Some(Ok(Message::Ping(bytes))) => self.hand_on(WsMessageType::Ping, bytes).await,
                Some(Ok(Message::Pong(bytes))) if bytes == PING => Ok(()),
                Some(Ok(Message::Pong(bytes))) => self.hand_on(WsMessageType::Pong, bytes).await,
                // The library gives none out.
                Some(Ok(Message::Frame(_))) => Ok(()),
            };
            match handed_on {
                Ok(()) => match control_bytes {
                    // It may have come between the fragments of a message.
                    Some(len) => meter.control_frame_is_done(len),
                    None => meter.message_is_whole(),
                },
                Err(CallError::NoSuchProcess) => return Ending::ProcessEnded,
                Err(CallError::TooLarge(_)) => return Ending::TooLarge,
                Err(_) => return Ending::Undeliverable,
            }
        }
    }

    async fn hand_on(&self, message_type: WsMessageType, bytes: Bytes) -> Result<(), CallError> {
        self.tell(&self.push(message_type), Some(bytes)).await
    }

    fn push(&self, message_type: WsMessageType) -> HttpServerRequest {
        HttpServerRequest::WebSocketPush { channel_id: self.socket.id, message_type }
    }

    async fn hand_on_binary(&self, bytes: Bytes) -> Result<(), CallError> {
        let Some((asked, said)) = self.socket.extension.as_ref().zip(extension::unwrap(&bytes)) else {
            return self.hand_on(WsMessageType::Binary, bytes).await;
        };
        match said.kind {
            MessageType::Request => self.hand_on(WsMessageType::Binary, said.bytes.into()).await,
            MessageType::Response => {
                // One that nobody waits for any more is nobody's.
                if let Some(replier) = asked.take(said.id) {
                    replier.send(json(&self.push(WsMessageType::Binary)), Some(Blob::new(None, said.bytes)));
                }
                Ok(())
            }
        }
    }

    async fn tell(&self, message: &HttpServerRequest, bytes: Option<Bytes>) -> Result<(), CallError> {
        let blob = bytes.map(|bytes| Blob::new(None, bytes.into()));
        self.handle.tell_life(&self.socket.life, Content::body(json(message)), blob, SendAs::Module).await
    }

    /// Tells the process that the socket is closed.
    async fn tell_end(&self, ending: &Ending) {
        // A process that is gone, or does not take messages any more, cannot be told.
        if let Ending::Client(reason) = ending
            && self.hand_on(WsMessageType::Close, reason.clone()).await.is_err()
        {
            return;
        }
        let _ = self.tell(&HttpServerRequest::WebSocketClose(self.socket.id), None).await;
    }
}

/// Our own types, which are always JSON.
pub(super) fn json(message: &HttpServerRequest) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// Sends what waits, until the socket is to be closed or the client reads nothing for too long.
async fn write(socket: &Socket, sink: &mut SplitSink<Stream, Message>, write_wait: Duration) -> Ending {
    loop {
        let frame = match socket.outbox.next().await {
            Next::End(ending) => return ending,
            Next::Ping => Message::Ping(Bytes::from_static(PING)),
            Next::Frame(frame) => match frame.kind {
                WsMessageType::Ping => Message::Ping(frame.bytes),
                WsMessageType::Pong => Message::Pong(frame.bytes),
                WsMessageType::Text | WsMessageType::Binary | WsMessageType::Close => {
                    match write_data(sink, &frame, write_wait).await {
                        Ok(()) => continue,
                        Err(ending) => return ending,
                    }
                }
            },
        };
        if let Err(ending) = write_frame(sink, frame, write_wait).await {
            return ending;
        }
    }
}

async fn write_data(sink: &mut SplitSink<Stream, Message>, frame: &Frame, write_wait: Duration) -> Result<(), Ending> {
    let mut opcode = if frame.kind == WsMessageType::Text { Data::Text } else { Data::Binary };
    let mut rest = frame.bytes.clone();
    loop {
        let fragment = rest.split_to(rest.len().min(FRAGMENT_BYTES));
        let raw = RawFrame::message(fragment, OpCode::Data(opcode), rest.is_empty());
        write_frame(sink, Message::Frame(raw), write_wait).await?;
        if rest.is_empty() {
            return Ok(());
        }
        opcode = Data::Continue;
    }
}

async fn write_frame(
    sink: &mut SplitSink<Stream, Message>,
    frame: Message,
    write_wait: Duration,
) -> Result<(), Ending> {
    match timeout(write_wait, sink.send(frame)).await {
        Ok(Ok(())) => Ok(()),
        // The client began to close: reading says so too, and with which reason.
        Ok(Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_))) => std::future::pending().await,
        Ok(Err(_)) => Err(Ending::Lost),
        Err(_) => Err(Ending::Slow),
    }
}

/// Tells the client, and closes the connection. Takes as long as the client likes: the caller bounds it.
async fn close(mut sink: SplitSink<Stream, Message>, mut stream: SplitStream<Stream>, ending: &Ending) {
    // Nothing of this can fail in a way that matters: the connection ends.
    match ending.close_frame() {
        Some(frame) => drop(sink.send(Message::Close(Some(frame))).await),
        None if *ending == Ending::Lost => return,
        None => drop(sink.flush().await),
    }
    if ending.is_orderly() {
        while let Some(Ok(_)) = stream.next().await {}
    }
    let Ok(stream) = sink.reunite(stream) else { return };
    // What had arrived of a message is forgotten here.
    let mut io = stream.into_inner().into_io();
    let _ = io.shutdown().await;
    // Closing with something unread would reset the connection, and the client might never see the reason.
    let _ = tokio::io::copy(&mut io.take(DISCARDED_BYTES_MAX), &mut tokio::io::sink()).await;
}
