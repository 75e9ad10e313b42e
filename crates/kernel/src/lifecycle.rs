//! Creating, starting, killing and restoring processes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use dashmap::mapref::entry::Entry;
use futures_util::{StreamExt, stream};
use wharf_types::kernel::{KernelResponse, ProcessPhase};
use wharf_types::{Address, Capability, OnExit, ProcessId};

use crate::capability::{CapabilityRef, Origin};
use crate::envelope::Payload;
use crate::kernel::Kernel;
use crate::launcher::{ComponentSource, PrepareError, Prepared};
use crate::module::Access;
use crate::persistence::{Change, StoreError, StoredCapability, StoredProcess};
use crate::process::{Guest, Kept, Process};
use crate::supervisor::supervise;

/// Components read and compiled at the same time while the node boots.
const RESTORED_AT_ONCE: usize = 16;

/// A process to be.
#[derive(Debug)]
pub struct NewProcess {
    /// Its id.
    pub id: ProcessId,
    /// Path of its component in the vfs.
    pub wasm_bytes_handle: String,
    /// Version of the guest interface; informational.
    pub wit_version: Option<u32>,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Who may send it messages.
    pub access: Access,
    pub(crate) kept: Kept,
}

impl NewProcess {
    /// A process that is started again at the next boot.
    pub fn installed(
        id: ProcessId,
        wasm_bytes_handle: String,
        wit_version: Option<u32>,
        on_exit: OnExit,
        access: Access,
    ) -> Self {
        Self { id, wasm_bytes_handle, wit_version, on_exit, access, kept: Kept::AcrossBoots }
    }

    fn stored(&self) -> StoredProcess {
        StoredProcess {
            id: self.id.clone(),
            wasm_bytes_handle: self.wasm_bytes_handle.clone(),
            wit_version: self.wit_version,
            on_exit: self.on_exit.clone(),
            public: self.access == Access::Public,
        }
    }

    fn into_process(self, kernel: &Kernel, prepared: Option<Arc<dyn Prepared>>) -> Process {
        let guest = Guest {
            wasm_bytes_handle: self.wasm_bytes_handle,
            wit_version: self.wit_version,
            on_exit: Mutex::new(self.on_exit),
            prepared,
            kept: Mutex::new(self.kept),
        };
        let address = Address::new(kernel.node().clone(), self.id);
        Process::new(address, self.access, Some(guest), kernel.limits(), kernel.stop().child_token())
    }
}

/// Why a process was not created. Nothing of it is left behind.
#[derive(Clone, Debug, thiserror::Error)]
pub enum InitializeError {
    /// Its id is not one that may be created.
    #[error("`{0}` cannot be created: names have only a-z, 0-9 and `-`, publishers also `.`")]
    BadId(ProcessId),
    /// There is such a process.
    #[error("there is a process `{0}` already")]
    Exists(ProcessId),
    /// There are too many processes.
    #[error("the node runs {0} processes already, which is the most it may")]
    TooMany(usize),
    /// Its component cannot be run here.
    #[error("the component cannot be run: {0}")]
    Component(#[from] PrepareError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What becomes of the capabilities that a process issued, when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Everybody loses them.
    Revoke,
    /// They stay.
    Keep,
}

impl Kernel {
    /// Creates a process that waits for [`Kernel::run`]. It starts with `given`, and with the right to message itself;
    /// the initializer gets the right to message it. Durable when it returns.
    pub async fn initialize(
        &self,
        new: NewProcess,
        component: Payload,
        given: Vec<Capability>,
        initializer: Option<&Arc<Process>>,
    ) -> Result<(), InitializeError> {
        if !new.id.is_creatable() {
            return Err(InitializeError::BadId(new.id));
        }
        // Known before the component is compiled; it is looked at again when the process is put into the table.
        if self.is_alive(&new.id) {
            return Err(InitializeError::Exists(new.id));
        }
        self.check_room()?;
        let prepared = self.launcher().prepare(component).await?;
        let stored = new.stored();
        let process = Arc::new(new.into_process(self, Some(prepared)));
        let own = Capability::messaging(process.address().clone());
        let to_initializer = self.authority().sign(own.clone());
        let first = self.first_capabilities(own, given, initializer);
        let mut told_initializer = false;
        let created = self
            .commit(|| {
                self.put_in_table(&process)?;
                let mut changes = Vec::new();
                if process.is_kept() {
                    changes.push(Change::PutProcess(stored));
                }
                for capability in &first {
                    changes.extend(self.give(&process, capability, Origin::Granted)?);
                }
                let initializer = initializer.filter(|initializer| self.is_current(initializer));
                if let (Some(initializer), Some(capability)) = (initializer, &to_initializer) {
                    let change = self.give(initializer, capability, Origin::Granted)?;
                    told_initializer = change.is_some();
                    changes.extend(change);
                }
                Ok(changes)
            })
            .await;
        if created.is_err() {
            self.take_from_table(&process);
            process.stop.cancel();
            process.mailbox().close();
            if let (true, Some(initializer), Some(capability)) = (told_initializer, initializer, &to_initializer) {
                initializer.remove_capability(capability.key());
            }
        }
        created
    }

    /// What a process starts with: what its initializer holds with the signature that it has, the rest signed here.
    fn first_capabilities(
        &self,
        own: Capability,
        given: Vec<Capability>,
        initializer: Option<&Arc<Process>>,
    ) -> Vec<CapabilityRef> {
        let signed = |capability: Capability| -> Option<CapabilityRef> {
            let held = initializer.and_then(|initializer| initializer.held(&capability.key()?));
            held.or_else(|| self.authority().sign(capability))
        };
        std::iter::once(own).chain(given).filter_map(signed).collect()
    }

    fn check_room(&self) -> Result<(), InitializeError> {
        let max = self.limits().processes_max;
        if self.guests().load(Ordering::Relaxed) >= max { Err(InitializeError::TooMany(max)) } else { Ok(()) }
    }

    /// Only called in [`Kernel::commit`], one at a time, so that neither an id nor the last place is given twice.
    fn put_in_table(&self, process: &Arc<Process>) -> Result<(), InitializeError> {
        match self.table().entry(process.id().clone()) {
            Entry::Occupied(_) => Err(InitializeError::Exists(process.id().clone())),
            Entry::Vacant(slot) => {
                self.check_room()?;
                slot.insert(Arc::clone(process));
                self.guests().fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Removes this very process; another one with its id stays. Tells whether it was there.
    fn take_from_table(&self, process: &Arc<Process>) -> bool {
        let was_there = self.table().remove_if(process.id(), |_, entry| Arc::ptr_eq(entry, process)).is_some();
        if was_there {
            self.guests().fetch_sub(1, Ordering::Relaxed);
        }
        was_there
    }

    /// Calls `init` of a process that was created and does not run yet.
    pub fn run(&self, id: &ProcessId) -> KernelResponse {
        let Some(process) = self.find(id) else { return KernelResponse::RunProcessError };
        let Some(prepared) = process.guest.as_ref().and_then(|guest| guest.prepared.clone()) else {
            return KernelResponse::RunProcessError;
        };
        if !process.advance(ProcessPhase::Initialized, ProcessPhase::Running) {
            return KernelResponse::RunProcessError;
        }
        self.tasks().spawn(supervise(self.clone(), process, prepared));
        KernelResponse::StartedProcess
    }

    /// Ends a guest process without its on-exit behaviour. `false` when there is none.
    pub async fn kill(&self, id: &ProcessId, revocation: Revocation) -> Result<bool, StoreError> {
        match self.find(id) {
            Some(process) if !process.is_module() => {
                self.remove(&process, revocation).await?;
                tracing::info!(process = %id, "killed");
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Takes a process out of the table and the store and ends its task.
    pub(crate) async fn remove(&self, process: &Arc<Process>, revocation: Revocation) -> Result<(), StoreError> {
        process.mailbox().close();
        process.stop.cancel();
        self.commit(|| {
            let mut changes = Vec::new();
            if !self.take_from_table(process) {
                return Ok(changes);
            }
            if process.is_kept() {
                changes.push(Change::RemoveProcess(process.id().clone()));
            }
            if revocation == Revocation::Revoke {
                changes.extend(self.revoke_issued_by(process.address()));
            }
            Ok(changes)
        })
        .await
    }

    /// Takes everything that `issuer` issued from everybody.
    fn revoke_issued_by(&self, issuer: &Address) -> Vec<Change> {
        let holders: Vec<_> = self.table().iter().map(|entry| Arc::clone(entry.value())).collect();
        let mut changes = Vec::new();
        for holder in holders {
            let keys = holder.revoke_from(issuer);
            let holder = holder.id();
            changes.extend(keys.into_iter().map(|key| Change::RemoveCapability { holder: holder.clone(), key }));
        }
        changes
    }

    /// Changes what happens when a process ends; durable when it returns. `false` when there is no such process.
    pub async fn set_on_exit(&self, id: &ProcessId, on_exit: OnExit) -> Result<bool, StoreError> {
        let Some(process) = self.find(id) else { return Ok(false) };
        let Some(guest) = &process.guest else { return Ok(false) };
        let stored = StoredProcess {
            id: id.clone(),
            wasm_bytes_handle: guest.wasm_bytes_handle.clone(),
            wit_version: guest.wit_version,
            on_exit: on_exit.clone(),
            public: process.is_public(),
        };
        let before = process.on_exit();
        let asks_to_last = !matches!(on_exit, OnExit::None);
        let changed = self
            .commit(|| {
                process.set_on_exit(on_exit);
                // One that was killed meanwhile must not come back with the next boot.
                if !self.is_current(&process) {
                    return Ok::<_, StoreError>(Vec::new());
                }
                let mut changes = Vec::new();
                if asks_to_last && process.keep() {
                    changes = self.capabilities_around(&process);
                }
                if process.is_kept() {
                    changes.push(Change::PutProcess(stored));
                }
                Ok(changes)
            })
            .await;
        if changed.is_err() {
            process.set_on_exit(before);
        }
        changed.map(|()| true)
    }

    /// What a process holds and what others hold of it, for a process that was not stored so far.
    fn capabilities_around(&self, process: &Arc<Process>) -> Vec<Change> {
        let holders: Vec<_> = self.table().iter().map(|entry| Arc::clone(entry.value())).collect();
        let mut changes = Vec::new();
        for holder in holders {
            let held = holder.all_held_with_origin().into_iter();
            let of_process = |capability: &CapabilityRef| {
                Arc::ptr_eq(&holder, process) || capability.capability().issuer == *process.address()
            };
            changes.extend(held.filter(|(capability, _)| of_process(capability)).map(|(capability, origin)| {
                Change::PutCapability(StoredCapability { holder: holder.id().clone(), capability, origin })
            }));
        }
        changes
    }

    /// Brings back what the store has: capabilities of everyone, and guest processes, which start. A process whose
    /// component cannot be loaded keeps its record and capabilities and is shown as failed.
    pub async fn restore(&self, components: &dyn ComponentSource) -> Result<usize, StoreError> {
        let stored = self.persistence().load().await?;
        let count = stored.processes.len();
        let loaded: Vec<_> = stream::iter(stored.processes)
            .map(|record| async {
                let prepared = self.load(components, &record).await;
                (record, prepared)
            })
            .buffer_unordered(RESTORED_AT_ONCE)
            .collect()
            .await;
        let mut runnable = Vec::with_capacity(count);
        for (record, prepared) in loaded {
            if self.put_back(record, prepared, &mut runnable).is_none() {
                tracing::error!("a stored process has the id of one of the node's own modules; it was left out");
            }
        }
        for StoredCapability { holder, capability, origin } in stored.capabilities {
            if let Some(process) = self.find(&holder) {
                process.add_capability(capability, origin, usize::MAX);
            }
        }
        for id in &runnable {
            self.run(id);
        }
        Ok(runnable.len())
    }

    async fn load(
        &self,
        components: &dyn ComponentSource,
        record: &StoredProcess,
    ) -> Result<Arc<dyn Prepared>, String> {
        let handle = &record.wasm_bytes_handle;
        let bytes = components.read(handle).await.map_err(|error| format!("reading {handle}: {error}"))?;
        self.launcher().prepare(Arc::new(bytes)).await.map_err(|error| format!("loading {handle}: {error}"))
    }

    fn put_back(
        &self,
        record: StoredProcess,
        prepared: Result<Arc<dyn Prepared>, String>,
        runnable: &mut Vec<ProcessId>,
    ) -> Option<()> {
        let access = if record.public { Access::Public } else { Access::Capability };
        let id = record.id.clone();
        let new =
            NewProcess::installed(record.id, record.wasm_bytes_handle, record.wit_version, record.on_exit, access);
        let (prepared, problem) = match prepared {
            Ok(prepared) => (Some(prepared), None),
            Err(problem) => (None, Some(problem)),
        };
        let process = new.into_process(self, prepared);
        match problem {
            None => runnable.push(id.clone()),
            Some(problem) => {
                tracing::error!(process = %id, "it was not started: {problem}");
                process.update_status(|status| {
                    status.phase = ProcessPhase::Failed;
                    status.last_exit = Some(problem);
                });
            }
        }
        match self.table().entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(slot) => {
                slot.insert(Arc::new(process));
                self.guests().fetch_add(1, Ordering::Relaxed);
                Some(())
            }
        }
    }
}
