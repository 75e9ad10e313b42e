//! Creating, starting and killing processes.

use std::sync::{Arc, OnceLock};

use dashmap::mapref::entry::Entry;
use wharf_types::events::Happening;
use wharf_types::kernel::{EndedProcess, Exit, KernelResponse, LastExit, ProcessPhase};
use wharf_types::{Address, Capability, OnExit, ProcessId};

use crate::capability::CapabilityRef;
use crate::census::Parent;
use crate::doubt::Doubt;
use crate::ended;
use crate::envelope::Payload;
use crate::grants::{Gift, Given, NotGiven};
use crate::kernel::Kernel;
use crate::launcher::{ComponentHash, PrepareError, Program};
use crate::limit_hits::Limit;
use crate::limits::Limits;
use crate::module::Access;
use crate::persistence::{Change, StoreError};
use crate::process::{Guest, Kept, Process};
use crate::supervisor::supervise;
use crate::sync::Mutex;

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
    /// Whose child it is, if it is one.
    pub(crate) parent: Option<Parent>,
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
        Self { id, wasm_bytes_handle, wit_version, on_exit, access, kept: Kept::AcrossBoots, parent: None }
    }

    pub(crate) fn into_process(self, kernel: &Kernel, component: Option<ComponentHash>, program: Program) -> Process {
        let limits = kernel.limits_of(&self.id);
        let guest = Guest {
            wasm_bytes_handle: self.wasm_bytes_handle,
            component: component.map(OnceLock::from).unwrap_or_default(),
            wit_version: self.wit_version,
            on_exit: Mutex::new(self.on_exit),
            program,
            parent: self.parent.map(OnceLock::from).unwrap_or_default(),
            kept: Mutex::new(self.kept),
        };
        let address = Address::new(kernel.node().clone(), self.id);
        let seen = Arc::clone(kernel.seen());
        Process::new(address, self.access, Some(guest), limits, seen, kernel.stop().child_token())
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
    /// There are too many processes of its package.
    #[error("its package runs {0} processes already, which is the most a package may")]
    TooManyOfPackage(usize),
    /// Its parent has too many children.
    #[error("its parent has {0} children already, which is the most a process may")]
    TooManyChildren(usize),
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
        self.check_room(&new.id, &self.limits_of(&new.id), new.parent.as_ref(), initializer)?;
        // A node that stops waits for what it began, and compiling may take long.
        let prepared = tokio::select! {
            prepared = self.launcher().prepare(component) => prepared?,
            () = self.stop().cancelled() => {
                return Err(PrepareError::Internal("the node is stopping".to_owned()).into());
            }
        };
        let process = Arc::new(new.into_process(self, Some(prepared.hash()), Program::Ready(prepared)));
        process.with_on_exit(|on_exit| check_last_requests(&process, on_exit))?;
        let own = self.authority().sign(Capability::messaging(process.address().clone()));
        let own = own.ok_or_else(|| InitializeError::BadId(process.id().clone()))?;
        let gifts = self.first_gifts(&own, given, initializer);
        let mut told_initializer = None;
        let created = self
            .commit(|| {
                self.put_in_table(&process, initializer)?;
                process.tell(Happening::Created);
                let mut changes = Vec::new();
                if process.is_kept() {
                    // What the store could not remove of an earlier one must not become this one's.
                    changes.push(Change::RemoveProcess(process.id().clone()));
                    changes.extend(process.stored().map(Change::PutProcess));
                }
                let give = |to: &Process, gift| match self.give(to, gift) {
                    Ok(given) => Ok(given),
                    Err(full @ NotGiven::Full(..)) => Err(full.while_giving_to(to.id())),
                    Err(refused) => {
                        tracing::warn!(process = %process.id(), "it was not given a capability: {refused}");
                        Ok(None)
                    }
                };
                for gift in gifts {
                    changes.extend(give(&process, gift)?.as_ref().map(Given::change));
                }
                if let Some(initializer) = initializer.filter(|initializer| self.is_current(initializer)) {
                    told_initializer = give(initializer, Gift::Granted(own))?;
                    changes.extend(told_initializer.as_ref().map(Given::change));
                }
                Ok(changes)
            })
            .await;
        if let Err(error) = &created {
            let may_be_stored = process.is_kept() && matches!(error, InitializeError::Store(_));
            process.stop.cancel();
            process.mailbox().close();
            self.in_order(|doubts| {
                if self.take_from_table(&process, None) {
                    process.tell(Happening::Gone);
                    if may_be_stored {
                        doubts.add([Doubt::Process(process.id().clone())]);
                    }
                }
            });
            if let (Some(told), Some(initializer)) = (told_initializer, initializer) {
                self.take_back(initializer, vec![told]).await;
            }
        }
        created
    }

    /// What a process starts with: the right to message itself, and what its initializer hands on. What that neither
    /// holds nor issues is left out. Only the node itself gives without an initializer.
    fn first_gifts(
        &self,
        own: &CapabilityRef,
        given: Vec<Capability>,
        initializer: Option<&Arc<Process>>,
    ) -> Vec<Gift> {
        let gift = |capability: Capability| match initializer {
            Some(initializer) => self.attachable(initializer, capability).map(Gift::HandedOn),
            None => self.authority().sign(capability).map(Gift::Granted),
        };
        std::iter::once(Gift::Granted(Arc::clone(own))).chain(given.into_iter().filter_map(gift)).collect()
    }

    fn check_room(
        &self,
        id: &ProcessId,
        limits: &Limits,
        parent: Option<&Parent>,
        initializer: Option<&Arc<Process>>,
    ) -> Result<(), InitializeError> {
        self.census().check(id, limits, parent, self.limits().processes_max).map_err(|no_room| {
            match initializer {
                Some(initializer) => initializer.hit(no_room.limit),
                None => self.hit(self.address().process(), no_room.limit),
            }
            match no_room.limit {
                Limit::Children => InitializeError::TooManyChildren(no_room.max),
                Limit::PackageProcesses => InitializeError::TooManyOfPackage(no_room.max),
                _ => InitializeError::TooMany(no_room.max),
            }
        })
    }

    /// Only called in [`Kernel::commit`], one at a time, so that neither an id nor the last place is given twice.
    fn put_in_table(&self, process: &Arc<Process>, initializer: Option<&Arc<Process>>) -> Result<(), InitializeError> {
        if self.is_alive(process.id()) {
            return Err(InitializeError::Exists(process.id().clone()));
        }
        // Before the place in the table is locked: who is told of a limit is looked up there.
        self.check_room(process.id(), process.limits(), process.parent(), initializer)?;
        match self.table().entry(process.id().clone()) {
            Entry::Occupied(_) => Err(InitializeError::Exists(process.id().clone())),
            Entry::Vacant(slot) => {
                slot.insert(Arc::clone(process));
                self.census().add(process.id(), process.parent());
                Ok(())
            }
        }
    }

    /// Removes this very process; another one with its id stays. Tells whether it was there. How it ended is remembered.
    fn take_from_table(&self, process: &Arc<Process>, last: Option<LastExit>) -> bool {
        let was_there = self.table().remove_if(process.id(), |_, entry| Arc::ptr_eq(entry, process)).is_some();
        if was_there {
            self.census().remove(process.id(), process.parent());
            if let Some(last) = last {
                let restarts = process.status().restarts;
                self.ended().push(EndedProcess { id: process.id().clone(), restarts, last });
            }
        }
        was_there
    }

    /// Calls `init` of a process that was created and does not run yet.
    pub fn run(&self, id: &ProcessId) -> KernelResponse {
        let Some(process) = self.find(id) else { return KernelResponse::RunProcessError };
        let Some(program) = process.guest.as_ref().map(|guest| guest.program.clone()) else {
            return KernelResponse::RunProcessError;
        };
        let phase = match program {
            Program::Ready(_) => ProcessPhase::Running,
            Program::Broken { .. } => ProcessPhase::Failed,
        };
        if !process.advance(ProcessPhase::Initialized, phase) {
            return KernelResponse::RunProcessError;
        }
        if phase == ProcessPhase::Running {
            process.tell(Happening::Running);
        }
        self.tasks().spawn(supervise(self.clone(), process, program));
        KernelResponse::StartedProcess
    }

    /// Ends a guest process without its on-exit behaviour. `false` when there is none.
    pub async fn kill(&self, id: &ProcessId, revocation: Revocation) -> Result<bool, StoreError> {
        match self.find(id) {
            Some(process) if !process.is_module() => {
                self.remove(&process, revocation, ended::now(Exit::Killed)).await?;
                tracing::info!(process = %id, "killed");
                Ok(true)
            }
            // Nor is there one in the store when this returns: to remove it may have failed before.
            _ => self.commit(|| Ok(Vec::new())).await.map(|()| false),
        }
    }

    /// Takes a process out of the table and the store and ends its task.
    pub(crate) async fn remove(
        &self,
        process: &Arc<Process>,
        revocation: Revocation,
        last: LastExit,
    ) -> Result<(), StoreError> {
        process.mailbox().close();
        process.stop.cancel();
        let happening = if last.exit == Exit::Killed { Happening::Killed } else { Happening::Gone };
        self.commit(|| {
            let mut changes = Vec::new();
            if !self.take_from_table(process, Some(last)) {
                return Ok(changes);
            }
            process.tell(happening);
            if process.is_kept() {
                changes.push(Change::RemoveProcess(process.id().clone()));
            }
            match revocation {
                Revocation::Revoke => self.revoke_issued_by(process, &mut changes),
                Revocation::Keep => process.set_ended(),
            }
            Ok(changes)
        })
        .await
    }

    /// Changes what happens when a process ends; durable when it returns. `false` when there is no such process.
    pub async fn set_on_exit(&self, id: &ProcessId, on_exit: OnExit) -> Result<bool, StoreError> {
        let Some(process) = self.find(id) else { return Ok(false) };
        if process.is_module() {
            return Ok(false);
        }
        check_last_requests(&process, &on_exit)?;
        let before = process.on_exit();
        let asks_to_last = !matches!(on_exit, OnExit::None);
        let mut is_newly_kept = false;
        let changed = self
            .commit(|| {
                process.set_on_exit(on_exit);
                // One that was killed meanwhile must not come back with the next boot.
                if !self.is_current(&process) {
                    return Ok::<_, StoreError>(Vec::new());
                }
                let mut changes = Vec::new();
                if asks_to_last && process.set_kept(Kept::AcrossBoots) {
                    is_newly_kept = true;
                    changes.push(Change::RemoveProcess(process.id().clone()));
                    changes.extend(self.capabilities_around(&process));
                }
                if process.is_kept() {
                    changes.extend(process.stored().map(Change::PutProcess));
                }
                Ok(changes)
            })
            .await;
        if changed.is_err() {
            self.in_order(|doubts| {
                if process.is_kept() {
                    doubts.add([Doubt::Process(process.id().clone())]);
                }
                process.set_on_exit(before);
                if is_newly_kept {
                    process.set_kept(Kept::UntilShutdown);
                }
            });
        }
        changed.map(|()| true)
    }
}

/// Sending them takes a worker's time, and each that fails a line of the log.
fn check_last_requests(process: &Process, on_exit: &OnExit) -> Result<(), StoreError> {
    let OnExit::Requests(requests) = on_exit else { return Ok(()) };
    let max = process.limits().on_exit_requests_max;
    if requests.len() <= max {
        return Ok(());
    }
    process.hit(Limit::OnExitRequests);
    Err(StoreError {
        action: format!("setting what happens when {} ends", process.id()),
        reason: format!("it is to leave {} requests, and {max} are the most a process may", requests.len()),
    })
}
