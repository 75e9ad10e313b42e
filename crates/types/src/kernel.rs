//! What `kernel:distro:sys` is asked and answers.
//!
//! The first eight commands are the protocol's; the reply shapes are fixed, so the reason of a failure travels as
//! [`crate::Failure`] in the response's metadata. [`KernelCommand::RevokeCapabilities`],
//! [`KernelCommand::RevokePackage`], [`KernelCommand::Capabilities`], [`KernelCommand::CheckComponent`] and the commands
//! after that are Wharf's own.
//!
//! Messaging the kernel is the right to look at processes and the node, and to manage one's own package with what one
//! holds. The rest takes the kernel's capability `{"root":true}`; so do [`KernelCommand::Metrics`],
//! [`KernelCommand::Events`] and [`KernelCommand::Trace`], which show what others do. Everything that is not named here as
//! refused otherwise is refused with [`KernelResponse::Err`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::events::EventPage;
pub use crate::exit::{Crash, EndedProcess, Exit, LastExit};
use crate::id::{Address, PackageId, ProcessId};
use crate::message::{OnExit, with_or_without_signatures};
use crate::metrics::NodeMetrics;
use crate::trace::TracePage;

/// A request to the kernel. Sending one takes the kernel's messaging capability.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum KernelCommand {
    /// Every process that was loaded may start. Only the node itself says this.
    ///
    /// * Takes: nobody may.
    /// * Answers: `Err`.
    Booted,
    /// Create a process from the component in the blob. It starts with [`KernelCommand::RunProcess`].
    ///
    /// * Blob: the component.
    /// * Takes: that the process is of the sender's package, or root; without root, the component lies in a drive
    ///   of that package.
    /// * Answers: `InitializedProcess`.
    /// * Refuses: `InitializeProcessError`.
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
    /// Give capabilities to a process: with root any, else what the sender holds or issues.
    ///
    /// * Takes: that the process is of the sender's package, or root.
    /// * Answers: `Ok`.
    GrantCapabilities {
        /// Who gets them.
        target: ProcessId,
        /// What.
        #[serde(deserialize_with = "with_or_without_signatures")]
        capabilities: Vec<Capability>,
    },
    /// Take capabilities from a process, and from nobody else.
    ///
    /// * Takes: that the process is of the sender's package, or root.
    /// * Answers: `Ok`.
    DropCapabilities {
        /// Who loses them.
        target: ProcessId,
        /// What.
        #[serde(deserialize_with = "with_or_without_signatures")]
        capabilities: Vec<Capability>,
    },
    /// Take capabilities from a process and from everyone who has them through it.
    ///
    /// * Takes: that the target, or the issuer of each capability, is of the sender's package, or root.
    /// * Answers: `Ok`.
    RevokeCapabilities {
        /// From whom; `None` is everyone.
        target: Option<ProcessId>,
        /// What.
        #[serde(deserialize_with = "with_or_without_signatures")]
        capabilities: Vec<Capability>,
    },
    /// Revoke everything that processes of a package hold, what they handed on, and what they issued.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`.
    RevokePackage(PackageId),
    /// What a process holds and issued, for people.
    ///
    /// * Takes: messaging.
    /// * Answers: `Capabilities`.
    Capabilities(ProcessId),
    /// Change what happens when a process ends.
    ///
    /// * Takes: that the process is of the sender's package, or root.
    /// * Answers: `Ok`.
    SetOnExit {
        /// Which process.
        target: ProcessId,
        /// The new behaviour.
        on_exit: OnExit,
    },
    /// Call `init` of a process that was initialized.
    ///
    /// * Takes: that the process is of the sender's package, or root.
    /// * Answers: `StartedProcess`.
    /// * Refuses: `RunProcessError`.
    RunProcess(ProcessId),
    /// End a process. With request metadata `no-revoke`, what it issued stays valid.
    ///
    /// * Takes: that the process is of the sender's package, or root.
    /// * Answers: `KilledProcess`.
    KillProcess(ProcessId),
    /// Stop the node.
    ///
    /// * Takes: root.
    /// * Answers: `Ok`, and then the node ends.
    Shutdown,
    /// Look at the process table.
    ///
    /// * Takes: messaging.
    /// * Answers: `Debug`.
    Debug(KernelDebug),
    /// Compile and link the component in the blob, and keep nothing but the compiled code.
    ///
    /// * Blob: the component.
    /// * Takes: messaging.
    /// * Answers: `Ok`.
    CheckComponent,
    /// Check the Ed25519 signature of the blob, of at most 64 KiB. For guests, which need no cryptography of their own then.
    ///
    /// * Blob: what was signed.
    /// * Takes: messaging.
    /// * Answers: `Ok`.
    VerifySignature {
        /// The signer's key, 64 hex digits.
        public_key: String,
        /// The signature, 128 hex digits.
        signature: String,
    },
    /// Every process with its state, for people.
    ///
    /// * Takes: messaging.
    /// * Answers: `Processes`.
    Processes,
    /// The processes that are gone, as far as they are remembered, with how they ended.
    ///
    /// * Takes: messaging.
    /// * Answers: `Ended`.
    Ended,
    /// The node itself, for people.
    ///
    /// * Takes: messaging.
    /// * Answers: `Status`.
    Status,
    /// What the node counts.
    ///
    /// * Takes: root.
    /// * Answers: `Metrics`.
    Metrics,
    /// What happened to processes and capabilities: see [`crate::events`].
    ///
    /// * Takes: root.
    /// * Answers: `Events`.
    Events {
        /// Number of the last event that the sender knows; with `null`, from the oldest that is kept.
        after: Option<u64>,
        /// How long to wait for an event when there is none yet; at most [`WATCH_WAIT_MS_MAX`].
        #[serde(default)]
        wait_ms: u64,
    },
    /// The live messages of one process: see [`crate::trace`]. The first request begins to trace it.
    ///
    /// * Takes: root.
    /// * Answers: `Trace`.
    Trace {
        /// The process.
        process: ProcessId,
        /// Number of the last message that the sender knows; with `null`, from the oldest that is kept.
        after: Option<u64>,
        /// How long to wait for a message when there is none yet; at most [`WATCH_WAIT_MS_MAX`].
        #[serde(default)]
        wait_ms: u64,
        /// How much of each body to keep from now on.
        #[serde(default)]
        body_bytes: u64,
    },
}

/// Longest that [`KernelCommand::Events`] and [`KernelCommand::Trace`] wait, in milliseconds.
pub const WATCH_WAIT_MS_MAX: u64 = 30_000;

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
    /// Answer to [`KernelCommand::Capabilities`].
    Capabilities(ProcessCapabilities),
    /// Answer to [`KernelCommand::Processes`].
    Processes(Vec<ProcessInfo>),
    /// Answer to [`KernelCommand::Ended`], the oldest first.
    Ended(Vec<EndedProcess>),
    /// Answer to [`KernelCommand::Status`].
    Status(NodeStatus),
    /// Answer to [`KernelCommand::Metrics`].
    Metrics(Box<NodeMetrics>),
    /// Answer to [`KernelCommand::Events`].
    Events(EventPage),
    /// Answer to [`KernelCommand::Trace`].
    Trace(TracePage),
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ProcessPhase {
    /// One of the node's own modules.
    Module,
    /// Created, not yet told to run.
    Initialized,
    /// Its `init` is running.
    Running,
    /// It ended and will start again.
    Restarting,
    /// It could not be loaded when the node came up and asked for nothing at its end; it keeps its record and
    /// capabilities, and is tried again at the next boot.
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
    /// How it last ended, if it did, as text.
    pub last_exit: Option<String>,
    /// The same for programs, with the time.
    #[serde(default)]
    pub exit: Option<LastExit>,
    /// How many capabilities it holds.
    pub capabilities: u64,
    /// Whether it waits for its next message at this moment.
    #[serde(default)]
    pub is_waiting: bool,
}

/// How the first holder of a capability came by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CapabilityOrigin {
    /// It issued it itself.
    Issued,
    /// The kernel gave it.
    Granted,
}

/// Capabilities around one process: what `wharf caps` shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProcessCapabilities {
    /// What it holds.
    pub held: Vec<HeldCapability>,
    /// What it issued and somebody holds.
    pub issued: Vec<IssuedCapability>,
    /// How many of those there are; more than are listed when there are very many.
    pub issued_total: u64,
}

/// A capability that a process holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HeldCapability {
    /// What.
    pub capability: Capability,
    /// How the first holder came by it.
    pub origin: CapabilityOrigin,
    /// Through whose hands it came: the first holder first, who gave it last. Empty when nobody gave it.
    pub path: Vec<Address>,
}

/// A capability that a process issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuedCapability {
    /// What.
    pub capability: Capability,
    /// Who holds it.
    pub holders: Vec<CapabilityHolder>,
    /// How many do; more than are listed when there are very many.
    pub holders_total: u64,
}

/// A holder of a capability.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CapabilityHolder {
    /// Who.
    pub process: ProcessId,
    /// How the first holder came by it.
    pub origin: CapabilityOrigin,
    /// Through whose hands it came, as in [`HeldCapability::path`].
    pub path: Vec<Address>,
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
