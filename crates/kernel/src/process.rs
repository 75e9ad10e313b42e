//! A process or module as the table knows it.

use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tracing::field;
use wharf_types::events::Happening;
use wharf_types::kernel::{LastExit, ProcessPhase};
use wharf_types::{Address, CapabilityKey, OnExit, ProcessId};

use crate::capability::{Held, HoldingRef};
use crate::census::{Children, Parent};
use crate::counters::Counters;
use crate::envelope::ReplyPath;
use crate::launcher::{ComponentHash, Program};
use crate::limit_hits::Limit;
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::meter::Memory;
use crate::module::Access;
use crate::persistence::StoredProcess;
use crate::public_id::PublicId;
use crate::seen::Seen;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::sync::{Mutex, MutexGuard, RwLock};
use crate::throttle::{Admission, Throttle};
use crate::trace::Slot;

/// What a guest process is made of; modules have none of it.
pub(crate) struct Guest {
    pub(crate) wasm_bytes_handle: String,
    /// What it was created with, as [`StoredProcess::component`].
    pub(crate) component: OnceLock<ComponentHash>,
    pub(crate) wit_version: Option<u32>,
    pub(crate) on_exit: Mutex<OnExit>,
    pub(crate) program: Program,
    /// Who started it, where that counts its children.
    pub(crate) parent: OnceLock<Parent>,
    /// Whether it is written to the store: a child that asked for nothing at its end is not.
    pub(crate) kept: Mutex<Kept>,
}

/// Whether a process outlives the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is started again at the next boot.
    AcrossBoots,
    /// It ends with the node.
    UntilShutdown,
}

/// Changing facts for people.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) phase: ProcessPhase,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<LastExit>,
}

/// Time that a process spent computing, added up over its lives. Counted in ticks of the runtime, so it is right on
/// average and not for each message.
#[derive(Debug, Default)]
pub struct CpuTime(AtomicU64);

impl CpuTime {
    /// It computed for so long.
    pub fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Milliseconds so far.
    pub fn as_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one process may bring into the log.
struct LogShare {
    printed: Throttle,
    notices: Throttle,
}

/// An entry of the process table.
///
/// Identity is the whole address. An entry that left the table never comes back: a process that is created again under
/// the same id is another entry.
pub struct Process {
    address: Address,
    access: Access,
    mailbox: RwLock<Arc<Mailbox>>,
    held: Mutex<Held>,
    /// Counts changes of `held`, so that senders may remember a decision.
    epoch: AtomicU64,
    /// It left the table: it issues nothing any more.
    ended: AtomicBool,
    status: Mutex<Status>,
    /// Settled when it is created.
    limits: Arc<Limits>,
    seen: Arc<Seen>,
    cpu: Arc<CpuTime>,
    children: Children,
    log_share: Mutex<LogShare>,
    /// Ends the task that runs it.
    pub(crate) stop: CancellationToken,
    pub(crate) guest: Option<Guest>,
    pub(crate) counters: Counters,
    pub(crate) memory: Memory,
    pub(crate) trace: Slot,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(crate) fn new(
        address: Address,
        access: Access,
        guest: Option<Guest>,
        limits: Arc<Limits>,
        seen: Arc<Seen>,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        let log_share = LogShare {
            printed: Throttle::new(limits.printed_bytes_per_s_max, now),
            notices: Throttle::new(limits.notices_per_s_max, now),
        };
        let phase = if guest.is_some() { ProcessPhase::Initialized } else { ProcessPhase::Module };
        Self {
            access,
            mailbox: RwLock::new(Arc::new(Mailbox::new(address.clone(), &limits))),
            held: Mutex::default(),
            epoch: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            status: Mutex::new(Status { phase, restarts: 0, last_exit: None }),
            limits,
            seen,
            cpu: Arc::default(),
            children: Children::default(),
            log_share: Mutex::new(log_share),
            stop,
            guest,
            address,
            counters: Counters::default(),
            memory: Memory::default(),
            trace: Slot::default(),
        }
    }

    /// Its whole address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Its id on this node.
    pub fn id(&self) -> &ProcessId {
        self.address.process()
    }

    /// Whether every local process may send it messages.
    pub fn is_public(&self) -> bool {
        self.access == Access::Public
    }

    /// Whether it is one of the node's own modules.
    pub fn is_module(&self) -> bool {
        self.guest.is_none()
    }

    pub(crate) fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.mailbox.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bounds it lives under.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Time it spent computing.
    pub fn cpu(&self) -> &Arc<CpuTime> {
        &self.cpu
    }

    /// It reached a bound: counted, and told to whoever watches, each limit at most once a second.
    pub(crate) fn hit(&self, limit: Limit) {
        self.seen.limit_hits.count(limit);
        if self.counters.may_tell(limit) {
            self.tell(Happening::LimitHit { limit: limit.name().to_owned() });
        }
    }

    /// Tells whoever watches that something happened to it. What changes who it is or what it holds is told while
    /// [`crate::kernel::Kernel::commit`]'s lock is held, so that the order is that of the changes.
    pub(crate) fn tell(&self, what: Happening) {
        self.seen.events.emit(self.id(), what);
    }

    /// Who started it, where that counts its children.
    pub(crate) fn parent(&self) -> Option<&Parent> {
        self.guest.as_ref()?.parent.get()
    }

    /// This process as the parent of one to be.
    pub(crate) fn as_parent(&self) -> Parent {
        Parent { id: self.id().clone(), alive: Arc::clone(&self.children), max: self.limits.children_max }
    }

    /// Tells whoever reads the log of this process why something it asked for did not happen. It may ask for such
    /// things without end, so only so many of these are written in a second. `request` is the message it is about.
    pub(crate) fn notice(&self, request: Option<PublicId>, text: &str) {
        let now = Instant::now();
        let mut share = lock(&self.log_share);
        let (admission, missed) = (share.notices.admit(now, 1), share.notices.take_missed(now));
        drop(share);
        if admission == Admission::Pass {
            tracing::warn!(process = %self.id(), request = request.map(field::display), "{text}");
        } else {
            self.hit(Limit::Notices);
        }
        if let Some(missed) = missed {
            tracing::warn!(process = %self.id(), missed, "more was to be said about it than the log takes in a second");
        }
    }

    /// Whether it may print so many bytes more now. The log is told of what it may not.
    pub(crate) fn may_print(&self, bytes: usize) -> bool {
        let now = Instant::now();
        let mut share = lock(&self.log_share);
        let admission = share.printed.admit(now, u64::try_from(bytes).unwrap_or(u64::MAX));
        let missed = share.printed.take_missed(now);
        drop(share);
        if admission == Admission::Drop {
            self.hit(Limit::PrintedBytes);
        }
        if let Some(missed) = missed {
            tracing::warn!(process = %self.id(), missed, "lines that it printed were dropped: it prints too much");
        }
        admission == Admission::Pass
    }

    /// Begins another life with an empty mailbox.
    pub(crate) fn renew_mailbox(&self) {
        let fresh = Arc::new(Mailbox::new(self.address.clone(), &self.limits));
        let before = std::mem::replace(&mut *self.mailbox.write().unwrap_or_else(PoisonError::into_inner), fresh);
        self.counters.mailbox_ended(before.figures());
    }

    pub(crate) fn reply_path(&self) -> ReplyPath {
        ReplyPath(self.mailbox())
    }

    /// Number of the present set of capabilities.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn holds(&self, key: &CapabilityKey) -> bool {
        lock(&self.held).get(key).is_some()
    }

    pub(crate) fn held(&self, key: &CapabilityKey) -> Option<HoldingRef> {
        lock(&self.held).get(key).cloned()
    }

    pub(crate) fn all_held(&self) -> Vec<HoldingRef> {
        lock(&self.held).all()
    }

    pub(crate) fn held_count(&self) -> usize {
        lock(&self.held).len()
    }

    /// From now on it holds this, in place of another holding of the same capability.
    pub(crate) fn hold(&self, holding: HoldingRef) {
        lock(&self.held).put(holding);
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Removes a capability, and returns what was held of it.
    pub(crate) fn give_up(&self, key: &CapabilityKey) -> Option<HoldingRef> {
        let was = lock(&self.held).remove(key);
        self.changed_if(was.is_some());
        was
    }

    /// Removes this very holding. Returns whether it was there.
    pub(crate) fn lose(&self, holding: &HoldingRef) -> bool {
        let was = lock(&self.held).remove_exactly(holding);
        self.changed_if(was.is_some())
    }

    fn changed_if(&self, changed: bool) -> bool {
        if changed {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        changed
    }

    /// Whether it left the table.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// It leaves the table.
    pub(crate) fn set_ended(&self) {
        self.ended.store(true, Ordering::Release);
    }

    pub(crate) fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    pub(crate) fn update_status(&self, update: impl FnOnce(&mut Status)) {
        update(&mut lock(&self.status));
    }

    /// Moves from one phase to the next; `false` when it is in another.
    pub(crate) fn advance(&self, from: ProcessPhase, to: ProcessPhase) -> bool {
        let mut status = lock(&self.status);
        let right = status.phase == from;
        if right {
            status.phase = to;
        }
        right
    }

    /// Whether it is written to the store. Modules are not, but what they hold is.
    pub(crate) fn is_kept(&self) -> bool {
        self.guest.as_ref().is_none_or(|guest| *lock(&guest.kept) == Kept::AcrossBoots)
    }

    /// From now on it is started again at the next boot, or is not. Returns whether that is new.
    pub(crate) fn set_kept(&self, kept: Kept) -> bool {
        self.guest.as_ref().is_some_and(|guest| std::mem::replace(&mut *lock(&guest.kept), kept) != kept)
    }

    /// It as it is stored; modules are not.
    pub(crate) fn stored(&self) -> Option<StoredProcess> {
        self.guest.as_ref().map(|guest| StoredProcess {
            id: self.id().clone(),
            wasm_bytes_handle: guest.wasm_bytes_handle.clone(),
            component: guest.component.get().copied(),
            wit_version: guest.wit_version,
            on_exit: lock(&guest.on_exit).clone(),
            public: self.is_public(),
            parent: self.parent().map(|parent| parent.id.clone()),
        })
    }

    pub(crate) fn on_exit(&self) -> OnExit {
        self.with_on_exit(OnExit::clone)
    }

    /// Looks at what happens when it ends, which may have many bytes. `look` waits for nothing.
    pub(crate) fn with_on_exit<T>(&self, look: impl FnOnce(&OnExit) -> T) -> T {
        match &self.guest {
            Some(guest) => look(&lock(&guest.on_exit)),
            None => look(&OnExit::None),
        }
    }

    pub(crate) fn set_on_exit(&self, on_exit: OnExit) {
        if let Some(guest) = &self.guest {
            *lock(&guest.on_exit) = on_exit;
        }
    }
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.address)
    }
}
