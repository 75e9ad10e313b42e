//! Which WebSockets are open, and whose they are.
//!
//! A socket belongs to one life of one process, which gave it its number. It ends with that.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;
use wharf_kernel::envelope::{Payload, ReplyPath};
use wharf_kernel::module::Caller;
use wharf_kernel::places::{Full, Places};
use wharf_kernel::{Limit, ModuleHandle};
use wharf_types::ProcessId;
use wharf_types::http_client::HttpClientError;
use wharf_types::http_server::WsMessageType;

use crate::fault::Fault;
use crate::module::Domain;
use crate::rules::Permission;
use crate::settings::HttpClientLimits;
use crate::socket::{Line, Opening};

/// How long closing may take: what was to be sent before is sent, then the peer is told.
pub(crate) const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Bytes that a ping or pong has room for.
const CONTROL_BYTES_MAX: usize = 125;

/// All sockets.
pub(crate) struct Sockets {
    open: Mutex<HashMap<Name, Entry>>,
    places: Arc<Places<ProcessId>>,
    serial: AtomicU64,
}

/// What a socket is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name {
    pub(crate) process: ProcessId,
    pub(crate) channel_id: u32,
}

/// What the module knows of a socket.
#[derive(Clone)]
struct Entry {
    life: ReplyPath,
    frames: mpsc::Sender<Line>,
    /// Bytes that may wait in `frames`.
    room: Arc<Semaphore>,
    /// Cancelled to end it at once.
    end: CancellationToken,
    /// Cancelled when it has ended.
    ended: CancellationToken,
    serial: u64,
}

/// A socket to be opened.
pub(crate) struct Wanted {
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) channel_id: u32,
}

impl Sockets {
    pub(crate) fn new(all_max: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), places: Places::new(all_max), serial: AtomicU64::new(0) })
    }

    /// Begins to open one, in a task of its own, which answers. Of the same number there is none then.
    pub(crate) async fn open(
        self: &Arc<Self>,
        caller: &Caller,
        domain: &Arc<Domain>,
        handle: ModuleHandle,
        wanted: Wanted,
    ) -> Result<(), Fault> {
        let limits = &domain.rules.limits;
        let name = Name { process: caller.source().process().clone(), channel_id: wanted.channel_id };
        if let Some(old) = self.remove(&name) {
            old.finish().await;
        }
        let place = self.places.take(&name.process, limits.client_process_sockets_max).map_err(|full| match full {
            Full::Own => Fault::limit(Limit::ClientProcessSockets, limits.client_process_sockets_max),
            Full::All => Fault::limit(Limit::ClientSockets, self.places.all_max()),
        })?;
        let permission = Permission::of(caller, Arc::clone(&domain.rules));
        let (frames, queue) = mpsc::channel(limits.socket_queue_messages_max.max(1));
        let entry = Entry {
            life: caller.life().clone(),
            frames,
            room: Arc::new(Semaphore::new(queue_bytes_max(limits))),
            end: CancellationToken::new(),
            ended: CancellationToken::new(),
            serial: self.serial.fetch_add(1, Ordering::Relaxed),
        };
        let opening = Opening {
            wanted,
            permission,
            domain: Arc::clone(domain),
            handle,
            life: entry.life.clone(),
            replier: caller.replier(),
            wait: caller.expects().map_or(limits.request_wait, |own| own.duration().min(limits.request_wait)),
            end: entry.end.clone(),
            queue,
        };
        let (sockets, serial, ended) = (Arc::clone(self), entry.serial, entry.ended.clone().drop_guard());
        self.lock().insert(name.clone(), entry);
        caller.kernel().run_until_stop(async move {
            let forget = || sockets.forget(&name, serial);
            opening.run(name.process.clone(), forget).await;
            forget();
            drop((place, ended));
        });
        Ok(())
    }

    /// Hands a message over to the task of a socket. Waits for room; a peer that makes none loses the socket, so that
    /// nothing is missing in the middle of what it gets.
    pub(crate) async fn push(
        &self,
        caller: &Caller,
        limits: &HttpClientLimits,
        channel_id: u32,
        kind: WsMessageType,
        blob: Option<Payload>,
    ) -> Result<(), HttpClientError> {
        let unknown = HttpClientError::WsPushUnknownChannel { channel_id };
        let Some((_, entry)) = self.find(caller, channel_id) else { return Err(unknown) };
        if kind == WsMessageType::Close {
            entry.finish().await;
            return Ok(());
        }
        let message = message(kind, blob, limits).inspect_err(|error| {
            if matches!(error, HttpClientError::ExecuteRequestFailed(_)) {
                caller.kernel().hit(caller.source().process(), Limit::SocketMessageBytes);
            }
        })?;
        let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let hand_over = async {
            let room = Arc::clone(&entry.room).acquire_many_owned(bytes).await.map_err(|_| ())?;
            entry.frames.send(Line::Message(message, room)).await.map_err(|_| ())
        };
        match tokio::time::timeout(limits.socket_stall, hand_over).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(())) => Err(unknown),
            Err(_) => {
                entry.end.cancel();
                Err(HttpClientError::ExecuteRequestFailed(Fault::Late(limits.socket_stall).to_string()))
            }
        }
    }

    /// Closes a socket. Nothing comes from it any more when this returns.
    pub(crate) async fn close(&self, caller: &Caller, channel_id: u32) -> Result<(), HttpClientError> {
        let Some((name, entry)) = self.find(caller, channel_id) else {
            return Err(HttpClientError::WsCloseFailed { channel_id });
        };
        self.forget(&name, entry.serial);
        entry.finish().await;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, name: &Name) -> Option<Entry> {
        self.lock().remove(name)
    }

    fn find(&self, caller: &Caller, channel_id: u32) -> Option<(Name, Entry)> {
        let name = Name { process: caller.source().process().clone(), channel_id };
        let entry = self.lock().get(&name).filter(|entry| entry.life == *caller.life()).cloned()?;
        Some((name, entry))
    }

    /// Forgets this very socket; another of the same name stays.
    fn forget(&self, name: &Name, serial: u64) {
        let mut open = self.lock();
        if open.get(name).is_some_and(|entry| entry.serial == serial) {
            open.remove(name);
        }
    }
}

impl Entry {
    /// Ends it, after what was to be sent before.
    async fn finish(&self) {
        let in_order = async {
            drop(self.frames.send(Line::End).await);
            self.ended.cancelled().await;
        };
        if tokio::time::timeout(CLOSE_WAIT, in_order).await.is_err() {
            self.end.cancel();
            self.ended.cancelled().await;
        }
    }
}

/// Room for one message at least.
fn queue_bytes_max(limits: &HttpClientLimits) -> usize {
    let most = limits.socket_queue_bytes_max.max(limits.socket_message_bytes_max);
    // More cannot be taken in one go.
    most.min(u32::MAX as usize).min(Semaphore::MAX_PERMITS)
}

fn message(kind: WsMessageType, blob: Option<Payload>, limits: &HttpClientLimits) -> Result<Message, HttpClientError> {
    let is_control = matches!(kind, WsMessageType::Ping | WsMessageType::Pong);
    let bytes = match blob {
        None if is_control => Vec::new(),
        None => return Err(HttpClientError::WsPushNoBlob),
        Some(bytes) => Arc::unwrap_or_clone(bytes),
    };
    let max = if is_control { CONTROL_BYTES_MAX } else { limits.socket_message_bytes_max.min(queue_bytes_max(limits)) };
    if bytes.len() > max {
        let fault = Fault::limit(Limit::SocketMessageBytes, max);
        return Err(HttpClientError::ExecuteRequestFailed(fault.to_string()));
    }
    Ok(match kind {
        WsMessageType::Text => {
            let text = String::from_utf8(bytes).map_err(|_| HttpClientError::WsPushBadText)?;
            Message::Text(text.into())
        }
        WsMessageType::Ping => Message::Ping(bytes.into()),
        WsMessageType::Pong => Message::Pong(bytes.into()),
        WsMessageType::Binary | WsMessageType::Close => Message::Binary(bytes.into()),
    })
}
