//! The contract of a runtime module: a part of the node that is addressed and answers like a process.
//!
//! A module says what it is called and how it handles one request. What is the same for all is done by the one runner
//! ([`Kernel::start_module`](crate::Kernel::start_module)): parse or refuse, keep each caller's requests in order while
//! different callers run side by side, bound the work, send the answer, survive a panic.

use std::future::Future;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, CapabilityKey, ProcessId};

use crate::capability::HoldingRef;
use crate::counters::Counted;
use crate::envelope::{Blob, Content, Envelope, Kind, ReplyPath, Rsvp, Seconds};
use crate::kernel::Kernel;
use crate::limits::Limits;
use crate::persistence::StoreError;
use crate::process::Process;
use crate::public_id::PublicId;

/// Who may send a module requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Holders of its messaging capability.
    Capability,
    /// Every local process.
    Public,
}

/// Where requests are handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Works {
    /// Each in a task of its own, beside those of other callers.
    InTasks,
    /// Those that are brief in the runner, taking turns when they wait: that saves a change to another task and one back, and
    /// who asks is woken where its answer is made.
    InRunner,
}

/// Why the runner refuses a request without asking the module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The body is not what the module understands.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// It comes from another node.
    #[error("requests from other nodes are not accepted")]
    Foreign,
    /// The caller has sent more than the module keeps for one caller.
    #[error("too many requests of this process wait already")]
    Overloaded,
    /// The module failed; the node's log has more.
    #[error("the module failed while it handled the request")]
    Internal,
}

/// What a module makes of a request.
#[derive(Debug)]
pub enum Answer<R> {
    /// This, as JSON, with the request's metadata.
    Reply(R),
    /// This and a blob.
    ReplyWithBlob(R, Blob),
    /// This, with the reason of a failure in the metadata.
    ReplyBecause(R, wharf_types::Failure),
    /// Nothing now: the module keeps [`Caller::replier`] and answers when it can, or never.
    Later,
}

/// A runtime module.
pub trait RuntimeModule: Send + Sync + 'static {
    /// What it understands, as JSON in the body.
    type Request: DeserializeOwned + Send + 'static;
    /// What it answers, as JSON in the body.
    type Response: Serialize + Send;

    /// First part of its id, `NAME:distro:sys`.
    const NAME: &'static str;
    /// Who may send it requests.
    const ACCESS: Access;
    /// Where its requests are handled.
    const WORKS: Works = Works::InTasks;

    /// Handles one request. Requests of one caller come one after another. Must not block the thread.
    fn handle(
        &self,
        caller: Caller,
        request: Self::Request,
        blob: Option<Blob>,
    ) -> impl Future<Output = Answer<Self::Response>> + Send;

    /// Whether a request is handled in the runner, by a module that works there: whether it and its answer are small, and
    /// nothing is computed for long before it waits, or between. Others would wait behind it.
    fn is_brief(&self, _request: &Self::Request, _blob: Option<&Blob>) -> bool {
        true
    }

    /// The module's own form of a refusal; `None` to stay silent.
    fn refuse(&self, refusal: Refusal) -> Option<Self::Response>;
}

/// Whether a local process speaks for the node's owner: what was sent with the control token reaches modules in the name
/// of the web server, and nothing else does. No guest can have that id.
pub fn speaks_for_owner(process: &ProcessId) -> bool {
    process.has_parts("http-server", "distro", "sys")
}

/// The process whose request is being handled.
#[derive(Clone)]
pub struct Caller {
    kernel: Kernel,
    source: Address,
    capabilities: Vec<HoldingRef>,
    expects: Option<Seconds>,
    replier: Replier,
    life: ReplyPath,
}

impl Caller {
    pub(crate) fn new(kernel: Kernel, module: Arc<Process>, envelope: &Envelope) -> Self {
        let expects = match envelope.kind {
            Kind::Request(expects) => expects,
            Kind::Response => None,
        };
        Self {
            kernel: kernel.clone(),
            source: envelope.source().clone(),
            capabilities: envelope.content.capabilities.clone(),
            expects,
            life: envelope.reply.clone(),
            replier: Replier {
                module,
                path: envelope.reply_path().clone(),
                id: envelope.id,
                metadata: envelope.content.metadata.clone(),
            },
        }
    }

    /// Its address.
    pub fn source(&self) -> &Address {
        &self.source
    }

    /// The life of the process that sent it. What a module keeps for a process ends with that, see [`ReplyPath::ended`].
    pub fn life(&self) -> &ReplyPath {
        &self.life
    }

    /// The id under which its request is shown to the owner: for the log.
    pub fn public_id(&self) -> PublicId {
        self.kernel.public_id(self.replier.id)
    }

    /// The kernel, for what a module needs of it.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The bounds that the caller lives under.
    pub fn limits(&self) -> Arc<Limits> {
        self.kernel.limits_of(self.source.process())
    }

    /// Capabilities attached to the request that are valid now.
    pub fn attached(&self) -> impl Iterator<Item = &HoldingRef> {
        self.capabilities.iter().filter(|holding| holding.is_valid())
    }

    /// How long the caller waits for a response, if at all.
    pub fn expects(&self) -> Option<Seconds> {
        self.expects
    }

    /// Metadata of the request.
    pub fn metadata(&self) -> Option<&str> {
        self.replier.metadata.as_deref()
    }

    /// Whether the caller holds the capability `params` that this module issued.
    pub fn holds(&self, params: &str) -> bool {
        self.key(params).is_some_and(|key| self.holds_key(&key))
    }

    /// The capability `params` that this module issues, made ready for [`Caller::holds_key`]: reading params takes longer
    /// than looking who holds them. `None` when they are not JSON.
    pub fn key(&self, params: &str) -> Option<CapabilityKey> {
        Capability::new(self.replier.module.address().clone(), params).key()
    }

    /// [`Caller::holds`], for what is asked with each request.
    pub fn holds_key(&self, key: &CapabilityKey) -> bool {
        // Whoever has the same name on another node is somebody else.
        self.source.node() == self.kernel.node()
            && self.kernel.find(self.source.process()).is_some_and(|process| process.holds(key))
    }

    /// Params of the capabilities that the caller holds of those that this module issued, in no order.
    pub fn held_params(&self) -> Vec<String> {
        let issuer = self.replier.module.address();
        let process = self.kernel.find(self.source.process()).filter(|_| self.source.node() == self.kernel.node());
        let held = process.map(|process| process.all_held()).unwrap_or_default();
        let of_module = held.iter().filter(|holding| holding.key().issuer() == issuer && holding.is_valid());
        of_module.map(|holding| holding.key().params().to_owned()).collect()
    }

    /// Gives the caller capabilities that this module issues; durable when it returns.
    pub async fn grant(&self, params: Vec<String>) -> Result<(), StoreError> {
        let issuer = self.replier.module.address();
        let capabilities = params.into_iter().map(|params| Capability::new(issuer.clone(), params)).collect();
        self.kernel.grant(self.source.process(), capabilities).await
    }

    /// The right to answer, to keep for later.
    pub fn replier(&self) -> Replier {
        self.replier.clone()
    }
}

/// The right to answer one request, now or later.
#[derive(Clone)]
pub struct Replier {
    module: Arc<Process>,
    path: ReplyPath,
    id: crate::envelope::MessageId,
    metadata: Option<Arc<str>>,
}

impl Replier {
    /// Sends a body, with the request's metadata. Only the first answer to a request reaches anyone.
    pub fn send(&self, body: Vec<u8>, blob: Option<Blob>) {
        self.deliver(Content { metadata: self.metadata.clone(), ..Content::body(body) }, blob);
    }

    /// Sends a body, with the reason of a failure in place of the request's metadata.
    pub fn send_because(&self, body: Vec<u8>, failure: &wharf_types::Failure) {
        self.deliver(Content { metadata: Some(failure.to_metadata().into()), ..Content::body(body) }, None);
    }

    fn deliver(&self, content: Content, blob: Option<Blob>) {
        let envelope = Box::new(Envelope {
            id: self.id,
            kind: Kind::Response,
            content,
            blob,
            rsvp: Rsvp::Nobody,
            reply: self.module.reply_path(),
        });
        self.module.trace_out(self.path.address(), &envelope);
        self.module.counters.sent(Counted::ByOthers, envelope.bytes());
        self.path.mailbox().push_response(envelope);
    }

    /// Whether the process that would get the answer is gone.
    pub fn is_orphaned(&self) -> bool {
        self.path.mailbox().is_closed()
    }

    /// Waits until the process that would get the answer is gone.
    pub async fn orphaned(&self) {
        self.path.mailbox().closed().await;
    }
}
