//! The types of `wit/kinode.wit` as they cross the guest boundary.
//!
//! They are written out rather than generated so that text and bytes can be shared: a guest's body is copied once out
//! of its memory, and a shared body is copied once into another guest's. `B` stands for bytes: `Vec<u8>` on the way out
//! of a guest, `Arc<Vec<u8>>` on the way in. Wasmtime checks them against a component's own types when that is linked,
//! so they cannot drift from the interface unnoticed.
#![allow(unsafe_code, reason = "the derives of wasmtime's component types expand to unsafe trait impls")]

use std::sync::Arc;

use wasmtime::component::{ComponentType, Lift, Lower, WasmStr};

/// Name under which components import the interface.
pub const INTERFACE: &str = "kinode:process/standard@1.0.0";
/// Package and version of the interface, for messages.
pub const INTERFACE_PACKAGE: &str = "kinode:process";
/// The one version this node speaks.
pub const INTERFACE_VERSION: &str = "1.0.0";
/// What a process exports.
pub const INIT: &str = "init";

/// Bytes on their way out of a guest.
pub type Lifted = Vec<u8>;
/// Bytes on their way into a guest.
pub type Shared = Arc<Vec<u8>>;

/// `record process-id`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct ProcessId {
    /// First part.
    #[component(name = "process-name")]
    pub process_name: Arc<str>,
    /// Second part.
    #[component(name = "package-name")]
    pub package_name: Arc<str>,
    /// Third part.
    #[component(name = "publisher-node")]
    pub publisher_node: Arc<str>,
}

/// `record address`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Address {
    /// Name of the node, or `our`.
    pub node: Arc<str>,
    /// The process there.
    pub process: ProcessId,
}

/// `record process-id`, left in the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct TargetProcess {
    /// First part.
    #[component(name = "process-name")]
    pub process_name: WasmStr,
    /// Second part.
    #[component(name = "package-name")]
    pub package_name: WasmStr,
    /// Third part.
    #[component(name = "publisher-node")]
    pub publisher_node: WasmStr,
}

/// `record address`, left in the guest's memory: a process sends to the same few targets, and those the host knows.
#[derive(ComponentType, Lift)]
#[component(record)]
pub struct Target {
    /// Name of the node, or `our`.
    pub node: WasmStr,
    /// The process there.
    pub process: TargetProcess,
}

/// `record lazy-load-blob`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct LazyLoadBlob<B> {
    /// Media type.
    pub mime: Option<Arc<str>>,
    /// The bytes.
    pub bytes: B,
}

/// `record capability`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Capability {
    /// Who gave it.
    pub issuer: Address,
    /// JSON text.
    pub params: Arc<str>,
}

/// `record request`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Request<B> {
    /// Pass on what is being handled.
    pub inherit: bool,
    /// Seconds to wait for a response.
    #[component(name = "expects-response")]
    pub expects_response: Option<u64>,
    /// Opaque bytes.
    pub body: B,
    /// Free text.
    pub metadata: Option<Arc<str>>,
    /// Attached capabilities.
    pub capabilities: Vec<Capability>,
}

/// `record response`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Response<B> {
    /// Send the last blob received.
    pub inherit: bool,
    /// Opaque bytes.
    pub body: B,
    /// Free text.
    pub metadata: Option<Arc<str>>,
    /// Attached capabilities.
    pub capabilities: Vec<Capability>,
}

/// `variant message`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Message<B> {
    /// A request.
    #[component(name = "request")]
    Request(Request<B>),
    /// A response, with the context given along with its request.
    #[component(name = "response")]
    Response((Response<B>, Option<B>)),
}

/// One of [`OnExit::Requests`].
pub type OnExitRequest<B> = (Address, Request<B>, Option<LazyLoadBlob<B>>);

/// `variant on-exit`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum OnExit<B> {
    /// Nothing.
    #[component(name = "none")]
    None,
    /// Start again.
    #[component(name = "restart")]
    Restart,
    /// Send these.
    #[component(name = "requests")]
    Requests(Vec<OnExitRequest<B>>),
}

/// `enum send-error-kind`
#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum SendErrorKind {
    /// The node cannot be reached.
    #[component(name = "offline")]
    Offline,
    /// No response in time, or not delivered.
    #[component(name = "timeout")]
    Timeout,
}

/// `record send-error`
#[derive(Clone, Debug, ComponentType, Lift, Lower)]
#[component(record)]
pub struct SendError<B> {
    /// Why.
    pub kind: SendErrorKind,
    /// The target as it was written.
    pub target: Address,
    /// What was sent.
    pub message: Message<B>,
    /// The blob that was sent.
    #[component(name = "lazy-load-blob")]
    pub lazy_load_blob: Option<LazyLoadBlob<B>>,
}

/// `enum spawn-error`
#[derive(Clone, Copy, Debug, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
pub enum SpawnError {
    /// There is such a process.
    #[component(name = "name-taken")]
    NameTaken,
    /// No component there.
    #[component(name = "no-file-at-path")]
    NoFileAtPath,
}
