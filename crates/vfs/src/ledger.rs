//! What each package has on disk, and how much more it may have.
//!
//! The numbers are kept in memory and counted once, when a package first changes something; a node that comes up anew
//! counts anew. Invariants, on which they rest:
//! - names appear and vanish under the ledger's lock for writing, and files grow under the one for reading, so that
//!   nothing changes while it is counted;
//! - a file's length changes under its own lock ([`OpenFile::size`]), one for all its handles, so that its growth is
//!   what was looked at before;
//! - what a change needs is reserved before it is tried, and given back when it failed: no race gets past the bound;
//! - a file that is removed while it is open goes on counting until it is closed, since it goes on taking the disk.
//!
//! Locks are taken in the order of this list, those of two packages in the order of their names.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use wharf_kernel::{Book, Limit};
use wharf_types::PackageId;
use wharf_types::vfs::FileType;

use crate::error::OverLimit;
use crate::limits::VfsLimits;
use crate::path::Segment;
use crate::storage::{Identity, Metadata, Storage, Usage};

/// The ledgers of all packages.
#[derive(Debug)]
pub(crate) struct Ledgers {
    storage: Arc<dyn Storage>,
    limits: Book<VfsLimits>,
    packages: Mutex<HashMap<PackageId, Arc<Ledger>>>,
}

impl Ledgers {
    pub(crate) fn new(storage: Arc<dyn Storage>, limits: Book<VfsLimits>) -> Self {
        Self { storage, limits, packages: Mutex::default() }
    }

    /// The bounds of the node.
    pub(crate) fn limits(&self) -> &Arc<VfsLimits> {
        self.limits.node()
    }

    pub(crate) fn of(&self, package: &PackageId) -> Arc<Ledger> {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ledger) = packages.get(package) {
            return Arc::clone(ledger);
        }
        let ledger = Arc::new(Ledger::new(Arc::clone(&self.storage), package, Arc::clone(self.limits.of(package))));
        packages.insert(package.clone(), Arc::clone(&ledger));
        ledger
    }
}

/// What one package has.
#[derive(Debug)]
pub(crate) struct Ledger {
    storage: Arc<dyn Storage>,
    folder: Segment,
    limits: Arc<VfsLimits>,
    names: RwLock<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// `None` until it was counted.
    usage: Option<Usage>,
    open: HashMap<Identity, Open>,
}

impl State {
    /// What the package has less when this is gone.
    fn freed_by(&self, what: &Metadata) -> Usage {
        let counts = what.kind == FileType::File && !self.open.contains_key(&what.identity);
        Usage { bytes: if counts { what.len } else { 0 }, files: 1 }
    }

    fn credit(&mut self, room: Usage) {
        if let Some(usage) = &mut self.usage {
            usage.bytes = usage.bytes.saturating_sub(room.bytes);
            usage.files = usage.files.saturating_sub(room.files);
        }
    }
}

#[derive(Debug)]
struct Open {
    file: Arc<OpenFile>,
    handles: usize,
}

/// What all handles of one file share.
#[derive(Debug, Default)]
pub(crate) struct OpenFile {
    /// Held while the length changes.
    pub(crate) size: Mutex<()>,
    /// It has no name any more, and its bytes are still counted.
    removed: AtomicBool,
}

impl OpenFile {
    pub(crate) fn lock_size(&self) -> MutexGuard<'_, ()> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn new(storage: Arc<dyn Storage>, package: &PackageId, limits: Arc<VfsLimits>) -> Self {
        Self {
            storage,
            folder: Segment::internal(package.to_string()),
            limits,
            names: RwLock::default(),
            state: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Arc<VfsLimits> {
        &self.limits
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names stay as they are while this is held. Enough for looking.
    pub(crate) fn look(&self) -> RwLockReadGuard<'_, ()> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names stay as they are while this is held, and files may grow.
    pub(crate) fn grow(&self) -> io::Result<RwLockReadGuard<'_, ()>> {
        loop {
            let names = self.look();
            if self.state().usage.is_some() {
                return Ok(names);
            }
            drop(names);
            drop(self.change()?);
        }
    }

    /// Names may change while this is held, by its holder.
    pub(crate) fn change(&self) -> io::Result<RwLockWriteGuard<'_, ()>> {
        let names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if self.state().usage.is_none() {
            let usage = self.storage.measure(std::slice::from_ref(&self.folder))?;
            let mut state = self.state();
            state.usage = Some(usage);
            // Those without a name were not met.
            state.open.values().for_each(|open| open.file.removed.store(false, Ordering::Relaxed));
        }
        Ok(names)
    }

    /// What the package has, if it was counted.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.state().usage
    }

    /// Counts anew at the next change.
    pub(crate) fn forget(&self) {
        self.state().usage = None;
    }

    /// Sets room aside, or fails when the package would have more than it may.
    pub(crate) fn reserve(self: &Arc<Self>, room: Usage) -> io::Result<Reservation> {
        self.reserve_in_place_of(room, None)
    }

    /// The same for what takes the place of something else, which is gone then.
    pub(crate) fn reserve_in_place_of(
        self: &Arc<Self>,
        room: Usage,
        replaced: Option<&Metadata>,
    ) -> io::Result<Reservation> {
        self.take(room, replaced)?;
        Ok(Reservation { ledger: Arc::clone(self), room })
    }

    fn take(&self, room: Usage, replaced: Option<&Metadata>) -> io::Result<()> {
        let mut state = self.state();
        let freed = replaced.map(|what| state.freed_by(what)).unwrap_or_default();
        let Some(usage) = &mut state.usage else { return Ok(()) };
        let bytes = usage.bytes.saturating_add(room.bytes);
        let files = usage.files.saturating_add(room.files);
        if room.bytes > freed.bytes && bytes.saturating_sub(freed.bytes) > self.limits.package_bytes_max {
            return Err(OverLimit::quota(Limit::PackageBytes).into());
        }
        if room.files > freed.files && files.saturating_sub(freed.files) > self.limits.package_files_max {
            return Err(OverLimit::quota(Limit::PackageFiles).into());
        }
        *usage = Usage { bytes, files };
        Ok(())
    }

    /// Gives room back.
    pub(crate) fn credit(&self, room: Usage) {
        self.state().credit(room);
    }

    /// Something lost its name. The caller holds [`Ledger::change`], or has it out of everyone's reach.
    pub(crate) fn gone(&self, what: &Metadata) {
        let mut state = self.state();
        let freed = state.freed_by(what);
        if let Some(open) = state.open.get(&what.identity) {
            // Under the lock that closing takes, so that its bytes are given back here or there, and once.
            open.file.removed.store(true, Ordering::Relaxed);
        }
        state.credit(freed);
    }

    /// A handle was opened. The caller holds [`Ledger::look`] or more since before that.
    pub(crate) fn opened(&self, identity: Identity) -> Arc<OpenFile> {
        let mut state = self.state();
        let open = state.open.entry(identity).or_insert_with(|| Open { file: Arc::default(), handles: 0 });
        open.handles += 1;
        Arc::clone(&open.file)
    }

    /// A handle is about to be closed. `len` tells the file's length.
    pub(crate) fn closing(&self, identity: Identity, len: impl FnOnce() -> u64) {
        let mut state = self.state();
        let Some(open) = state.open.get_mut(&identity) else { return };
        open.handles -= 1;
        if open.handles > 0 {
            return;
        }
        let removed = open.file.removed.load(Ordering::Relaxed);
        state.open.remove(&identity);
        drop(state);
        if removed {
            self.credit(Usage { bytes: len(), files: 0 });
        }
    }
}

/// Room that was set aside. What is not kept is given back.
#[derive(Debug)]
pub(crate) struct Reservation {
    ledger: Arc<Ledger>,
    room: Usage,
}

impl Reservation {
    /// Sets more aside.
    pub(crate) fn extend(&mut self, room: Usage) -> io::Result<()> {
        self.ledger.take(room, None)?;
        self.room.bytes = self.room.bytes.saturating_add(room.bytes);
        self.room.files = self.room.files.saturating_add(room.files);
        Ok(())
    }

    /// So much is used now, and no longer this reservation's.
    pub(crate) fn keep(&mut self, used: Usage) {
        self.room.bytes = self.room.bytes.saturating_sub(used.bytes);
        self.room.files = self.room.files.saturating_sub(used.files);
    }

    /// All of it is used now.
    pub(crate) fn keep_all(mut self) {
        self.room = Usage::default();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.ledger.credit(self.room);
    }
}
