//! The live messages of single processes, for whoever watches them.
//!
//! A process that nobody watches pays one relaxed load a message. Watching begins with the first request for it, ends
//! [`IDLE`] after the last, and is bounded in processes, lines, and bytes of each body.

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use wharf_types::metrics::FailureReason;
use wharf_types::trace::{Direction, TraceLine, TracePage, TracedBody, TracedKind};

use crate::envelope::{Envelope, Kind, MessageId, Payload};
use crate::events::since_epoch;
use crate::kernel::Kernel;
use crate::limits::Limits;
use crate::process::Process;
use crate::public_id::PublicIds;
use crate::ring::{Page, Ring, Watched};

/// How long after the last request for it a trace goes on.
pub(crate) const IDLE: Duration = Duration::from_secs(30);
/// Requests whose beginning is remembered, to tell how long they took.
const REQUESTS_MAX: usize = 1_024;

/// The place of a trace in a process.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    on: AtomicBool,
    trace: Mutex<Option<Arc<Trace>>>,
}

impl Slot {
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Trace>>> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self) -> Option<Arc<Trace>> {
        self.lock().clone()
    }
}

/// All traces of a node.
#[derive(Debug)]
pub(crate) struct Traces {
    places: Arc<Semaphore>,
    /// The highest number of any line so far: a trace that is begun again goes on from there.
    last: AtomicU64,
    lines_max: usize,
    body_bytes_max: usize,
}

impl Traces {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.traces_max.min(Semaphore::MAX_PERMITS))),
            last: AtomicU64::new(0),
            lines_max: limits.trace_lines_max,
            body_bytes_max: limits.trace_body_bytes_max,
        }
    }
}

/// There are as many traces as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} processes are traced already, which are the most that may be at once; one ends when nobody asks for it")]
pub(crate) struct TooManyTraces(usize);

/// The trace of one process.
#[derive(Debug)]
pub(crate) struct Trace {
    lines: Watched<TraceLine>,
    state: Mutex<State>,
    ids: PublicIds,
    body_bytes_max: usize,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct State {
    wanted_until: Instant,
    body_bytes: usize,
    /// Requests seen, which way they went and when, the oldest first.
    requests: VecDeque<(MessageId, Direction, Instant)>,
}

impl Trace {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asks for it, and waits until `until`.
    fn wanted(&self, until: Instant, body_bytes: u64) {
        let mut state = self.lock();
        state.wanted_until = state.wanted_until.max(until);
        state.body_bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX).min(self.body_bytes_max);
    }

    /// Lines after the number `after`, waiting for the first of them until `deadline`, if there is one.
    pub(crate) async fn after(&self, after: Option<u64>, deadline: Option<Instant>) -> TracePage {
        let Page { lost, items, next } = match deadline {
            None => self.lines.page(after, TracePage::LINES_MAX),
            Some(deadline) => self.lines.wait(after, TracePage::LINES_MAX, deadline).await,
        };
        TracePage { lost, lines: items, next }
    }

    fn message(&self, direction: Direction, peer: &dyn Display, envelope: &Envelope) {
        let (took, body) = {
            let mut state = self.lock();
            let took = match envelope.kind {
                Kind::Request(_) => state.began(envelope, direction),
                Kind::Response => state.took(envelope.id, other(direction)),
            };
            (took, beginning(&envelope.content.body, state.body_bytes))
        };
        let kind = match envelope.kind {
            Kind::Request(expects) => TracedKind::Request { expects_response: expects.map(|seconds| seconds.0) },
            Kind::Response => TracedKind::Response,
        };
        self.lines.push(|seq| TraceLine {
            body_bytes: envelope.content.body.len() as u64,
            blob_bytes: envelope.blob.as_ref().map(|blob| blob.bytes.len() as u64),
            capabilities: envelope.content.capabilities.len() as u64,
            body,
            ..self.line(seq, direction, kind, peer, envelope.id, took)
        });
    }

    fn failure(&self, peer: &dyn Display, id: MessageId, reason: FailureReason) {
        let took = self.lock().took(id, Direction::Out);
        self.lines.push(|seq| self.line(seq, Direction::Out, TracedKind::Failed(reason), peer, id, took));
    }

    fn line(
        &self,
        seq: u64,
        direction: Direction,
        kind: TracedKind,
        peer: &dyn Display,
        id: MessageId,
        took: Option<Duration>,
    ) -> TraceLine {
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        TraceLine {
            seq,
            at_us: us(since_epoch()),
            direction,
            kind,
            peer: peer.to_string(),
            request: self.ids.of(id).to_string(),
            body_bytes: 0,
            blob_bytes: None,
            capabilities: 0,
            body: None,
            took_us: took.map(us),
        }
    }
}

impl State {
    /// Remembers when a request passed that may be answered.
    fn began(&mut self, envelope: &Envelope, direction: Direction) -> Option<Duration> {
        if envelope.is_answerable() {
            if self.requests.len() == REQUESTS_MAX {
                self.requests.pop_front();
            }
            self.requests.push_back((envelope.id, direction, Instant::now()));
        }
        None
    }

    /// How long ago the request passed; it is forgotten.
    fn took(&mut self, id: MessageId, direction: Direction) -> Option<Duration> {
        let at = self.requests.iter().rposition(|(seen, way, _)| *seen == id && *way == direction)?;
        self.requests.remove(at).map(|(_, _, began)| began.elapsed())
    }
}

fn other(direction: Direction) -> Direction {
    match direction {
        Direction::In => Direction::Out,
        Direction::Out => Direction::In,
    }
}

fn beginning(body: &Payload, bytes_max: usize) -> Option<TracedBody> {
    if bytes_max == 0 {
        return None;
    }
    let start = body.get(..bytes_max.min(body.len()))?;
    let text = match str::from_utf8(start) {
        Ok(text) => Some(text),
        // Cut in the middle of a character, which is text all the same.
        Err(error) if error.error_len().is_none() && start.len() < body.len() => {
            start.get(..error.valid_up_to()).and_then(|whole| str::from_utf8(whole).ok())
        }
        Err(_) => None,
    };
    Some(match text {
        Some(text) => TracedBody::Text(text.to_owned()),
        None => TracedBody::Hex(start.iter().map(|byte| format!("{byte:02x}")).collect()),
    })
}

impl Process {
    /// A message is about to leave for `peer`.
    #[inline]
    pub(crate) fn trace_out(&self, peer: &dyn Display, envelope: &Envelope) {
        if self.trace.is_on() {
            self.trace_message(Direction::Out, peer, envelope);
        }
    }

    /// A message was received.
    #[inline]
    pub(crate) fn trace_in(&self, envelope: &Envelope) {
        if self.trace.is_on() {
            self.trace_message(Direction::In, envelope.source(), envelope);
        }
    }

    #[cold]
    fn trace_message(&self, direction: Direction, peer: &dyn Display, envelope: &Envelope) {
        if let Some(trace) = self.trace.get() {
            trace.message(direction, peer, envelope);
        }
    }

    /// A request to `peer` failed: counted, and shown to who watches.
    pub(crate) fn request_failed(&self, peer: &dyn Display, id: MessageId, reason: FailureReason) {
        self.counters.failed(reason);
        if self.trace.is_on()
            && let Some(trace) = self.trace.get()
        {
            trace.failure(peer, id, reason);
        }
    }
}

impl Kernel {
    /// The trace of a process for somebody who waits until `until`; begun if there is none.
    pub(crate) fn trace(
        &self,
        process: &Arc<Process>,
        until: Instant,
        body_bytes: u64,
    ) -> Result<Arc<Trace>, TooManyTraces> {
        let mut slot = process.trace.lock();
        if let Some(trace) = &*slot {
            trace.wanted(until, body_bytes);
            return Ok(Arc::clone(trace));
        }
        let traces = &self.seen().traces;
        let place =
            Arc::clone(&traces.places).try_acquire_owned().map_err(|_| TooManyTraces(self.limits().traces_max))?;
        let trace = Arc::new(Trace {
            lines: Watched::new(Ring::new(traces.lines_max, traces.last.load(Ordering::Relaxed))),
            state: Mutex::new(State { wanted_until: until, body_bytes: 0, requests: VecDeque::new() }),
            ids: self.seen().public_ids.clone(),
            body_bytes_max: traces.body_bytes_max,
            _place: place,
        });
        trace.wanted(until, body_bytes);
        *slot = Some(Arc::clone(&trace));
        process.trace.on.store(true, Ordering::Relaxed);
        drop(slot);
        self.tasks().spawn(end_when_idle(self.clone(), Arc::clone(process), Arc::clone(&trace)));
        Ok(trace)
    }
}

/// Turns a trace off when nobody wants it any more.
async fn end_when_idle(kernel: Kernel, process: Arc<Process>, trace: Arc<Trace>) {
    loop {
        let ends = trace.lock().wanted_until + IDLE;
        tokio::select! {
            () = kernel.stop().cancelled() => return,
            () = tokio::time::sleep_until(ends) => {}
        }
        // Under this lock nobody can come to want it.
        let mut slot = process.trace.lock();
        if trace.lock().wanted_until + IDLE <= Instant::now() {
            process.trace.on.store(false, Ordering::Relaxed);
            *slot = None;
            kernel.seen().traces.last.fetch_max(trace.lines.last(), Ordering::Relaxed);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_cut_between_characters_and_shown_as_what_they_are() {
        let body = |bytes: &[u8], max| beginning(&Arc::new(bytes.to_vec()), max);
        let text = |text: &str| Some(TracedBody::Text(text.to_owned()));
        assert_eq!(body("größe".as_bytes(), 3), text("gr"));
        assert_eq!(body("größe".as_bytes(), 99), text("größe"));
        assert_eq!(body(b"", 9), text(""));
        assert_eq!(body(b"abc", 0), None);
        assert_eq!(body(&[0xff, 0, 1], 2), Some(TracedBody::Hex("ff00".to_owned())));
        // What ends in the middle of a character without having been cut is no text.
        assert_eq!(body(&[b'a', 0xc3], 9), Some(TracedBody::Hex("61c3".to_owned())));
    }
}
