//! Which streams are open, and whose they are.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wharf_kernel::budget::Budget;
use wharf_kernel::envelope::ReplyPath;

use super::download::Piece;
use super::upload::Upload;
use crate::settings::HttpSettings;

/// Pieces of an answer that wait for the client, besides the one that is being sent and the one that waits for room.
const PIECES_WAITING: usize = 1;

/// One request whose bodies pass piece by piece.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    /// Who was asked.
    pub(super) life: ReplyPath,
    pub(super) upload: Arc<AsyncMutex<Upload>>,
    /// Where pieces go until the answer is over.
    answer: Mutex<Option<mpsc::Sender<Piece>>>,
    /// Where they come from, until the answer has begun: the first may come before the status.
    pieces: Mutex<Option<mpsc::Receiver<Piece>>>,
    is_complete: AtomicBool,
    /// One piece of an answer at a time waits for room.
    pub(super) writing: Arc<Semaphore>,
    /// Pieces read.
    pub(super) read: AtomicU64,
    /// Pieces of the answer that were taken to be sent.
    pub(super) taken: AtomicU64,
    /// Both bodies are done with.
    pub(super) gone: CancellationToken,
}

impl Stream {
    fn new(id: u32, life: ReplyPath, body: Incoming) -> Self {
        let (sender, receiver) = mpsc::channel(PIECES_WAITING);
        Self {
            id,
            life,
            upload: Arc::new(AsyncMutex::new(Upload::new(body))),
            answer: Mutex::new(Some(sender)),
            pieces: Mutex::new(Some(receiver)),
            is_complete: AtomicBool::new(false),
            writing: Arc::new(Semaphore::new(1)),
            read: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            gone: CancellationToken::new(),
        }
    }

    /// The pieces that were and will be written. `None` after the first time.
    pub(super) fn begin_answer(&self) -> Option<mpsc::Receiver<Piece>> {
        lock(&self.pieces).take()
    }

    /// Where pieces go, while the answer is not over.
    pub(super) fn pieces(&self) -> Option<mpsc::Sender<Piece>> {
        lock(&self.answer).clone()
    }

    /// No more pieces come. Whether any could have.
    pub(super) fn end_answer(&self, how: AnswerEnd) -> bool {
        let mut answer = lock(&self.answer);
        let was_open = answer.is_some();
        if was_open {
            // Before the sender is gone, which is what the other side looks at.
            self.is_complete.store(how == AnswerEnd::Complete, Ordering::Release);
            *answer = None;
        }
        was_open
    }

    /// Whether the process said that the answer is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Whether there is something of the answer to send, or to end.
    fn has_more(&self) -> bool {
        self.life.has_ended() || self.pieces().is_none_or(|pieces| pieces.capacity() < pieces.max_capacity())
    }

    /// Returns when for `wait`, or up to twice as long, there was something of the answer to send and it was not taken: a client
    /// of HTTP/2 may open no window, and look alive.
    async fn stalled(&self, wait: Duration) {
        let mut before = None;
        loop {
            tokio::time::sleep(wait).await;
            let taken = self.has_more().then(|| self.taken.load(Ordering::Relaxed));
            if taken.is_some() && taken == before {
                return;
            }
            before = taken;
        }
    }

    /// Returns when for `wait`, or up to twice as long, the process read nothing and waited for nothing of the client.
    pub(crate) async fn idle(&self, wait: Duration) {
        let mut before = self.read.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(wait).await;
            let is_reading = self.upload.try_lock().is_err();
            let read = self.read.load(Ordering::Relaxed);
            if read == before && !is_reading {
                return;
            }
            before = read;
        }
    }
}

/// Held for single changes, which a panic cannot leave half done.
fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerEnd {
    Complete,
    BrokenOff,
}

/// All streams of the node. There are no more than requests under way, which are bounded.
#[derive(Debug)]
pub(crate) struct Streams {
    open: Mutex<HashMap<u32, Arc<Stream>>>,
    random: SystemRandom,
    pub(super) piece_bytes_max: usize,
    /// How long a client may pause in either direction.
    pub(super) pause_max: Duration,
    pub(super) budget: Budget,
    /// One for each piece that is waited for.
    pub(super) tasks: TaskTracker,
    /// Ends them.
    pub(super) stop: CancellationToken,
}

impl Streams {
    pub(crate) fn new(settings: &HttpSettings, budget: Budget) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            random: SystemRandom::new(),
            piece_bytes_max: settings.stream_piece_bytes_max,
            pause_max: settings.body_wait,
            budget,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Waits for no piece any more. For when there are no connections.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Lists a request for one life of a process, under a number that no other has.
    pub(crate) fn list(self: &Arc<Self>, life: ReplyPath, body: Incoming) -> Listed {
        let mut open = lock(&self.open);
        loop {
            let id = self.random_id();
            if let Entry::Vacant(free) = open.entry(id) {
                let stream = Arc::new(Stream::new(id, life, body));
                free.insert(Arc::clone(&stream));
                return Listed { streams: Arc::clone(self), stream };
            }
        }
    }

    /// Cuts the connection of an answer that its client does not take.
    pub(crate) fn guard(&self, listed: &Listed, connection: CancellationToken) {
        let (stream, stop, wait) = (Arc::clone(&listed.stream), self.stop.clone(), self.pause_max);
        self.tasks.spawn(async move {
            tokio::select! {
                () = stream.gone.cancelled() => {}
                () = stop.cancelled() => {}
                () = stream.stalled(wait) => connection.cancel(),
            }
        });
    }

    /// Random, so that a number says nothing about the streams of others.
    fn random_id(&self) -> u32 {
        let mut id = [0; 4];
        // Cannot fail on any system that the node runs on; the loop above finds a free number anyway.
        let _ = self.random.fill(&mut id);
        u32::from_ne_bytes(id)
    }

    /// A stream of this life of a process.
    pub(super) fn of(&self, life: &ReplyPath, id: u32) -> Option<Arc<Stream>> {
        lock(&self.open).get(&id).filter(|stream| stream.life == *life).cloned()
    }

    #[cfg(test)]
    pub(crate) fn any(&self) -> Option<u32> {
        lock(&self.open).keys().next().copied()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }
}

/// A stream for as long as its process can find it.
#[derive(Debug)]
pub(crate) struct Listed {
    streams: Arc<Streams>,
    stream: Arc<Stream>,
}

impl Listed {
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        lock(&self.streams.open).remove(&self.stream.id);
        self.stream.gone.cancel();
    }
}
