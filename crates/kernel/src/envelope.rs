//! A message on its way: shared buffers, checked capabilities, and the mailbox its response goes to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wharf_types::{Address, IdError, NodeName, ProcessId};

use crate::capability::HoldingRef;
use crate::mailbox::Mailbox;

/// Bytes that are copied once out of a guest and once into another, and shared in between.
pub type Payload = Arc<Vec<u8>>;

/// Ties a response to its request. Unguessable: knowing it is what lets a process answer. People are shown its
/// [`crate::public_id::PublicId`] instead.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(u64);

impl MessageId {
    pub(crate) fn new(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A lazy-load blob in the host.
#[derive(Clone, Debug)]
pub struct Blob {
    /// Media type, if the sender named one.
    pub mime: Option<Arc<str>>,
    /// The bytes.
    pub bytes: Payload,
}

impl Blob {
    /// A blob of `bytes` with a media type.
    pub fn new(mime: Option<&str>, bytes: Vec<u8>) -> Self {
        Self { mime: mime.map(Into::into), bytes: Arc::new(bytes) }
    }
}

/// Whole seconds a requester waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

impl Seconds {
    /// As a duration; absurd values are cut at ten years, so that adding one to an instant cannot overflow.
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0.min(10 * 365 * 24 * 3600))
    }
}

/// Which of the two kinds of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request, and how long its sender waits for a response, if at all.
    Request(Option<Seconds>),
    /// A response.
    Response,
}

/// What a sender puts into a message.
#[derive(Clone, Debug)]
pub struct Content {
    /// Whether the sender passed on what it was handling.
    pub inherit: bool,
    /// Opaque bytes, usually JSON.
    pub body: Payload,
    /// Free text; modules echo it.
    pub metadata: Option<Arc<str>>,
    /// Attached capabilities; each one was held or issued by the sender. What is revoked on the way is taken out when
    /// the message is received.
    pub capabilities: Vec<HoldingRef>,
}

impl Content {
    /// A body and nothing else.
    pub fn body(body: Vec<u8>) -> Self {
        Self { inherit: false, body: Arc::new(body), metadata: None, capabilities: Vec::new() }
    }
}

/// Where a response goes: the very mailbox that waits for it, so that it can never reach a successor with the same id.
/// Cloning one counts a single reference.
#[derive(Clone)]
pub struct ReplyPath(pub(crate) Arc<Mailbox>);

impl ReplyPath {
    /// Whose mailbox it is.
    pub fn address(&self) -> &Address {
        self.0.owner()
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.0
    }

    /// Waits until that life of the process is over.
    pub async fn ended(&self) {
        self.0.closed().await;
    }
}

impl PartialEq for ReplyPath {
    /// Whether both lead to the same life of the same process.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for ReplyPath {}

impl fmt::Debug for ReplyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address())
    }
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Ties response and request.
    pub id: MessageId,
    /// Request or response.
    pub kind: Kind,
    /// What the sender wrote.
    pub content: Content,
    /// The blob beside it.
    pub blob: Option<Blob>,
    /// Who is known to wait for a response.
    pub rsvp: Rsvp,
    /// Who sent it, and the mailbox that a response goes to unless `rsvp` names another.
    pub reply: ReplyPath,
}

/// Who is known to wait for the response to a message.
#[derive(Clone, Debug)]
pub enum Rsvp {
    /// Nobody is.
    Nobody,
    /// The source itself.
    Source,
    /// Someone whose request the source passed on.
    Other(ReplyPath),
}

impl Envelope {
    /// Who sent it.
    pub fn source(&self) -> &Address {
        self.reply.address()
    }

    /// Bytes this message is counted as against a mailbox. A fixed part stands for the envelope itself.
    pub(crate) fn weight(&self) -> usize {
        const ENVELOPE_BYTES: usize = 256;
        let blob = self.blob.as_ref().map_or(0, |blob| blob.bytes.len());
        let metadata = self.content.metadata.as_ref().map_or(0, |text| text.len());
        let capabilities: usize = self.content.capabilities.iter().map(|attached| attached.weight()).sum();
        ENVELOPE_BYTES + self.content.body.len() + metadata + blob + capabilities
    }

    /// Bytes of body and blob.
    #[inline]
    pub(crate) fn bytes(&self) -> u64 {
        (self.content.body.len() + self.blob.as_ref().map_or(0, |blob| blob.bytes.len())) as u64
    }

    /// Where a response goes.
    pub fn reply_path(&self) -> &ReplyPath {
        match &self.rsvp {
            Rsvp::Other(path) => path,
            Rsvp::Nobody | Rsvp::Source => &self.reply,
        }
    }

    /// Whether anybody may be waiting for a response.
    pub fn is_answerable(&self) -> bool {
        matches!(self.kind, Kind::Request(Some(_))) || !matches!(self.rsvp, Rsvp::Nobody)
    }
}

/// Why a request failed, as guests know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The target's node cannot be reached.
    Offline,
    /// No response in time, or it could not be delivered at all.
    Timeout,
}

/// An address as a guest wrote it: any text, and the node may be the alias `our`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenAddress {
    /// Name of the node, or `our`.
    pub node: Arc<str>,
    /// First part of the process id.
    pub process: Arc<str>,
    /// Second part.
    pub package: Arc<str>,
    /// Third part.
    pub publisher: Arc<str>,
}

impl WrittenAddress {
    /// Whether these are its parts.
    pub(crate) fn has_parts(&self, [node, process, package, publisher]: [&str; 4]) -> bool {
        *self.process == *process && *self.package == *package && *self.publisher == *publisher && *self.node == *node
    }

    /// Whether it means `address`, written with the node's name or its alias. Compares text and builds nothing: every
    /// awaited request asks.
    pub(crate) fn names(&self, address: &Address) -> bool {
        address.process().has_parts(&self.process, &self.package, &self.publisher)
            && (&*self.node == NodeName::OUR || &*self.node == address.node().as_str())
    }

    /// The address it means on the node `our`, if it is one.
    pub fn resolve(&self, our: &NodeName) -> Result<Address, IdError> {
        let node = if &*self.node == NodeName::OUR || &*self.node == our.as_str() {
            our.clone()
        } else {
            NodeName::new(&self.node)?
        };
        Ok(Address::new(node, ProcessId::new(&self.process, &self.package, &self.publisher)?))
    }
}

impl From<&Address> for WrittenAddress {
    fn from(address: &Address) -> Self {
        let [process, package, publisher] = address.process().shared_parts();
        Self { node: address.node().shared(), process, package, publisher }
    }
}

impl fmt::Display for WrittenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}:{}:{}", self.node, self.process, self.package, self.publisher)
    }
}

/// A request that failed.
#[derive(Clone, Debug)]
pub struct FailedRequest {
    /// Why.
    pub kind: FailureKind,
    /// The target as the sender wrote it.
    pub target: Arc<WrittenAddress>,
    /// What was sent.
    pub content: Content,
    /// How long the sender would have waited.
    pub expects_response: Option<Seconds>,
    /// The blob that was sent.
    pub blob: Option<Blob>,
}
