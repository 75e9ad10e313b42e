//! Putting messages on their way.

use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;
use wharf_types::metrics::FailureReason;
use wharf_types::{Capability, IdError};

use super::receive::Incoming;
use super::{IdUse, Outstanding, Route, Session};
use crate::calls::CallError;
use crate::capability::HoldingRef;
use crate::counters::Counted;
use crate::envelope::{
    Blob, Content, Envelope, FailedRequest, FailureKind, Kind, MessageId, Payload, ReplyPath, Rsvp, Seconds,
    WrittenAddress,
};
use crate::limit_hits::Limit;
use crate::mailbox::{Mailbox, Refused};

/// Targets a session remembers. More than a process usually speaks with; looking through them costs less than the table.
const ROUTES_MAX: usize = 16;

/// A request as a guest writes it.
#[derive(Debug)]
pub struct OutgoingRequest {
    /// Whether id, blob and reply address of what is being handled are passed on.
    pub inherit: bool,
    /// How long to wait for a response, if at all.
    pub expects: Option<Seconds>,
    /// Body.
    pub body: Payload,
    /// Metadata.
    pub metadata: Option<Arc<str>>,
    /// Capabilities to attach, as far as the process holds or issues them.
    pub capabilities: Vec<Capability>,
}

/// A response as a guest writes it.
#[derive(Debug)]
pub struct OutgoingResponse {
    /// Send the last blob received instead of the one given.
    pub inherit: bool,
    /// Body.
    pub body: Payload,
    /// Metadata.
    pub metadata: Option<Arc<str>>,
    /// Capabilities to attach, as far as the process holds or issues them.
    pub capabilities: Vec<Capability>,
}

/// A call that is a mistake, and for which the guest interface has no error; the guest traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub &'static str);

/// Why `send-and-await-response` did not bring a response.
#[derive(Debug)]
pub enum AwaitError {
    /// The request failed; the guest is told.
    Failed(Box<FailedRequest>),
    /// The call itself is a mistake that would wait for ever; the guest traps.
    Misuse(&'static str),
}

/// Why a message did not leave.
enum Undelivered {
    Offline,
    Because(FailureReason, String),
}

impl Undelivered {
    /// What the guest is told. Its interface knows two kinds; the reason goes to the log.
    fn kind(&self) -> FailureKind {
        match self {
            Self::Offline => FailureKind::Offline,
            Self::Because(..) => FailureKind::Timeout,
        }
    }

    /// What it is counted as.
    fn reason(&self) -> FailureReason {
        match self {
            Self::Offline => FailureReason::Offline,
            Self::Because(reason, _) => *reason,
        }
    }
}

/// A request that was made ready.
struct Ready {
    envelope: Box<Envelope>,
    expects: Option<Seconds>,
}

impl Session {
    /// Sends a request. Failing is not an error of the call: if the request expects a response, the failure is received
    /// later in its place. A process that goes on sending and never receives its failures is stopped.
    pub async fn send_request(
        &mut self,
        target: Arc<WrittenAddress>,
        request: OutgoingRequest,
        context: Option<Payload>,
        blob: Option<Blob>,
    ) -> Result<(), Misuse> {
        let Ready { envelope, expects } = self.make_ready(request, blob);
        let id = envelope.id;
        let Some(expects) = expects else {
            let deadline = Instant::now() + self.limits().full_mailbox_wait();
            if let Err(undelivered) = self.deliver(&target, envelope, deadline).await {
                self.explain(id, &target, &undelivered);
            }
            return Ok(());
        };
        let deadline = Instant::now() + expects.duration();
        let bytes = envelope.weight() + context.as_ref().map_or(0, |context| context.len());
        let earlier = self.forget(id);
        let announced = self.announce(id, bytes)?;
        let outstanding = Outstanding {
            target: Arc::clone(&target),
            content: envelope.content.clone(),
            blob: envelope.blob.clone(),
            expects,
            deadline,
            prompt: self.prompt.clone(),
            context,
            bytes,
            id: if earlier.is_some() { IdUse::Again } else { IdUse::First },
        };
        self.outstanding_bytes = self.outstanding_bytes.saturating_add(bytes);
        let delivered = match announced {
            Ok(()) => self.deliver(&target, envelope, deadline).await,
            Err(undelivered) => Err(undelivered),
        };
        match delivered {
            Ok(()) => {
                self.deadlines.insert((deadline, id));
                self.outstanding.insert(id, outstanding);
            }
            Err(undelivered) => {
                self.explain(id, &target, &undelivered);
                self.mailbox.forget(id);
                self.undeliverable.push_back((outstanding, undelivered.kind()));
            }
        }
        Ok(())
    }

    /// Announces a response to a request of `bytes`, if the process may wait for one more.
    fn announce(&self, id: MessageId, bytes: usize) -> Result<Result<(), Undelivered>, Misuse> {
        let limits = self.limits();
        let outstanding_bytes = self.outstanding_bytes.saturating_add(bytes);
        // The failures of requests that may not be sent have to be kept somewhere too.
        if self.undeliverable.len() >= limits.outstanding_max
            || outstanding_bytes > limits.outstanding_bytes_max.saturating_mul(2)
        {
            self.process.hit(Limit::Outstanding);
            return Err(Misuse("the process keeps sending requests that fail, and does not receive their failures"));
        }
        if outstanding_bytes > limits.outstanding_bytes_max {
            self.process.hit(Limit::OutstandingBytes);
            return Ok(Err(Undelivered::Because(
                FailureReason::TooManyOutstanding,
                format!(
                    "the requests of this process that wait for a response have {} bytes, and {} are the most they may",
                    self.outstanding_bytes, limits.outstanding_bytes_max
                ),
            )));
        }
        Ok(self.mailbox.expect(id).map_err(|_| self.too_many_outstanding()))
    }

    /// Sends a request and waits for its response. What else arrives meanwhile waits for `receive`.
    pub async fn send_and_await(
        &mut self,
        target: Arc<WrittenAddress>,
        request: OutgoingRequest,
        blob: Option<Blob>,
    ) -> Result<Incoming, AwaitError> {
        if request.expects.is_none() {
            return Err(AwaitError::Misuse("send-and-await-response needs a request that expects a response"));
        }
        if target.names(self.our()) {
            return Err(AwaitError::Misuse("a process that awaits a response from itself would wait for ever"));
        }
        let inherits = request.inherit;
        let Ready { envelope, expects } = self.make_ready(request, blob);
        let expects = expects.unwrap_or(Seconds(0));
        let (id, content, blob) = (envelope.id, envelope.content.clone(), envelope.blob.clone());
        let deadline = Instant::now() + expects.duration();
        self.forget(id);
        let delivered = match self.mailbox.expect_awaited(id) {
            Ok(()) => self.deliver(&target, envelope, deadline).await,
            Err(_) => Err(self.too_many_outstanding()),
        };
        let kind = match delivered {
            Ok(()) => match self.awaited(id, deadline, inherits).await {
                Some(mut response) => {
                    self.note(&mut response);
                    return Ok(Incoming::Message { envelope: response, context: None });
                }
                None => {
                    self.process.request_failed(&target, id, FailureReason::Timeout);
                    FailureKind::Timeout
                }
            },
            Err(undelivered) => {
                self.explain(id, &target, &undelivered);
                undelivered.kind()
            }
        };
        self.mailbox.forget_awaited();
        self.blob_is_current = false;
        Err(AwaitError::Failed(Box::new(FailedRequest {
            kind,
            target,
            content,
            expects_response: Some(expects),
            blob,
        })))
    }

    /// Answers the prompt. Without one, nothing is sent.
    pub fn send_response(&mut self, response: OutgoingResponse, blob: Option<Blob>) {
        let Some((id, to)) = self.prompt.as_ref().map(|prompt| (prompt.id, prompt.reply_path().clone())) else {
            self.notice("a response was not sent: no request that was received wants one");
            return;
        };
        if !self.may_answer(&to) {
            let why = "this process holds no messaging capability for it";
            self.notice_about(id, &format!("a response to {} was not sent: {why}", to.address()));
            return;
        }
        let blob = if response.inherit { self.last_blob.clone() } else { blob };
        let capabilities = self.attachable(response.capabilities);
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Response,
            content: Content {
                inherit: response.inherit,
                body: response.body,
                metadata: response.metadata,
                capabilities,
            },
            blob,
            rsvp: Rsvp::Nobody,
            reply: self.reply.clone(),
        });
        if let Err(reason) = self.kernel.check_size(&self.process, &envelope) {
            self.notice_about(id, &format!("a response to {} was not sent: {reason}", to.address()));
            return;
        }
        self.process.trace_out(to.address(), &envelope);
        self.process.counters.sent(Counted::ByOwnTask, envelope.bytes());
        to.mailbox().push_response(envelope);
    }

    /// Settles what a request inherits: id, blob, reply address.
    fn make_ready(&mut self, request: OutgoingRequest, blob: Option<Blob>) -> Ready {
        let parent = if request.inherit { self.prompt.as_ref() } else { None };
        let rsvp = match (request.expects, parent) {
            (Some(_), _) => Rsvp::Source,
            (None, Some(prompt)) => prompt.inherited_rsvp(),
            (None, None) => Rsvp::Nobody,
        };
        let id = match parent {
            Some(prompt) => prompt.id,
            None => self.fresh_id(),
        };
        let inherited_blob = || if request.inherit { self.last_blob.clone() } else { None };
        let blob = blob.or_else(inherited_blob);
        let capabilities = self.attachable(request.capabilities);
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Request(request.expects),
            content: Content { inherit: request.inherit, body: request.body, metadata: request.metadata, capabilities },
            blob,
            rsvp,
            reply: self.reply.clone(),
        });
        Ready { envelope, expects: request.expects }
    }

    fn fresh_id(&mut self) -> MessageId {
        loop {
            let id = self.ids.next();
            if !self.outstanding.contains_key(&id) {
                return id;
            }
        }
    }

    /// The capabilities among `wanted` that this process issues itself or holds.
    fn attachable(&self, wanted: Vec<Capability>) -> Vec<HoldingRef> {
        let max = self.limits().attached_capabilities_max;
        if wanted.len() > max {
            self.process.hit(Limit::AttachedCapabilities);
        }
        let attach = |capability| self.kernel.attachable(&self.process, capability);
        wanted.into_iter().take(max).filter_map(attach).collect()
    }

    /// Puts a request into the target's mailbox. When that is full, waits for room until `deadline`.
    async fn deliver(
        &mut self,
        target: &Arc<WrittenAddress>,
        envelope: Box<Envelope>,
        deadline: Instant,
    ) -> Result<(), Undelivered> {
        let too_large = |reason: CallError| Undelivered::Because(FailureReason::TooLarge, reason.to_string());
        self.kernel.check_size(&self.process, &envelope).map_err(too_large)?;
        self.process.trace_out(target, &envelope);
        let bytes = envelope.bytes();
        let mut envelope = envelope;
        let mut renewed = false;
        loop {
            let mailbox = self.route(target)?;
            let weight = envelope.weight();
            match mailbox.push_request(envelope) {
                Ok(()) => {
                    self.process.counters.sent(Counted::ByOwnTask, bytes);
                    return Ok(());
                }
                Err(Refused::TooLarge(_)) => {
                    self.process.hit(Limit::MailboxBytes);
                    let why = "the message is larger than a mailbox".to_owned();
                    return Err(Undelivered::Because(FailureReason::TooLarge, why));
                }
                Err(Refused::Closed(back)) => {
                    // Our route led to a life that has ended; look once whether there is another.
                    self.routes.retain(|route| !Arc::ptr_eq(&route.mailbox, &mailbox));
                    if renewed {
                        let why = "the process has ended".to_owned();
                        return Err(Undelivered::Because(FailureReason::NoSuchProcess, why));
                    }
                    renewed = true;
                    envelope = back;
                }
                Err(Refused::Full(back)) => {
                    self.tell_full(&mailbox);
                    let ours = Arc::ptr_eq(&mailbox, &self.mailbox);
                    if ours || tokio::time::timeout_at(deadline, mailbox.wait_for_room(weight)).await.is_err() {
                        return Err(Undelivered::Because(FailureReason::MailboxFull, "its mailbox is full".to_owned()));
                    }
                    envelope = back;
                }
            }
        }
    }

    /// Whether a request to `target` would be let through now: what each request asks first.
    pub fn may_send_to(&mut self, target: &Arc<WrittenAddress>) -> bool {
        self.route(target).is_ok()
    }

    /// The target does not keep up: that is its limit, not ours.
    fn tell_full(&self, mailbox: &Arc<Mailbox>) {
        if let Some(route) = self.routes.iter().find(|route| Arc::ptr_eq(&route.mailbox, mailbox)) {
            route.process.hit(mailbox.full_of());
        }
    }

    /// The mailbox of a target that this process may send to.
    fn route(&mut self, target: &Arc<WrittenAddress>) -> Result<Arc<Mailbox>, Undelivered> {
        let epoch = self.process.epoch();
        if let Some(at) =
            self.routes.iter().position(|route| Arc::ptr_eq(&route.written, target) || route.written == *target)
            && let Some(route) = self.routes.get_mut(at)
        {
            if route.allowed_in == epoch || self.kernel.may_send(&self.process, &route.process) {
                route.allowed_in = epoch;
                return Ok(Arc::clone(&route.mailbox));
            }
            // Not this process; but perhaps the one that took its place.
            self.routes.remove(at);
        }
        let no_address = |error: IdError| Undelivered::Because(FailureReason::BadAddress, error.to_string());
        let address = target.resolve(self.our().node()).map_err(no_address)?;
        if address.node() != self.our().node() {
            let network = Capability::new(self.kernel.address().clone(), Capability::NETWORK);
            if network.key().is_none_or(|key| !self.process.holds(&key)) {
                let why = "this process may not use the network".to_owned();
                return Err(Undelivered::Because(FailureReason::NotAllowed, why));
            }
            return Err(Undelivered::Offline);
        }
        let Some(process) = self.kernel.find(address.process()) else {
            let why = "there is no such process".to_owned();
            return Err(Undelivered::Because(FailureReason::NoSuchProcess, why));
        };
        if !self.kernel.may_send(&self.process, &process) {
            return Err(not_allowed(target));
        }
        let mailbox = process.mailbox();
        if self.routes.len() == ROUTES_MAX {
            self.routes.pop_back();
        }
        let route = Route { written: Arc::clone(target), process, mailbox: Arc::clone(&mailbox), allowed_in: epoch };
        self.routes.push_front(route);
        Ok(mailbox)
    }

    /// A response is allowed where a message is, and always to a module: it asked, and has nothing to grant with.
    fn may_answer(&mut self, to: &ReplyPath) -> bool {
        let epoch = self.process.epoch();
        if self
            .answered
            .as_ref()
            .is_some_and(|(mailbox, in_epoch)| *in_epoch == epoch && Arc::ptr_eq(mailbox, to.mailbox()))
        {
            return true;
        }
        let allowed = self
            .kernel
            .find(to.address().process())
            .is_some_and(|process| process.is_module() || self.kernel.may_send(&self.process, &process));
        if allowed {
            self.answered = Some((Arc::clone(to.mailbox()), epoch));
        }
        allowed
    }

    async fn awaited(&mut self, id: MessageId, deadline: Instant, inherits: bool) -> Option<Box<Envelope>> {
        // An id that was passed on may have been answered already, to a request before this one.
        if inherits && let Some(response) = self.mailbox.take_queued_response(id) {
            // The answer to this request may still come. Nobody waits for it, least of all the next call like this one.
            self.mailbox.forget_awaited();
            return Some(response);
        }
        let mut woken = false;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(response) = self.mailbox.poll_awaited(cx) {
                return Poll::Ready(Some(response));
            }
            // Whatever woke us without a response may have been the alarm.
            if !std::mem::replace(&mut woken, true) && self.alarm.is_set(cx, deadline) {
                return Poll::Pending;
            }
            self.alarm.poll(cx, deadline).map(|()| None)
        })
        .await
    }

    /// Forgets an earlier request with the same id: its answer would now answer the new one.
    pub(super) fn forget(&mut self, id: MessageId) -> Option<Outstanding> {
        let earlier = self.outstanding.remove(&id)?;
        self.deadlines.remove(&(earlier.deadline, id));
        self.outstanding_bytes = self.outstanding_bytes.saturating_sub(earlier.bytes);
        Some(earlier)
    }

    fn too_many_outstanding(&self) -> Undelivered {
        self.process.hit(Limit::Outstanding);
        Undelivered::Because(
            FailureReason::TooManyOutstanding,
            format!(
                "this process waits for {} responses already, which is the most it may",
                self.limits().outstanding_max
            ),
        )
    }

    /// Counts a request that did not leave, and says why to who reads the log.
    fn explain(&self, id: MessageId, target: &WrittenAddress, undelivered: &Undelivered) {
        self.process.request_failed(target, id, undelivered.reason());
        let why = match undelivered {
            Undelivered::Offline => "its node is offline",
            Undelivered::Because(_, why) => why,
        };
        self.notice_about(id, &format!("a request to {target} was not sent: {why}"));
    }
}

fn not_allowed(target: &WrittenAddress) -> Undelivered {
    let why = format!("this process holds no messaging capability for {target}, and that is not public");
    Undelivered::Because(FailureReason::NotAllowed, why)
}
