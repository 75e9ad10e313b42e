//! A process or module as the table knows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio_util::sync::CancellationToken;
use wharf_types::kernel::ProcessPhase;
use wharf_types::{Address, CapabilityKey, OnExit, ProcessId};

use crate::capability::{CapabilityRef, Held, Origin};
use crate::envelope::ReplyPath;
use crate::launcher::Prepared;
use crate::limits::Limits;
use crate::mailbox::Mailbox;
use crate::module::Access;

/// What a guest process is made of; modules have none of it.
pub(crate) struct Guest {
    pub(crate) wasm_bytes_handle: String,
    pub(crate) wit_version: Option<u32>,
    pub(crate) on_exit: Mutex<OnExit>,
    /// `None` when its component could not be loaded at boot.
    pub(crate) prepared: Option<Arc<dyn Prepared>>,
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

/// What became of a capability that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is held now.
    New,
    /// It was held before.
    Known,
    /// The process holds as many as it may.
    Full,
}

/// Changing facts for people.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) phase: ProcessPhase,
    pub(crate) restarts: u64,
    pub(crate) last_exit: Option<String>,
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
    status: Mutex<Status>,
    /// Ends the task that runs it.
    pub(crate) stop: CancellationToken,
    pub(crate) guest: Option<Guest>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    pub(crate) fn new(
        address: Address,
        access: Access,
        guest: Option<Guest>,
        limits: &Limits,
        stop: CancellationToken,
    ) -> Self {
        let phase = if guest.is_some() { ProcessPhase::Initialized } else { ProcessPhase::Module };
        Self {
            address,
            access,
            mailbox: RwLock::new(Arc::new(Mailbox::new(limits))),
            held: Mutex::default(),
            epoch: AtomicU64::new(0),
            status: Mutex::new(Status { phase, restarts: 0, last_exit: None }),
            stop,
            guest,
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

    /// Begins another life with an empty mailbox.
    pub(crate) fn renew_mailbox(&self, limits: &Limits) {
        let fresh = Arc::new(Mailbox::new(limits));
        *self.mailbox.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    pub(crate) fn reply_path(&self) -> ReplyPath {
        ReplyPath { address: self.address.clone(), mailbox: self.mailbox() }
    }

    /// Number of the present set of capabilities.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn holds(&self, key: &CapabilityKey) -> bool {
        lock(&self.held).get(key).is_some()
    }

    pub(crate) fn held(&self, key: &CapabilityKey) -> Option<CapabilityRef> {
        lock(&self.held).get(key).map(Arc::clone)
    }

    pub(crate) fn all_held(&self) -> Vec<CapabilityRef> {
        lock(&self.held).all()
    }

    pub(crate) fn held_count(&self) -> usize {
        lock(&self.held).len()
    }

    /// Adds a capability unless the process holds it, or `max` others, already.
    pub(crate) fn add_capability(&self, capability: CapabilityRef, origin: Origin, max: usize) -> Added {
        let mut held = lock(&self.held);
        if held.get(capability.key()).is_some() {
            return Added::Known;
        }
        if held.len() >= max {
            return Added::Full;
        }
        held.insert(capability, origin);
        drop(held);
        self.epoch.fetch_add(1, Ordering::Release);
        Added::New
    }

    /// Removes a capability. Returns whether it was there.
    pub(crate) fn remove_capability(&self, key: &CapabilityKey) -> bool {
        let was = lock(&self.held).remove(key);
        if was {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        was
    }

    /// Removes everything `issuer` issued and returns the keys.
    pub(crate) fn revoke_from(&self, issuer: &Address) -> Vec<CapabilityKey> {
        let keys = lock(&self.held).remove_issued_by(issuer);
        if !keys.is_empty() {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        keys
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

    /// From now on it is started again at the next boot. Returns whether that is new.
    pub(crate) fn keep(&self) -> bool {
        self.guest
            .as_ref()
            .is_some_and(|guest| std::mem::replace(&mut *lock(&guest.kept), Kept::AcrossBoots) == Kept::UntilShutdown)
    }

    pub(crate) fn all_held_with_origin(&self) -> Vec<(CapabilityRef, Origin)> {
        lock(&self.held).all_with_origin()
    }

    pub(crate) fn on_exit(&self) -> OnExit {
        self.guest.as_ref().map(|guest| lock(&guest.on_exit).clone()).unwrap_or_default()
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
