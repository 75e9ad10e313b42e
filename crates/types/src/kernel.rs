//! What `kernel:distro:sys` is asked and answers.
//!
//! The first eight commands are the protocol's; the reply shapes are fixed, so the reason of a failure travels as
//! [`crate::Failure`] in the response's metadata. [`KernelCommand::CheckComponent`], [`KernelCommand::Processes`] and
//! [`KernelCommand::Status`] are Wharf's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::id::ProcessId;
use crate::message::{OnExit, with_or_without_signatures};

/// A request to the kernel. Sending one takes the kernel's messaging capability.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KernelCommand {
    /// Every process that was loaded may start. Only the node itself says this.
    Booted,
    /// Create a process from the component in the blob. It starts with [`KernelCommand::RunProcess`].
    InitializeProcess {
        /// Its id.
        id: ProcessId,
        /// Path in the vfs that the component is read from at the next boot.
        wasm_bytes_handle: String,
        /// Version of the guest interface; informational.
        wit_version: Option<u32>,
        /// What happens when it ends.
        on_exit: OnExit,
        /// Capabilities it starts with. Those the sender does not hold are left out.
        #[serde(deserialize_with = "with_or_without_signatures")]
        initial_capabilities: Vec<Capability>,
        /// Whether every local process may send it messages.
        public: bool,
    },
    /// Give capabilities to a process.
    GrantCapabilities {
        /// Who gets them.
        target: ProcessId,
        /// What.
        #[serde(deserialize_with = "with_or_without_signatures")]
        capabilities: Vec<Capability>,
    },
    /// Take capabilities from a process.
    DropCapabilities {
        /// Who loses them.
        target: ProcessId,
        /// What.
        #[serde(deserialize_with = "with_or_without_signatures")]
        capabilities: Vec<Capability>,
    },
    /// Change what happens when a process ends.
    SetOnExit {
        /// Which process.
        target: ProcessId,
        /// The new behaviour.
        on_exit: OnExit,
    },
    /// Call `init` of a process that was initialized.
    RunProcess(ProcessId),
    /// End a process. With request metadata `no-revoke`, what it issued stays valid.
    KillProcess(ProcessId),
    /// Stop the node.
    Shutdown,
    /// Look at the process table.
    Debug(KernelDebug),
    /// Compile and link the component in the blob, and keep nothing but the compiled code.
    CheckComponent,
    /// Every process with its state, for people.
    Processes,
    /// The node itself, for people.
    Status,
}

/// What to look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KernelDebug {
    /// Every process.
    ProcessMap,
    /// One process.
    Process(ProcessId),
    /// Whether a process holds a capability.
    HasCap {
        /// The process.
        on: ProcessId,
        /// The capability.
        cap: Capability,
    },
}

/// The kernel's answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KernelResponse {
    /// The process exists and waits for `RunProcess`.
    InitializedProcess,
    /// It does not; the reason is in the metadata.
    InitializeProcessError,
    /// `init` was called.
    StartedProcess,
    /// There is no such process, or it runs already.
    RunProcessError,
    /// The process is gone.
    KilledProcess(ProcessId),
    /// Answer to [`KernelCommand::Debug`].
    Debug(KernelDebugResponse),
    /// Answer to a change that the protocol has no answer for; sent only when a response was asked for.
    Ok,
    /// The command was not understood or names what does not exist. Wharf's own: the reference stays silent.
    Err(String),
    /// Answer to [`KernelCommand::Processes`].
    Processes(Vec<ProcessInfo>),
    /// Answer to [`KernelCommand::Status`].
    Status(NodeStatus),
}

/// Answers to [`KernelDebug`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KernelDebugResponse {
    /// Every process by id.
    ProcessMap(BTreeMap<ProcessId, PersistedProcess>),
    /// One process, or nothing.
    Process(Option<PersistedProcess>),
    /// Whether it holds the capability; `None` when there is no such process.
    HasCap(Option<bool>),
}

/// A process as the reference's tools read it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PersistedProcess {
    /// Path of its component in the vfs; empty for the system's modules.
    pub wasm_bytes_handle: String,
    /// Version of the guest interface.
    pub wit_version: Option<u32>,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// What it holds.
    pub capabilities: Vec<Capability>,
    /// Whether every local process may send it messages.
    pub public: bool,
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessPhase {
    /// One of the node's own modules.
    Module,
    /// Created, not yet told to run.
    Initialized,
    /// Its `init` is running.
    Running,
    /// It ended and will start again.
    Restarting,
    /// It could not be loaded; the node keeps its record and capabilities.
    Failed,
}

/// A process for people: what `wharf ps` shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessInfo {
    /// Its id.
    pub id: ProcessId,
    /// Where it is in its life.
    pub phase: ProcessPhase,
    /// Whether every local process may send it messages.
    pub public: bool,
    /// `none`, `restart` or `requests`.
    pub on_exit: String,
    /// How often it was started again since the node came up.
    pub restarts: u64,
    /// Messages waiting for it.
    pub mailbox: u64,
    /// How it last ended, if it did.
    pub last_exit: Option<String>,
    /// How many capabilities it holds.
    pub capabilities: u64,
}

/// The node for people: what `wharf status` shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeStatus {
    /// Its name.
    pub node: String,
    /// Version of the daemon.
    pub version: String,
    /// Id of this boot.
    pub boot: String,
    /// Milliseconds since it came up.
    pub uptime_ms: u64,
    /// Guest processes.
    pub processes: u64,
    /// Public half of the node's Ed25519 key, `0x` and hex.
    pub public_key: String,
}
