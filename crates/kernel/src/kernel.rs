//! The kernel: who exists, who may speak with whom, and how a message finds its way.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use wharf_types::metrics::FailureReason;
use wharf_types::{Address, Capability, NodeName, ProcessId};

use crate::book::Book;
use crate::capability::{Authority, HoldingRef, Holdings};
use crate::census::Census;
use crate::counters::Counted;
use crate::doubt::Doubts;
use crate::ended::Ended;
use crate::envelope::{Blob, Content, Envelope, Kind, MessageId, ReplyPath, Rsvp, Seconds};
use crate::launcher::Launcher;
use crate::limit_hits::{Limit, LimitHits};
use crate::limits::Limits;
use crate::mailbox::{Mailbox, Refused};
use crate::persistence::Persistence;
use crate::process::Process;
use crate::public_id::PublicId;
use crate::seen::Seen;
use crate::sync::Mutex;

/// What a kernel is made of.
pub struct Parts {
    /// Name of the node.
    pub node: NodeName,
    /// Its signing key.
    pub authority: Authority,
    /// Its bounds, and those of packages that have others.
    pub limits: Book<Limits>,
    /// The store beneath it.
    pub persistence: Arc<dyn Persistence>,
    /// The runtime above it.
    pub launcher: Arc<dyn Launcher>,
    /// Cancelled when the node stops; the kernel cancels it when it is told to.
    pub stop: CancellationToken,
}

/// In whose authority a module sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendAs {
    /// Its own: the target is public, or has granted it messaging.
    Module,
    /// The node owner's, who proved to be that: every local process may be reached.
    Owner,
    /// The target's: it asked this module beforehand to be sent this.
    Invited,
}

/// Who asks whom, by which right, under which id.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) from: &'a Arc<Process>,
    pub(crate) target: &'a Address,
    pub(crate) send_as: SendAs,
    pub(crate) id: MessageId,
}

/// Why a call brought no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Nobody has that id.
    #[error("there is no such process")]
    NoSuchProcess,
    /// The target is not public and has not granted the sender its messaging capability.
    #[error("the sender holds no messaging capability for the target, and that is not public")]
    NotAllowed,
    /// The target does not keep up.
    #[error("the mailbox of the target is full")]
    MailboxFull,
    /// Body or blob are over a limit.
    #[error("the message is over the limit of {0} bytes")]
    TooLarge(usize),
    /// The sender waits for too many responses.
    #[error("the sender waits for too many responses already")]
    TooManyOutstanding,
    /// The target took the request but did not answer in time.
    #[error("no response came in time")]
    Timeout,
    /// The target's node cannot be reached.
    #[error("the node of the target cannot be reached")]
    Offline,
}

/// The kernel. Cloning it clones a reference.
#[derive(Clone)]
pub struct Kernel {
    inner: Arc<Inner>,
}

struct Inner {
    address: Address,
    boot: Uuid,
    started: Instant,
    authority: Authority,
    limits: Book<Limits>,
    table: DashMap<ProcessId, Arc<Process>>,
    /// Counts of the guest processes in the table; changed together with it.
    census: Census,
    ended: Ended,
    changes_order: Mutex<Doubts>,
    holdings: Arc<Holdings>,
    /// What modules hold that this boot does not have.
    absent: OnceLock<Vec<HoldingRef>>,
    persistence: Arc<dyn Persistence>,
    launcher: Arc<dyn Launcher>,
    tasks: TaskTracker,
    stop: CancellationToken,
    id_key: RandomState,
    next_id: AtomicU64,
    seen: Arc<Seen>,
}

impl Kernel {
    /// A kernel with an empty process table.
    pub fn new(parts: Parts) -> Self {
        let Parts { node, authority, limits, persistence, launcher, stop } = parts;
        Self {
            inner: Arc::new(Inner {
                seen: Arc::new(Seen::new(limits.node())),
                address: Address::new(node, ProcessId::system("kernel")),
                boot: Uuid::now_v7(),
                started: Instant::now(),
                authority,
                ended: Ended::new(limits.node().ended_max),
                limits,
                table: DashMap::new(),
                census: Census::default(),
                changes_order: Mutex::default(),
                holdings: Arc::default(),
                absent: OnceLock::new(),
                persistence,
                launcher,
                tasks: TaskTracker::new(),
                stop,
                id_key: RandomState::new(),
                next_id: AtomicU64::new(0),
            }),
        }
    }

    /// Name of the node.
    pub fn node(&self) -> &NodeName {
        self.inner.address.node()
    }

    /// `node@kernel:distro:sys`.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Id of this boot.
    pub fn boot(&self) -> Uuid {
        self.inner.boot
    }

    /// Time since it was made.
    pub fn uptime(&self) -> Duration {
        self.inner.started.elapsed()
    }

    /// Its bounds. Those of a process may be others, see [`Process::limits`].
    pub fn limits(&self) -> &Limits {
        self.inner.limits.node()
    }

    /// The bounds of a process with this id.
    pub fn limits_of(&self, id: &ProcessId) -> Arc<Limits> {
        Arc::clone(self.inner.limits.of_process(id))
    }

    /// How often each limit refused something.
    pub fn limit_hits(&self) -> &LimitHits {
        &self.seen().limit_hits
    }

    /// A limit refused something that `by` asked for, or that it should have taken.
    pub fn hit(&self, by: &ProcessId, limit: Limit) {
        match self.find(by) {
            Some(process) => process.hit(limit),
            None => self.limit_hits().count(limit),
        }
    }

    /// The node's signing key.
    pub fn authority(&self) -> &Authority {
        &self.inner.authority
    }

    /// Cancelled when the node stops.
    pub fn stop(&self) -> &CancellationToken {
        &self.inner.stop
    }

    /// Runs a task that belongs to a module. It has to end when [`Kernel::stop`] is cancelled.
    pub fn run_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.tasks.spawn(task);
    }

    /// Stops every process and module and waits until they have ended.
    pub async fn shut_down(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    pub(crate) fn seen(&self) -> &Arc<Seen> {
        &self.inner.seen
    }

    /// The id under which a request is shown to the owner.
    pub fn public_id(&self, id: MessageId) -> PublicId {
        self.seen().public_ids.of(id)
    }

    pub(crate) fn persistence(&self) -> &dyn Persistence {
        &*self.inner.persistence
    }

    pub(crate) fn launcher(&self) -> &dyn Launcher {
        &*self.inner.launcher
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// The table itself. Guards of it never leave a statement: hand out clones.
    pub(crate) fn table(&self) -> &DashMap<ProcessId, Arc<Process>> {
        &self.inner.table
    }

    /// How many guest processes the table has.
    pub(crate) fn census(&self) -> &Census {
        &self.inner.census
    }

    /// The processes that are gone.
    pub(crate) fn ended(&self) -> &Ended {
        &self.inner.ended
    }

    /// Held while a change is made in memory and handed to the store; see [`Kernel::commit`].
    pub(crate) fn changes_order(&self) -> &Mutex<Doubts> {
        &self.inner.changes_order
    }

    /// Every holding there is.
    pub(crate) fn holdings(&self) -> &Arc<Holdings> {
        &self.inner.holdings
    }

    /// What was stored of holders that are not in the table; set once, at boot. It is kept so that revoking reaches it.
    pub(crate) fn absent(&self) -> &OnceLock<Vec<HoldingRef>> {
        &self.inner.absent
    }

    pub(crate) fn find(&self, id: &ProcessId) -> Option<Arc<Process>> {
        self.inner.table.get(id).map(|entry| Arc::clone(entry.value()))
    }

    /// Whether there is such a process or module.
    pub fn is_alive(&self, id: &ProcessId) -> bool {
        self.inner.table.contains_key(id)
    }

    /// Waits until the process that has this id now was removed; at once when there is none. A process that is only
    /// started again is the same, and the end of the node removes nobody.
    pub async fn removed(&self, id: &ProcessId) {
        let Some(process) = self.find(id) else { return };
        process.stop.cancelled().await;
        if self.stop().is_cancelled() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells whoever reads the log of a process why something it asked for did not happen; only so often in a second.
    pub fn notice(&self, id: &ProcessId, text: &str) {
        if let Some(process) = self.find(id) {
            process.notice(None, text);
        }
    }

    /// Whether `holder` holds `capability`.
    pub fn holds(&self, holder: &ProcessId, capability: &Capability) -> bool {
        match (capability.key(), self.find(holder)) {
            (Some(key), Some(process)) => process.holds(&key),
            _ => false,
        }
    }

    /// Whether one process may send another messages: itself, whoever is public, and whoever gave it the capability.
    /// The kernel speaks with everyone, and modules with modules.
    pub(crate) fn may_send(&self, from: &Process, to: &Process) -> bool {
        to.is_public()
            || from.id() == to.id()
            || (from.is_module() && (to.is_module() || from.address() == self.address()))
            || Capability::messaging(to.address().clone()).key().is_some_and(|key| from.holds(&key))
    }

    /// Whether a message of `from` is within the limits for bodies and blobs.
    pub(crate) fn check_size(&self, from: &Process, envelope: &Envelope) -> Result<(), CallError> {
        let limits = from.limits();
        if envelope.content.body.len() > limits.body_bytes_max {
            from.hit(Limit::BodyBytes);
            return Err(CallError::TooLarge(limits.body_bytes_max));
        }
        if envelope.blob.as_ref().is_some_and(|blob| blob.bytes.len() > limits.blob_bytes_max) {
            from.hit(Limit::BlobBytes);
            return Err(CallError::TooLarge(limits.blob_bytes_max));
        }
        Ok(())
    }

    /// Sends a request in the name of its sender and waits for its response, outside of what the process itself receives.
    pub(crate) async fn call(
        &self,
        ask: Ask<'_>,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
    ) -> Result<Envelope, CallError> {
        let answered = self.call_unseen(&ask, content, blob, wait).await;
        match &answered {
            Ok(response) => {
                ask.from.counters.received(Counted::ByOthers, response);
                ask.from.trace_in(response);
            }
            Err(error) => ask.from.request_failed(ask.target, ask.id, (*error).into()),
        }
        answered
    }

    async fn call_unseen(
        &self,
        ask: &Ask<'_>,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
    ) -> Result<Envelope, CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let to = self.callee(from, target, send_as)?;
        let mailbox = from.mailbox();
        let response = mailbox.expect_direct(id).map_err(|_| {
            from.hit(Limit::Outstanding);
            CallError::TooManyOutstanding
        })?;
        let _announced = Announced { mailbox: &mailbox, id };
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Request(Some(wait)),
            content,
            blob,
            rsvp: Rsvp::Source,
            reply: from.reply_path(),
        });
        self.push(from, &to, envelope)?;
        match tokio::time::timeout(wait.duration(), response).await {
            Ok(Ok(response)) => Ok(*response),
            Ok(Err(_)) | Err(_) => Err(CallError::Timeout),
        }
    }

    /// Sends a request in the name of its sender that wants no response.
    pub(crate) fn tell(&self, ask: Ask<'_>, content: Content, blob: Option<Blob>) -> Result<(), CallError> {
        let told = self.tell_unseen(&ask, content, blob);
        if let Err(error) = told {
            ask.from.request_failed(ask.target, ask.id, error.into());
        }
        told
    }

    fn tell_unseen(&self, ask: &Ask<'_>, content: Content, blob: Option<Blob>) -> Result<(), CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let to = self.callee(from, target, send_as)?;
        let envelope = Box::new(Envelope {
            id,
            kind: Kind::Request(None),
            content,
            blob,
            rsvp: Rsvp::Nobody,
            reply: from.reply_path(),
        });
        self.push(from, &to, envelope)
    }

    /// The present life of a process or module.
    pub(crate) fn life_of(&self, address: &Address) -> Option<ReplyPath> {
        let ours = address.node() == self.node() || address.node().as_str() == NodeName::OUR;
        self.find(address.process()).filter(|_| ours).map(|process| process.reply_path())
    }

    /// Sends a request that wants no response to one life of a process, and waits until there is room in its mailbox.
    /// [`CallError::NoSuchProcess`] when that life is over: no successor gets it.
    pub(crate) async fn tell_life(
        &self,
        ask: Ask<'_>,
        life: &ReplyPath,
        content: Content,
        blob: Option<Blob>,
    ) -> Result<(), CallError> {
        let told = self.tell_life_unseen(&ask, life, content, blob).await;
        if let Err(error) = told {
            ask.from.request_failed(ask.target, ask.id, error.into());
        }
        told
    }

    async fn tell_life_unseen(
        &self,
        ask: &Ask<'_>,
        life: &ReplyPath,
        content: Content,
        blob: Option<Blob>,
    ) -> Result<(), CallError> {
        let Ask { from, target, send_as, id } = *ask;
        let kind = Kind::Request(None);
        let mut envelope = Box::new(Envelope { id, kind, content, blob, rsvp: Rsvp::Nobody, reply: from.reply_path() });
        self.check_size(from, &envelope)?;
        let (bytes, weight, mailbox) = (envelope.bytes(), envelope.weight(), life.mailbox());
        from.trace_out(target, &envelope);
        loop {
            // Asked anew after each wait: the right to send may have been revoked meanwhile.
            let to = self.callee(from, target, send_as)?;
            match mailbox.push_request(envelope) {
                Ok(()) => {
                    from.counters.sent(Counted::ByOthers, bytes);
                    return Ok(());
                }
                Err(Refused::Full(back)) => {
                    to.hit(mailbox.full_of());
                    mailbox.wait_for_room(weight).await;
                    envelope = back;
                }
                Err(refused) => return Err(refused.into()),
            }
        }
    }

    /// Puts a request into a mailbox that has room; nothing waits here.
    fn push(&self, from: &Process, to: &Process, envelope: Box<Envelope>) -> Result<(), CallError> {
        self.check_size(from, &envelope)?;
        let bytes = envelope.bytes();
        from.trace_out(to.address(), &envelope);
        let mailbox = to.mailbox();
        if let Err(refused) = mailbox.push_request(envelope) {
            match &refused {
                Refused::Full(_) => to.hit(mailbox.full_of()),
                Refused::TooLarge(_) => from.hit(Limit::MailboxBytes),
                Refused::Closed(_) => {}
            }
            return Err(refused.into());
        }
        from.counters.sent(Counted::ByOthers, bytes);
        Ok(())
    }

    /// An id for a request that no session sends: a keyed hash of a counter, so nobody can guess it.
    pub(crate) fn fresh_id(&self) -> MessageId {
        MessageId::new(self.inner.id_key.hash_one(self.inner.next_id.fetch_add(1, Ordering::Relaxed)))
    }

    fn callee(&self, from: &Process, target: &Address, send_as: SendAs) -> Result<Arc<Process>, CallError> {
        if target.node() != self.node() && target.node().as_str() != NodeName::OUR {
            return Err(CallError::Offline);
        }
        let to = self.find(target.process()).ok_or(CallError::NoSuchProcess)?;
        let may = match send_as {
            SendAs::Owner | SendAs::Invited => true,
            SendAs::Module => self.may_send(from, &to),
        };
        if may { Ok(to) } else { Err(CallError::NotAllowed) }
    }
}

impl From<CallError> for FailureReason {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NoSuchProcess => Self::NoSuchProcess,
            CallError::NotAllowed => Self::NotAllowed,
            CallError::MailboxFull => Self::MailboxFull,
            CallError::TooLarge(_) => Self::TooLarge,
            CallError::TooManyOutstanding => Self::TooManyOutstanding,
            CallError::Timeout => Self::Timeout,
            CallError::Offline => Self::Offline,
        }
    }
}

impl From<Refused> for CallError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full(_) => Self::MailboxFull,
            Refused::TooLarge(envelope) => Self::TooLarge(envelope.weight()),
            Refused::Closed(_) => Self::NoSuchProcess,
        }
    }
}

/// Takes the announcement of a response back when nobody waits for it any more.
struct Announced<'a> {
    mailbox: &'a Mailbox,
    id: MessageId,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.mailbox.forget(self.id);
    }
}
