//! What waits to be sent over one socket: bounded, and never waited for by whoever puts something in.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;
use wharf_kernel::budget::{Budget, Taken};
use wharf_types::http_server::WsMessageType;

use super::ending::Ending;

/// What one frame counts beside its bytes.
const FRAME_BYTES: usize = 64;

/// Bounds of one queue. One frame always fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutboxBounds {
    /// Frames.
    pub(super) frames_max: usize,
    /// Their bytes.
    pub(super) bytes_max: usize,
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue is full.
    Full,
    /// The node has no memory left for frames.
    Busy,
    /// The socket is being closed.
    Ending,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    /// Send this.
    Frame(Frame),
    /// See whether the client is still there.
    Ping,
    /// Close the socket.
    End(Ending),
}

/// A frame that waits, with its share of the memory for all of them.
#[derive(Debug)]
pub(super) struct Frame {
    /// What kind; closing is none of them.
    pub(super) kind: WsMessageType,
    /// Its bytes.
    pub(super) bytes: Bytes,
    _held: Taken,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    ping: bool,
    end: Option<Ending>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    ready: Notify,
    interrupt: Notify,
    bounds: OutboxBounds,
    budget: Budget,
}

impl Outbox {
    pub(super) fn new(bounds: OutboxBounds, budget: Budget) -> Self {
        Self { state: Mutex::default(), ready: Notify::new(), interrupt: Notify::new(), bounds, budget }
    }

    /// Held for single pushes and pops, which a panic cannot leave half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a frame in.
    pub(super) fn push(&self, kind: WsMessageType, bytes: Bytes) -> Result<(), NotQueued> {
        let weight = bytes.len().saturating_add(FRAME_BYTES);
        let mut held = self.budget.begin();
        let mut state = self.lock();
        if state.end.is_some() {
            return Err(NotQueued::Ending);
        }
        let full =
            state.frames.len() >= self.bounds.frames_max || state.bytes.saturating_add(weight) > self.bounds.bytes_max;
        if full && !state.frames.is_empty() {
            return Err(NotQueued::Full);
        }
        if !held.grow(weight) {
            return Err(NotQueued::Busy);
        }
        state.bytes = state.bytes.saturating_add(weight);
        state.frames.push_back(Frame { kind, bytes, _held: held });
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Asks for a ping, before everything that waits.
    pub(super) fn ping(&self) {
        self.lock().ping = true;
        self.ready.notify_one();
    }

    /// Closes the socket after what waits; only the first reason counts.
    pub(super) fn end(&self, ending: Ending) {
        self.lock().end.get_or_insert(ending);
        self.ready.notify_one();
    }

    /// Closes the socket, also in the middle of a frame, and forgets what waits.
    pub(super) fn end_now(&self, ending: Ending) {
        let mut state = self.lock();
        state.end = Some(ending);
        state.bytes = 0;
        let dropped = std::mem::take(&mut state.frames);
        drop(state);
        drop(dropped);
        self.interrupt.notify_one();
    }

    /// Waits until the socket is to be closed at once. Only one task may ask.
    pub(super) async fn ended_now(&self) -> Ending {
        self.interrupt.notified().await;
        self.lock().end.clone().unwrap_or(Ending::Lost)
    }

    /// Bytes that wait.
    pub(super) fn waiting_bytes(&self) -> usize {
        self.lock().bytes
    }

    /// What comes next; waits for it. Only one task may ask.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.ready.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.lock();
        if std::mem::take(&mut state.ping) {
            return Some(Next::Ping);
        }
        if let Some(frame) = state.frames.pop_front() {
            state.bytes = state.bytes.saturating_sub(frame.bytes.len().saturating_add(FRAME_BYTES));
            return Some(Next::Frame(frame));
        }
        state.end.clone().map(Next::End)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn outbox(frames_max: usize, bytes_max: usize, budget: &Budget) -> Outbox {
        Outbox::new(OutboxBounds { frames_max, bytes_max }, budget.clone())
    }

    fn push(outbox: &Outbox, bytes: usize) -> Result<(), NotQueued> {
        outbox.push(WsMessageType::Binary, vec![7; bytes].into())
    }

    #[test]
    fn it_is_bounded_in_frames_and_bytes_and_takes_one_frame_always() {
        let budget = Budget::new(usize::MAX);
        let frames = outbox(2, usize::MAX, &budget);
        assert_eq!([push(&frames, 1), push(&frames, 1), push(&frames, 1)], [Ok(()), Ok(()), Err(NotQueued::Full)]);
        assert!(matches!(frames.take(), Some(Next::Frame(_))));
        assert_eq!(push(&frames, 1), Ok(()));

        let bytes = outbox(9, 1_000, &budget);
        assert_eq!([push(&bytes, 5_000), push(&bytes, 1)], [Ok(()), Err(NotQueued::Full)]);
        assert!(matches!(bytes.take(), Some(Next::Frame(_))));
        assert_eq!(bytes.waiting_bytes(), 0);
        assert_eq!([push(&bytes, 800), push(&bytes, 800)], [Ok(()), Err(NotQueued::Full)]);
    }

    #[test]
    fn all_of_them_share_what_the_node_has() {
        let budget = Budget::new(1_000);
        let (one, other) = (outbox(9, 9_000, &budget), outbox(9, 9_000, &budget));
        assert_eq!([push(&one, 800), push(&other, 800)], [Ok(()), Err(NotQueued::Busy)]);
        one.end_now(Ending::Slow);
        assert_eq!(push(&other, 800), Ok(()));
        drop(other);
        assert!(budget.begin().grow(1_000));
    }

    #[tokio::test]
    async fn an_end_comes_after_what_waits_unless_it_is_now() {
        let budget = Budget::new(usize::MAX);
        let orderly = outbox(9, 9_000, &budget);
        push(&orderly, 1).unwrap();
        orderly.end(Ending::Process);
        orderly.end(Ending::Slow);
        orderly.ping();
        assert_eq!(push(&orderly, 1), Err(NotQueued::Ending));
        assert!(matches!(orderly.next().await, Next::Ping));
        assert!(matches!(orderly.next().await, Next::Frame(_)));
        assert!(matches!(orderly.next().await, Next::End(Ending::Process)));

        let now = outbox(9, 9_000, &budget);
        push(&now, 1).unwrap();
        now.end_now(Ending::Slow);
        assert_eq!(now.ended_now().await, Ending::Slow);
        assert!(matches!(now.next().await, Next::End(Ending::Slow)));
    }
}
