//! Taking what arrives.

use std::task::{Context, Poll};

use tokio::time::Instant;
use wharf_types::metrics::FailureReason;

use super::{IdUse, Outstanding, Prompt, Session};
use crate::counters::Counted;
use crate::envelope::{Envelope, FailedRequest, FailureKind, Kind, Payload};

/// After so many messages in a row the deadlines are looked at even though the mailbox is not empty, so that a process
/// that is flooded still learns what ran out of time.
const MESSAGES_BETWEEN_DEADLINES: u32 = 64;

/// What `receive` brings.
#[derive(Debug)]
pub enum Incoming {
    /// A request or a response.
    Message {
        /// The message.
        envelope: Box<Envelope>,
        /// For a response: what was given along with its request.
        context: Option<Payload>,
    },
    /// A request of this process that failed.
    Failed {
        /// What and why.
        failure: Box<FailedRequest>,
        /// What was given along with it.
        context: Option<Payload>,
    },
}

enum Arrived {
    Message(Box<Envelope>),
    TimedOut(Box<Outstanding>),
}

impl Session {
    /// The next message or failure. Never completes once the process is being ended.
    pub async fn receive(&mut self) -> Incoming {
        if let Some((request, kind)) = self.undeliverable.pop_front() {
            self.outstanding_bytes = self.outstanding_bytes.saturating_sub(request.bytes);
            return self.fail(request, kind);
        }
        match std::future::poll_fn(|cx| self.poll_arrived(cx)).await {
            Arrived::Message(envelope) => self.accept(envelope),
            Arrived::TimedOut(request) => self.fail(*request, FailureKind::Timeout),
        }
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        self.received_count = self.received_count.wrapping_add(1);
        if self.received_count.is_multiple_of(MESSAGES_BETWEEN_DEADLINES)
            && let Some(request) = self.expired()
        {
            return Poll::Ready(Arrived::TimedOut(request));
        }
        loop {
            match self.mailbox.poll_pop(cx) {
                // A response that came after its request ran out of time.
                Poll::Ready(Some(late)) if late.kind == Kind::Response && !self.outstanding.contains_key(&late.id) => {}
                Poll::Ready(Some(envelope)) => return Poll::Ready(Arrived::Message(envelope)),
                // Closed: this life ends, and whoever runs it will drop us.
                Poll::Ready(None) => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let Some((deadline, _)) = self.deadlines.first().copied() else {
            return Poll::Pending;
        };
        std::task::ready!(self.alarm.poll(cx, deadline));
        match self.expired() {
            Some(request) => Poll::Ready(Arrived::TimedOut(request)),
            None => Poll::Pending,
        }
    }

    /// The request whose time ran out first, if any did. Its response is not accepted any more.
    fn expired(&mut self) -> Option<Box<Outstanding>> {
        let (deadline, id) = self.deadlines.first().copied()?;
        if deadline > Instant::now() {
            return None;
        }
        self.mailbox.forget(id);
        let request = self.forget(id)?;
        self.process.request_failed(&request.target, id, FailureReason::Timeout);
        Some(Box::new(request))
    }

    fn accept(&mut self, mut envelope: Box<Envelope>) -> Incoming {
        self.note(&mut envelope);
        let mut context = None;
        match envelope.kind {
            Kind::Request(_) => {
                if envelope.is_answerable() {
                    self.prompt = Some(Prompt::of(&envelope));
                }
            }
            Kind::Response => {
                if let Some(request) = self.forget(envelope.id) {
                    if request.id == IdUse::Again {
                        self.mailbox.forget(envelope.id);
                    }
                    self.prompt = request.prompt;
                    context = request.context;
                }
            }
        }
        Incoming::Message { envelope, context }
    }

    fn fail(&mut self, request: Outstanding, kind: FailureKind) -> Incoming {
        self.blob_is_current = false;
        self.prompt = request.prompt;
        let failure = FailedRequest {
            kind,
            target: request.target,
            content: request.content,
            expects_response: Some(request.expects),
            blob: request.blob,
        };
        Incoming::Failed { failure: Box::new(failure), context: request.context }
    }

    /// Whatever is received goes through here.
    #[inline]
    pub(super) fn note(&mut self, envelope: &mut Envelope) {
        self.process.counters.received(Counted::ByOwnTask, envelope);
        self.note_blob(envelope);
        self.received.take_in(&mut envelope.content.capabilities);
        self.process.trace_in(envelope);
    }

    /// A message with a blob makes it the current one; one without leaves the last blob where it was.
    fn note_blob(&mut self, envelope: &Envelope) {
        self.blob_is_current = envelope.blob.is_some();
        if envelope.blob.is_some() {
            self.last_blob.clone_from(&envelope.blob);
        }
    }
}
