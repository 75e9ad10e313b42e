//! The kernel: who exists, who may speak with whom, and how a message finds its way.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use wharf_types::{Address, Capability, NodeName, ProcessId};

use crate::capability::{Authority, CapabilityRef, Origin};
use crate::envelope::{Blob, Content, Envelope, Kind, MessageId, Rsvp, Seconds};
use crate::launcher::Launcher;
use crate::limits::Limits;
use crate::mailbox::{Mailbox, Refused};
use crate::persistence::{Change, Persistence, StoreError, StoredCapability};
use crate::process::{Added, Process};

/// What a kernel is made of.
pub struct Parts {
    /// Name of the node.
    pub node: NodeName,
    /// Its signing key.
    pub authority: Authority,
    /// Its bounds.
    pub limits: Limits,
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
    limits: Limits,
    table: DashMap<ProcessId, Arc<Process>>,
    /// Guest processes in the table; changed together with it.
    guests: AtomicUsize,
    changes_order: Mutex<()>,
    persistence: Arc<dyn Persistence>,
    launcher: Arc<dyn Launcher>,
    tasks: TaskTracker,
    stop: CancellationToken,
    id_key: RandomState,
    next_id: AtomicU64,
}

impl Kernel {
    /// A kernel with an empty process table.
    pub fn new(parts: Parts) -> Self {
        let Parts { node, authority, limits, persistence, launcher, stop } = parts;
        Self {
            inner: Arc::new(Inner {
                address: Address::new(node, ProcessId::system("kernel")),
                boot: Uuid::now_v7(),
                started: Instant::now(),
                authority,
                limits,
                table: DashMap::new(),
                guests: AtomicUsize::new(0),
                changes_order: Mutex::new(()),
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

    /// Its bounds.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
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
    pub(crate) fn guests(&self) -> &AtomicUsize {
        &self.inner.guests
    }

    /// Held while a change is made in memory and handed to the store; see [`Kernel::commit`].
    pub(crate) fn changes_order(&self) -> &Mutex<()> {
        &self.inner.changes_order
    }

    pub(crate) fn find(&self, id: &ProcessId) -> Option<Arc<Process>> {
        self.inner.table.get(id).map(|entry| Arc::clone(entry.value()))
    }

    /// Whether there is such a process or module.
    pub fn is_alive(&self, id: &ProcessId) -> bool {
        self.inner.table.contains_key(id)
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

    /// Whether a message is within the limits for bodies and blobs.
    pub(crate) fn check_size(&self, envelope: &Envelope) -> Result<(), CallError> {
        let limits = self.limits();
        if envelope.content.body.len() > limits.body_bytes_max {
            return Err(CallError::TooLarge(limits.body_bytes_max));
        }
        if envelope.blob.as_ref().is_some_and(|blob| blob.bytes.len() > limits.blob_bytes_max) {
            return Err(CallError::TooLarge(limits.blob_bytes_max));
        }
        Ok(())
    }

    /// Sends a request in the name of `from` and waits for its response, outside of what the process itself receives.
    pub(crate) async fn call(
        &self,
        from: &Arc<Process>,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
        send_as: SendAs,
    ) -> Result<Envelope, CallError> {
        let to = self.callee(from, target, send_as)?;
        let mailbox = from.mailbox();
        let id = self.fresh_id();
        let response = mailbox.expect_direct(id).map_err(|_| CallError::TooManyOutstanding)?;
        let _announced = Announced { mailbox: &mailbox, id };
        let envelope = Box::new(Envelope {
            id,
            source: from.address().clone(),
            kind: Kind::Request(Some(wait)),
            content,
            blob,
            rsvp: Rsvp::Source,
            reply: from.reply_path(),
        });
        self.check_size(&envelope)?;
        to.mailbox().push_request(envelope).map_err(CallError::from)?;
        match tokio::time::timeout(wait.duration(), response).await {
            Ok(Ok(response)) => Ok(*response),
            Ok(Err(_)) | Err(_) => Err(CallError::Timeout),
        }
    }

    /// Sends a request in the name of `from` that wants no response.
    pub(crate) fn tell(
        &self,
        from: &Arc<Process>,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        send_as: SendAs,
    ) -> Result<(), CallError> {
        let to = self.callee(from, target, send_as)?;
        let envelope = Box::new(Envelope {
            id: self.fresh_id(),
            source: from.address().clone(),
            kind: Kind::Request(None),
            content,
            blob,
            rsvp: Rsvp::Nobody,
            reply: from.reply_path(),
        });
        self.check_size(&envelope)?;
        to.mailbox().push_request(envelope).map_err(CallError::from)
    }

    /// An id for a request that no session sends: a keyed hash of a counter, so nobody can guess it.
    fn fresh_id(&self) -> MessageId {
        MessageId::new(self.inner.id_key.hash_one(self.inner.next_id.fetch_add(1, Ordering::Relaxed)))
    }

    fn callee(&self, from: &Process, target: &Address, send_as: SendAs) -> Result<Arc<Process>, CallError> {
        if target.node() != self.node() && target.node().as_str() != NodeName::OUR {
            return Err(CallError::Offline);
        }
        let to = self.find(target.process()).ok_or(CallError::NoSuchProcess)?;
        if send_as == SendAs::Owner || self.may_send(from, &to) { Ok(to) } else { Err(CallError::NotAllowed) }
    }

    /// Gives a process or module capabilities, signed by this node; all or none, durable when it returns. Those whose
    /// params are not JSON are left out. An unknown holder gets nothing. A holder that may not hold that many is an
    /// error.
    pub async fn grant(&self, holder: &ProcessId, capabilities: Vec<Capability>) -> Result<(), StoreError> {
        let Some(process) = self.find(holder) else { return Ok(()) };
        let signed: Vec<_> =
            capabilities.into_iter().filter_map(|capability| self.authority().sign(capability)).collect();
        let mut added = Vec::new();
        let stored = self
            .commit(|| {
                if !self.is_current(&process) {
                    return Ok(Vec::new());
                }
                let mut changes = Vec::new();
                for capability in signed {
                    match self.give(&process, &capability, Origin::Granted) {
                        Ok(None) => {}
                        Ok(Some(change)) => {
                            added.push(capability);
                            changes.push(change);
                        }
                        Err(full) => return Err(full),
                    }
                }
                Ok(changes)
            })
            .await;
        if stored.is_err() {
            // What was not acknowledged must not be usable either.
            for capability in &added {
                process.remove_capability(capability.key());
            }
        }
        stored
    }

    /// Adds a capability in memory. `None` when the process holds it already.
    pub(crate) fn give(
        &self,
        process: &Process,
        capability: &CapabilityRef,
        origin: Origin,
    ) -> Result<Option<Change>, StoreError> {
        let max = self.limits().capabilities_max;
        match process.add_capability(Arc::clone(capability), origin.clone(), max) {
            Added::New => {
                let (holder, capability) = (process.id().clone(), Arc::clone(capability));
                Ok(Some(Change::PutCapability(StoredCapability { holder, capability, origin })))
            }
            Added::Known => Ok(None),
            Added::Full => Err(StoreError {
                action: format!("giving {:?} to {}", capability.capability(), process.id()),
                reason: format!("it holds {max} capabilities, which are the most a process may"),
            }),
        }
    }

    /// Takes capabilities from a process; durable when it returns. Tells whether there is such a process.
    pub(crate) async fn drop_capabilities(
        &self,
        holder: &ProcessId,
        capabilities: &[Capability],
    ) -> Result<bool, StoreError> {
        let Some(process) = self.find(holder) else { return Ok(false) };
        let keys: Vec<_> = capabilities.iter().filter_map(Capability::key).collect();
        self.commit(|| {
            let removed = keys.into_iter().filter(|key| process.remove_capability(key));
            let changes: Vec<_> = removed.map(|key| Change::RemoveCapability { holder: holder.clone(), key }).collect();
            Ok::<_, StoreError>(if self.is_current(&process) { changes } else { Vec::new() })
        })
        .await?;
        Ok(true)
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
