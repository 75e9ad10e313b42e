//! Taking what arrives.

use std::task::{Context, Poll};

use std::future::Future;
use tokio::time::Instant;

use super::{Prompt, Session};
use crate::envelope::{Content, Envelope, FailedRequest, FailureKind, Kind, MessageId, Payload};

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
    Message(Envelope),
    Failed(MessageId, FailureKind),
}

impl Session {
    /// The next message or failure. Never completes once the process is being ended.
    pub async fn receive(&mut self) -> Incoming {
        let arrived = match self.undeliverable.pop_front() {
            Some((id, kind)) => Arrived::Failed(id, kind),
            None => std::future::poll_fn(|cx| self.poll_arrived(cx)).await,
        };
        match arrived {
            Arrived::Message(envelope) => self.accept(envelope),
            Arrived::Failed(id, kind) => self.fail(id, kind),
        }
    }

    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<Arrived> {
        self.received_count = self.received_count.wrapping_add(1);
        if self.received_count.is_multiple_of(MESSAGES_BETWEEN_DEADLINES)
            && let Some(id) = self.expired()
        {
            return Poll::Ready(Arrived::Failed(id, FailureKind::Timeout));
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
        std::task::ready!(self.poll_alarm(cx, deadline));
        match self.expired() {
            Some(id) => Poll::Ready(Arrived::Failed(id, FailureKind::Timeout)),
            None => Poll::Pending,
        }
    }

    /// The request whose time ran out first, if any did. Its response is not accepted any more.
    fn expired(&mut self) -> Option<MessageId> {
        let (deadline, id) = self.deadlines.first().copied()?;
        if deadline > Instant::now() {
            return None;
        }
        self.deadlines.pop_first();
        self.mailbox.forget(id);
        Some(id)
    }

    /// Completes at `deadline`, never earlier.
    pub(super) fn poll_alarm(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        loop {
            std::task::ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= deadline {
                self.alarm = None;
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }

    fn accept(&mut self, envelope: Envelope) -> Incoming {
        self.note_blob(&envelope);
        self.received.note(&envelope.content.capabilities, &envelope.source);
        let mut context = None;
        match envelope.kind {
            Kind::Request(_) => {
                if envelope.is_answerable() {
                    self.prompt = Some(Prompt::of(&envelope));
                }
            }
            Kind::Response => {
                if let Some(request) = self.outstanding.remove(&envelope.id) {
                    self.deadlines.remove(&(request.deadline, envelope.id));
                    self.prompt = request.prompt;
                    context = request.context;
                }
            }
        }
        Incoming::Message { envelope: Box::new(envelope), context }
    }

    fn fail(&mut self, id: MessageId, kind: FailureKind) -> Incoming {
        self.blob_is_current = false;
        let Some(request) = self.outstanding.remove(&id) else {
            // Every id that gets here is outstanding; should that ever break, the guest is told of an empty request.
            let failure = FailedRequest {
                kind,
                target: self.our().into(),
                content: Content::body(Vec::new()),
                expects_response: None,
                blob: None,
            };
            return Incoming::Failed { failure: Box::new(failure), context: None };
        };
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

    /// A message with a blob makes it the current one; one without leaves the last blob where it was.
    pub(super) fn note_blob(&mut self, envelope: &Envelope) {
        self.blob_is_current = envelope.blob.is_some();
        if envelope.blob.is_some() {
            self.last_blob.clone_from(&envelope.blob);
        }
    }
}
