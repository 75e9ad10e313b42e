//! What the kernel asks of the store beneath it.

use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;
use wharf_types::metrics::StoreMetrics;
use wharf_types::{CapabilityKey, OnExit, PackageId, ProcessId};

use crate::capability::{CapabilityRef, HoldingRef, Lineage};
use crate::envelope::Payload;
use crate::launcher::ComponentHash;
use crate::limit_hits::Limit;

/// A guest process as it is stored.
#[derive(Clone, Debug)]
pub struct StoredProcess {
    /// Its id.
    pub id: ProcessId,
    /// Path of its component in the vfs.
    pub wasm_bytes_handle: String,
    /// What it was created with. `None` if it was created by a version of the node that did not keep that.
    pub component: Option<ComponentHash>,
    /// Version of the guest interface; informational.
    pub wit_version: Option<u32>,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Whether every local process may send it messages.
    pub public: bool,
    /// Who started it, if a process did.
    pub parent: Option<ProcessId>,
}

/// A stored capability of one holder.
#[derive(Clone, Debug)]
pub struct StoredCapability {
    /// Who holds it: a guest or a module.
    pub holder: ProcessId,
    /// What, with its signature.
    pub capability: CapabilityRef,
    /// How the holder came by it.
    pub lineage: Lineage,
}

impl From<&HoldingRef> for StoredCapability {
    fn from(holding: &HoldingRef) -> Self {
        Self {
            holder: holding.holder().process().clone(),
            capability: holding.signed().clone(),
            lineage: holding.lineage(),
        }
    }
}

/// Everything that is stored, as read at boot.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// Guest processes.
    pub processes: Vec<StoredProcess>,
    /// Capabilities of guests and modules.
    pub capabilities: Vec<StoredCapability>,
}

/// One change. Changes given together are applied together or not at all.
#[derive(Clone, Debug)]
pub enum Change {
    /// Add or replace a process.
    PutProcess(StoredProcess),
    /// Remove a process and every capability it holds.
    RemoveProcess(ProcessId),
    /// Add a capability to a holder.
    PutCapability(StoredCapability),
    /// Remove a capability from a holder.
    RemoveCapability {
        /// Who held it.
        holder: ProcessId,
        /// Which.
        key: CapabilityKey,
    },
}

/// The store failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{action}: {reason}")]
pub struct StoreError {
    /// What was tried, for example `saving the state of a:b:c`.
    pub action: String,
    /// What the database said.
    pub reason: String,
}

/// What the processes of one package may have saved, those that are gone included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRoom {
    /// Bytes of all states.
    pub bytes_max: usize,
    /// States.
    pub states_max: usize,
}

impl Default for StateRoom {
    /// All there is.
    fn default() -> Self {
        Self { bytes_max: usize::MAX, states_max: usize::MAX }
    }
}

/// A state was not saved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SetStateError {
    /// The package of the process has saved too much.
    #[error("saving the state of {process}: {}", full_because(*.limit, *.max))]
    Full {
        /// Whose.
        process: ProcessId,
        /// Which bound was reached.
        limit: Limit,
        /// How much it is.
        max: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn full_because(limit: Limit, max: usize) -> String {
    match limit {
        Limit::PackageStates => format!("its package has {max} states, which is the most it may have"),
        _ => format!("its package may save {max} bytes, and this would be more"),
    }
}

impl From<SetStateError> for StoreError {
    fn from(error: SetStateError) -> Self {
        match error {
            SetStateError::Store(error) => error,
            SetStateError::Full { process, limit, max } => {
                Self { action: format!("saving the state of {process}"), reason: full_because(limit, max) }
            }
        }
    }
}

/// The kernel's store. Futures resolve when the change is durable.
pub trait Persistence: Send + Sync + 'static {
    /// Reads everything.
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>>;

    /// Applies changes, all or none. Calls take effect in the order in which their futures are first polled.
    fn apply(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What a process saved.
    fn get_state(&self, process: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Saves a process's state, if what its package has saved then fits into `room`. What is no more than before always
    /// does.
    fn set_state_within(
        &self,
        process: ProcessId,
        state: Payload,
        room: StateRoom,
    ) -> BoxFuture<'_, Result<(), SetStateError>>;

    /// Saves the state of a process of the node's own, without a bound.
    fn set_state(&self, process: ProcessId, state: Payload) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.set_state_within(process, state, StateRoom::default()).map_err(StoreError::from))
    }

    /// Forgets a process's state.
    fn clear_state(&self, process: ProcessId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets the state of every process of a package, whether there is such a process or not.
    fn clear_states(&self, package: PackageId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What was written so far. A store that does not count says nothing.
    fn metrics(&self) -> StoreMetrics {
        StoreMetrics::default()
    }
}
