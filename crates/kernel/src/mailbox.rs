//! A process's mailbox: bounded in messages and bytes, never waited for by whoever holds it.
//!
//! Requests are refused when it is full; the sender decides whether to wait for room. A response is taken exactly when
//! it was announced by [`Mailbox::expect`], so its room was set aside when the request went out: responses never
//! block, and late, repeated or invented ones are dropped at the door. Their bytes are not known beforehand. They count
//! against new requests, and a process that lets twice its bytes pile up loses further responses: its requests run out
//! of time.
//!
//! A mailbox belongs to one life of a process. When that life ends the mailbox is closed, and nothing sent to it can
//! reach a successor with the same id.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use wharf_types::Address;

use crate::counters::MailboxFigures;
use crate::envelope::{Envelope, Kind, MessageId};
use crate::limit_hits::Limit;
use crate::limits::Limits;
use crate::sync::{Mutex, MutexGuard};

/// Why a request was not taken; it comes back to the sender.
#[derive(Debug)]
pub(crate) enum Refused {
    /// No room now.
    Full(Box<Envelope>),
    /// It could never fit.
    TooLarge(Box<Envelope>),
    /// The process is gone.
    Closed(Box<Envelope>),
}

/// Who waits for an announced response.
#[derive(Debug)]
enum Waiter {
    /// The process itself, whenever it receives.
    Inbox,
    /// One caller in the host.
    Direct(oneshot::Sender<Box<Envelope>>),
}

#[derive(Default)]
struct State {
    /// Boxed, so that a message is moved from hand to hand as a pointer.
    queue: VecDeque<Box<Envelope>>,
    requests: usize,
    bytes: usize,
    expected: HashMap<MessageId, Waiter>,
    awaited: Awaited,
    receiver: Option<Waker>,
    interest: Interest,
    senders_waiting: usize,
    closed: bool,
    /// Most messages that waited at once.
    peak: usize,
    /// How often a request found it full.
    full: u64,
}

/// The response that the process waits for to the exclusion of everything else. Apart from the others: nearly every
/// response is one, and it costs no hashing here.
#[derive(Default)]
enum Awaited {
    #[default]
    Nothing,
    Announced(MessageId),
    Arrived(Box<Envelope>),
}

/// What wakes the receiver.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Interest {
    #[default]
    Queue,
    Awaited,
}

impl State {
    fn wait(&mut self, cx: &Context<'_>, interest: Interest) {
        self.interest = interest;
        match &mut self.receiver {
            Some(waker) if waker.will_wake(cx.waker()) => {}
            slot => *slot = Some(cx.waker().clone()),
        }
    }
}

/// See the module.
pub(crate) struct Mailbox {
    owner: Address,
    state: Mutex<State>,
    /// Woken when room appears or the mailbox closes.
    room: Notify,
    ended: CancellationToken,
    messages_max: usize,
    bytes_max: usize,
    outstanding_max: usize,
}

/// There are too many announced responses already.
#[derive(Debug)]
pub(crate) struct TooManyOutstanding;

impl Mailbox {
    pub(crate) fn new(owner: Address, limits: &Limits) -> Self {
        Self {
            owner,
            state: Mutex::default(),
            room: Notify::new(),
            ended: CancellationToken::new(),
            messages_max: limits.mailbox_messages_max,
            bytes_max: limits.mailbox_bytes_max,
            outstanding_max: limits.outstanding_max,
        }
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> &Address {
        &self.owner
    }

    /// The lock is held for a few pushes and pops only; a panic inside them cannot leave them half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request in, or hands it back.
    pub(crate) fn push_request(&self, envelope: Box<Envelope>) -> Result<(), Refused> {
        let weight = envelope.weight();
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed(envelope));
        }
        if weight > self.bytes_max {
            return Err(Refused::TooLarge(envelope));
        }
        if state.requests >= self.messages_max || state.bytes.saturating_add(weight) > self.bytes_max {
            state.full += 1;
            return Err(Refused::Full(envelope));
        }
        state.requests += 1;
        push(state, envelope, weight);
        Ok(())
    }

    /// What a mailbox that refused a request has too much of.
    pub(crate) fn full_of(&self) -> Limit {
        if self.lock().requests >= self.messages_max { Limit::MailboxMessages } else { Limit::MailboxBytes }
    }

    /// Waits until a request of `weight` bytes fits, or the mailbox is closed. Try again afterwards: others may be faster.
    pub(crate) async fn wait_for_room(&self, weight: usize) {
        let notified = self.room.notified();
        tokio::pin!(notified);
        // Registered before looking, so that room made in between is not missed.
        notified.as_mut().enable();
        {
            let mut state = self.lock();
            let fits = state.requests < self.messages_max && state.bytes.saturating_add(weight) <= self.bytes_max;
            if state.closed || fits {
                return;
            }
            state.senders_waiting += 1;
        }
        let _waiting = Waiting(self);
        notified.await;
    }

    /// Announces a response; it goes to the queue.
    pub(crate) fn expect(&self, id: MessageId) -> Result<(), TooManyOutstanding> {
        self.announce(id, Waiter::Inbox)
    }

    /// Announces a response that the process waits for at once with [`Mailbox::poll_awaited`]. Until then other messages
    /// stay in the queue in their order and do not wake it.
    pub(crate) fn expect_awaited(&self, id: MessageId) -> Result<(), TooManyOutstanding> {
        let mut state = self.lock();
        if state.expected.len() >= self.outstanding_max {
            return Err(TooManyOutstanding);
        }
        if !state.closed {
            // An earlier request with the same id was passed on; its answer now answers this one.
            state.expected.remove(&id);
            state.awaited = Awaited::Announced(id);
        }
        Ok(())
    }

    /// Announces a response; it goes to the caller that holds the receiver.
    pub(crate) fn expect_direct(&self, id: MessageId) -> Result<oneshot::Receiver<Box<Envelope>>, TooManyOutstanding> {
        let (sender, receiver) = oneshot::channel();
        self.announce(id, Waiter::Direct(sender))?;
        Ok(receiver)
    }

    fn announce(&self, id: MessageId, waiter: Waiter) -> Result<(), TooManyOutstanding> {
        let mut state = self.lock();
        if state.expected.len() >= self.outstanding_max {
            return Err(TooManyOutstanding);
        }
        // Nothing arrives in a closed mailbox. Dropping the waiter tells a direct caller so.
        if !state.closed {
            state.expected.insert(id, waiter);
        }
        Ok(())
    }

    /// Takes an announcement back: what arrives for it from now on is dropped.
    pub(crate) fn forget(&self, id: MessageId) {
        self.lock().expected.remove(&id);
    }

    /// Delivers a response to whoever announced it; drops it otherwise.
    pub(crate) fn push_response(&self, envelope: Box<Envelope>) {
        let weight = envelope.weight();
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if matches!(state.awaited, Awaited::Announced(id) if id == envelope.id) {
            state.awaited = Awaited::Arrived(envelope);
            let receiver = state.receiver.take();
            drop(state);
            if let Some(waker) = receiver {
                waker.wake();
            }
            return;
        }
        let piled_up = state.bytes.saturating_add(weight) > self.bytes_max.saturating_mul(2);
        if piled_up && matches!(state.expected.get(&envelope.id), Some(Waiter::Inbox)) {
            return;
        }
        match state.expected.remove(&envelope.id) {
            None => {}
            Some(Waiter::Inbox) => push(state, envelope, weight),
            Some(Waiter::Direct(sender)) => {
                drop(state);
                // The caller may have given up meanwhile; then nobody wants the response.
                drop(sender.send(envelope));
            }
        }
    }

    /// The next message; `None` when the mailbox is closed.
    pub(crate) async fn pop(&self) -> Option<Box<Envelope>> {
        poll_fn(|cx| self.poll_pop(cx)).await
    }

    pub(crate) fn poll_pop(&self, cx: &mut Context<'_>) -> Poll<Option<Box<Envelope>>> {
        let mut state = self.lock();
        if let Some(envelope) = state.queue.pop_front() {
            state.bytes = state.bytes.saturating_sub(envelope.weight());
            if matches!(envelope.kind, Kind::Request(_)) {
                state.requests -= 1;
            }
            let wake = state.senders_waiting > 0;
            drop(state);
            if wake {
                self.room.notify_waiters();
            }
            return Poll::Ready(Some(envelope));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.wait(cx, Interest::Queue);
        Poll::Pending
    }

    /// The awaited response.
    pub(crate) fn poll_awaited(&self, cx: &mut Context<'_>) -> Poll<Box<Envelope>> {
        let mut state = self.lock();
        match std::mem::take(&mut state.awaited) {
            Awaited::Arrived(envelope) => Poll::Ready(envelope),
            waited_for => {
                state.awaited = waited_for;
                state.wait(cx, Interest::Awaited);
                Poll::Pending
            }
        }
    }

    /// Stops waiting for the awaited response.
    pub(crate) fn forget_awaited(&self) {
        let dropped = std::mem::take(&mut self.lock().awaited);
        drop(dropped);
    }

    /// Takes a response out of the queue before its turn.
    pub(crate) fn take_queued_response(&self, id: MessageId) -> Option<Box<Envelope>> {
        let mut state = self.lock();
        let at = state.queue.iter().position(|envelope| envelope.id == id && envelope.kind == Kind::Response)?;
        let envelope = state.queue.remove(at)?;
        state.bytes = state.bytes.saturating_sub(envelope.weight());
        let wake = state.senders_waiting > 0;
        drop(state);
        if wake {
            self.room.notify_waiters();
        }
        Some(envelope)
    }

    /// Ends this life: what waits is dropped, senders and the receiver are woken.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let dropped =
            (std::mem::take(&mut state.queue), std::mem::take(&mut state.expected), std::mem::take(&mut state.awaited));
        (state.requests, state.bytes) = (0, 0);
        let receiver = state.receiver.take();
        drop(state);
        drop(dropped);
        if let Some(waker) = receiver {
            waker.wake();
        }
        self.room.notify_waiters();
        self.ended.cancel();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until the mailbox is closed.
    pub(crate) async fn closed(&self) {
        self.ended.cancelled().await;
    }

    /// Whether its process waits for the next message, whatever that is.
    pub(crate) fn is_waited_at(&self) -> bool {
        let state = self.lock();
        state.receiver.is_some() && state.interest == Interest::Queue && state.queue.is_empty()
    }

    /// Messages waiting.
    pub(crate) fn len(&self) -> usize {
        self.lock().queue.len()
    }

    /// What it counted.
    pub(crate) fn figures(&self) -> MailboxFigures {
        let state = self.lock();
        MailboxFigures { depth: state.queue.len() as u64, peak: state.peak as u64, full: state.full }
    }
}

/// Wakes outside the lock: the woken task may run at once on another worker and want the lock.
fn push(mut state: MutexGuard<'_, State>, envelope: Box<Envelope>, weight: usize) {
    state.bytes = state.bytes.saturating_add(weight);
    state.queue.push_back(envelope);
    state.peak = state.peak.max(state.queue.len());
    let receiver = if state.interest == Interest::Queue { state.receiver.take() } else { None };
    drop(state);
    if let Some(waker) = receiver {
        waker.wake();
    }
}

struct Waiting<'a>(&'a Mailbox);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.lock().senders_waiting -= 1;
    }
}
