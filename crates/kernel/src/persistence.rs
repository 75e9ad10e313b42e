//! What the kernel asks of the store beneath it.

use futures_util::future::BoxFuture;
use wharf_types::metrics::StoreMetrics;
use wharf_types::{CapabilityKey, OnExit, PackageId, ProcessId};

use crate::capability::{CapabilityRef, HoldingRef, Lineage};
use crate::launcher::ComponentHash;

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

/// The kernel's store. Futures resolve when the change is durable.
pub trait Persistence: Send + Sync + 'static {
    /// Reads everything.
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>>;

    /// Applies changes, all or none. Calls take effect in the order in which their futures are first polled.
    fn apply(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What a process saved.
    fn get_state(&self, process: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Saves a process's state.
    fn set_state(&self, process: ProcessId, state: crate::envelope::Payload) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets a process's state.
    fn clear_state(&self, process: ProcessId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Forgets the state of every process of a package, whether there is such a process or not.
    fn clear_states(&self, package: PackageId) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What was written so far. A store that does not count says nothing.
    fn metrics(&self) -> StoreMetrics {
        StoreMetrics::default()
    }
}
