//! Which sockets are open, whose they are, and how many there may be.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wharf_kernel::budget::Budget;
use wharf_kernel::envelope::ReplyPath;
use wharf_kernel::places::{Full, Place, Places};
use wharf_types::Address;

use super::ending::Ending;
use super::extension::Asked;
use super::outbox::{Outbox, OutboxBounds};
use crate::settings::HttpSettings;

/// An open socket.
#[derive(Debug)]
pub(super) struct Socket {
    /// What its process calls it.
    pub(super) id: u32,
    /// The life of a process that it belongs to.
    pub(super) life: ReplyPath,
    /// What waits to be sent.
    pub(super) outbox: Outbox,
    /// Of one whose other end speaks for the process: what it was asked.
    pub(super) extension: Option<Asked>,
    /// Cancelled when nothing is sent over it any more but the close.
    pub(super) left: CancellationToken,
}

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Far {
    /// A client.
    Client,
    /// A program on this machine that speaks for the process.
    Extension,
}

/// Why there is no place for another socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    /// The process has as many as it may.
    #[error("the process has {0} WebSockets open, and more are not allowed")]
    Process(usize),
    /// The node has.
    #[error("the node has too many WebSockets open, try again")]
    Node,
}

/// All sockets of the node.
#[derive(Debug)]
pub(crate) struct Sockets {
    open: Mutex<HashMap<u32, Arc<Socket>>>,
    /// Places that processes have taken: longer than a socket is open, until its process was told of its end.
    places: Arc<Places<Address>>,
    random: SystemRandom,
    settings: HttpSettings,
    /// Memory of frames that wait for clients.
    budget: Budget,
    /// One for each socket.
    pub(super) tasks: TaskTracker,
    /// Closes all of them in good order.
    pub(super) stop: CancellationToken,
    /// Ends all of them at once.
    pub(super) abort: CancellationToken,
}

impl Sockets {
    pub(crate) fn new(settings: HttpSettings) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            places: Places::new(settings.sockets_max),
            random: SystemRandom::new(),
            budget: Budget::new(settings.sockets_bytes_max),
            settings,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abort: CancellationToken::new(),
        })
    }

    /// What ends all sockets at once when it is cancelled.
    pub(crate) fn abort(&self) -> &CancellationToken {
        &self.abort
    }

    /// Closes all sockets and waits until they are.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Held for single changes, which a panic cannot leave half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Arc<Socket>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more socket of a process.
    pub(super) fn take_place(&self, owner: &Address) -> Result<Place<Address>, NoPlace> {
        let own_max = self.settings.process_sockets_max;
        self.places.take(owner, own_max).map_err(|full| match full {
            Full::Own => NoPlace::Process(own_max),
            Full::All => NoPlace::Node,
        })
    }

    /// Makes a socket under a number that no other has.
    pub(super) fn add(self: &Arc<Self>, life: ReplyPath, far: Far) -> Listed {
        let bounds = OutboxBounds {
            frames_max: self.settings.socket_queue_frames_max,
            bytes_max: self.settings.socket_queue_bytes_max,
        };
        let extension = (far == Far::Extension).then(|| Asked::new(self.settings.extension_requests_max));
        let mut open = self.lock();
        loop {
            let id = self.random_id();
            if let Entry::Vacant(free) = open.entry(id) {
                let outbox = Outbox::new(bounds, self.budget.clone());
                let socket = Arc::new(Socket { id, life, outbox, extension, left: CancellationToken::new() });
                free.insert(Arc::clone(&socket));
                return Listed { sockets: Arc::clone(self), socket };
            }
        }
    }

    fn random_id(&self) -> u32 {
        let mut bytes = [0; 4];
        // Numbers need not be secret: whose a socket is, is checked. Without randomness they only repeat more often.
        let _ = self.random.fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    /// A socket of this life of a process.
    pub(super) fn of(&self, life: &ReplyPath, id: u32) -> Option<Arc<Socket>> {
        self.lock().get(&id).filter(|socket| socket.life == *life).cloned()
    }

    /// Closes the socket whose client is furthest behind, so that its memory is free again.
    pub(super) fn end_slowest(&self) -> Option<Arc<Socket>> {
        let open = self.lock();
        let slowest = open.values().max_by_key(|socket| socket.outbox.waiting_bytes()).cloned();
        drop(open);
        let slowest = slowest.filter(|socket| socket.outbox.waiting_bytes() > 0)?;
        slowest.outbox.end_now(Ending::Slow);
        Some(slowest)
    }

    #[cfg(test)]
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.lock().values().map(|socket| socket.outbox.waiting_bytes()).sum()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.taken()
    }
}

/// A socket that its process can find by its number until this is dropped.
#[derive(Debug)]
pub(super) struct Listed {
    sockets: Arc<Sockets>,
    socket: Arc<Socket>,
}

impl Listed {
    pub(super) fn socket(&self) -> &Arc<Socket> {
        &self.socket
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.sockets.lock().remove(&self.socket.id);
        self.socket.left.cancel();
    }
}
