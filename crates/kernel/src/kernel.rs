//! The kernel: who exists, who may speak with whom, and how a message finds its way.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;
use wharf_types::{Address, Capability, NodeName, PackageId, ProcessId};

use crate::book::Book;
use crate::calls::CallError;
use crate::capability::{Authority, HoldingRef, Holdings};
use crate::census::Census;
use crate::doubt::Doubts;
use crate::ended::Ended;
use crate::envelope::{Envelope, MessageId, ReplyPath};
use crate::launcher::Launcher;
use crate::limit_hits::{Limit, LimitHits};
use crate::limits::Limits;
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

    /// The processes of a package that are not the node's own modules.
    pub fn guests_of(&self, package: &PackageId) -> Vec<ProcessId> {
        let of_package = |id: &ProcessId| id.is_in(package);
        let guests = self.inner.table.iter().filter(|entry| of_package(entry.key()) && !entry.value().is_module());
        guests.map(|entry| entry.key().clone()).collect()
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

    /// The present life of a process or module.
    pub(crate) fn life_of(&self, address: &Address) -> Option<ReplyPath> {
        let ours = address.node() == self.node() || address.node().as_str() == NodeName::OUR;
        self.find(address.process()).filter(|_| ours).map(|process| process.reply_path())
    }

    /// An id for a request that no session sends: a keyed hash of a counter, so nobody can guess it.
    pub(crate) fn fresh_id(&self) -> MessageId {
        MessageId::new(self.inner.id_key.hash_one(self.inner.next_id.fetch_add(1, Ordering::Relaxed)))
    }
}
