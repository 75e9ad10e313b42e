//! One life of a guest process, seen from its host functions: what it is handling, what it waits for, what it received.
//!
//! A session belongs to the one task that runs the guest, so nothing in it is locked. It implements the message
//! semantics that guests rely on:
//!
//! * `send` puts messages on their way: ids, blobs, reply addresses and capabilities as the guest asked for.
//! * `receive` takes what arrives and keeps track of which request an answer would answer.
//! * `aside` is for processes that handle several requests at the same time.
//! * `services` is the rest of what a guest may call: capabilities, state, children, printing.
//!
//! **The prompt** is the message that `send-response` answers. A request that wants no answer does not replace it, so
//! a response sent afterwards still answers the request before: guests rely on that.

mod alarm;
mod aside;
mod receive;
mod send;
mod services;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::time::Instant;
use wharf_types::Address;

use alarm::Alarm;
pub use aside::Aside;
pub use receive::Incoming;
pub use send::{AwaitError, Misuse, OutgoingRequest, OutgoingResponse};
pub use services::{SpawnError, SpawnRequest};

use crate::capability::Received;
use crate::envelope::{
    Blob, Content, Envelope, FailureKind, MessageId, Payload, ReplyPath, Rsvp, Seconds, WrittenAddress,
};
use crate::kernel::Kernel;
use crate::limit_hits::Limit;
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::meter::Meter;
use crate::process::{CpuTime, Process};
use crate::recorder::Recorder;

/// The message that a response would answer.
#[derive(Clone, Debug)]
struct Prompt {
    id: MessageId,
    rsvp: Rsvp,
    source: ReplyPath,
}

impl Prompt {
    fn of(envelope: &Envelope) -> Self {
        Self { id: envelope.id, rsvp: envelope.rsvp.clone(), source: envelope.reply.clone() }
    }

    /// Where its response goes.
    fn reply_path(&self) -> &ReplyPath {
        match &self.rsvp {
            Rsvp::Other(path) => path,
            Rsvp::Nobody | Rsvp::Source => &self.source,
        }
    }

    /// The `rsvp` of a request that inherits from it and expects nothing itself.
    fn inherited_rsvp(&self) -> Rsvp {
        match &self.rsvp {
            Rsvp::Nobody => Rsvp::Nobody,
            Rsvp::Source => Rsvp::Other(self.source.clone()),
            Rsvp::Other(path) => Rsvp::Other(path.clone()),
        }
    }
}

/// A request of this process that waits for a response.
#[derive(Debug)]
struct Outstanding {
    target: Arc<WrittenAddress>,
    content: Content,
    blob: Option<Blob>,
    expects: Seconds,
    deadline: Instant,
    /// What was being handled when it was sent; handled again when its response comes.
    prompt: Option<Prompt>,
    context: Option<Payload>,
    /// What it counts for against the bytes that a process may have outstanding.
    bytes: usize,
    /// Whether an earlier request with its id may have been answered, so that its own answer stays announced.
    id: IdUse,
}

/// Whether a request shares its id with an earlier one of the same process that expected a response too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IdUse {
    First,
    Again,
}

/// A target this process sent to before.
struct Route {
    written: Arc<WrittenAddress>,
    process: Arc<Process>,
    mailbox: Arc<Mailbox>,
    /// The state of our capabilities in which sending there was allowed.
    allowed_in: u64,
}

/// Unguessable message ids: a keyed hash of a counter.
struct Ids {
    key: RandomState,
    next: u64,
}

impl Ids {
    fn next(&mut self) -> MessageId {
        self.next = self.next.wrapping_add(1);
        MessageId::new(self.key.hash_one(self.next))
    }
}

/// See the module.
pub struct Session {
    kernel: Kernel,
    process: Arc<Process>,
    mailbox: Arc<Mailbox>,
    reply: ReplyPath,
    prompt: Option<Prompt>,
    last_blob: Option<Blob>,
    /// Whether `last_blob` came with the message received last.
    blob_is_current: bool,
    outstanding: HashMap<MessageId, Outstanding>,
    deadlines: BTreeSet<(Instant, MessageId)>,
    /// Bytes of `outstanding` and `undeliverable`.
    outstanding_bytes: usize,
    /// Requests that failed before they left. Not in `outstanding`: a later one may have the same id.
    undeliverable: VecDeque<(Outstanding, FailureKind)>,
    received: Received,
    routes: VecDeque<Route>,
    /// The last mailbox to which a response was allowed, and the state of our capabilities then. The mailbox and not
    /// the address: the next process at that address may be less open.
    answered: Option<(Arc<Mailbox>, u64)>,
    ids: Ids,
    alarm: Alarm,
    received_count: u32,
}

impl Session {
    pub(crate) fn new(kernel: Kernel, process: Arc<Process>) -> Self {
        let mailbox = process.mailbox();
        Self {
            reply: ReplyPath(Arc::clone(&mailbox)),
            kernel,
            process,
            mailbox,
            prompt: None,
            last_blob: None,
            blob_is_current: false,
            outstanding: HashMap::new(),
            deadlines: BTreeSet::new(),
            outstanding_bytes: 0,
            undeliverable: VecDeque::new(),
            received: Received::default(),
            routes: VecDeque::new(),
            answered: None,
            ids: Ids { key: RandomState::new(), next: 0 },
            alarm: Alarm::default(),
            received_count: 0,
        }
    }

    /// The address of the process.
    pub fn our(&self) -> &Address {
        self.process.address()
    }

    /// An address as the guest wrote it: node, process, package, publisher. One that was sent to before is shared.
    pub fn target(&self, parts: [&str; 4]) -> Arc<WrittenAddress> {
        if let Some(route) = self.routes.iter().find(|route| route.written.has_parts(parts)) {
            return Arc::clone(&route.written);
        }
        let [node, process, package, publisher] = parts.map(Arc::from);
        Arc::new(WrittenAddress { node, process, package, publisher })
    }

    /// Bounds it lives under.
    pub fn limits(&self) -> &Limits {
        self.process.limits()
    }

    /// A limit that the runtime keeps refused something.
    pub fn hit(&self, limit: Limit) {
        self.process.hit(limit);
    }

    /// Where the time that it computes is added up.
    pub fn cpu(&self) -> &Arc<CpuTime> {
        self.process.cpu()
    }

    /// Changes whenever the process comes back to receive, so that one can see whether it did.
    pub fn turn(&self) -> u32 {
        self.received_count
    }

    /// Whether the message received last brought a blob.
    pub fn has_blob(&self) -> bool {
        self.blob_is_current
    }

    /// The blob of the message received last.
    pub fn blob(&self) -> Option<&Blob> {
        if self.blob_is_current { self.last_blob.as_ref() } else { None }
    }

    /// The blob received last, whichever message brought it.
    pub fn last_blob(&self) -> Option<&Blob> {
        self.last_blob.as_ref()
    }

    /// Where the runtime shows what this life uses.
    pub fn meter(&self) -> Meter {
        Meter::new(Arc::clone(&self.process))
    }

    /// Who acts for this life elsewhere writes and counts with this.
    pub fn recorder(&self) -> Recorder {
        Recorder::new(Arc::clone(&self.process))
    }

    /// [`Session::notice`] about a message, with the id under which it is shown.
    fn notice_about(&self, id: MessageId, text: &str) {
        self.process.notice(Some(self.kernel.public_id(id)), text);
    }

    /// Tells whoever reads the log of this process why something it asked for did not happen.
    fn notice(&self, text: &str) {
        self.process.notice(None, text);
    }
}
