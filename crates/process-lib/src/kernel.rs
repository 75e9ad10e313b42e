//! `kernel:distro:sys`: processes and capabilities, for those who may manage them.
//!
//! Every call takes the kernel's messaging capability. That allows to look, and to manage one's own package with what one
//! holds. The rest takes the kernel's capability `{"root":true}`, which is power over the whole node.

use wharf_types::kernel::{EndedProcess, KernelCommand, KernelResponse, NodeStatus, ProcessCapabilities, ProcessInfo};
use wharf_types::{Capability, Failure, LazyLoadBlob, OnExit, PackageId, ProcessId};

use crate::error::{CallError, call};
use crate::message::Message;
use crate::request::Request;

/// How long a call may take. Compiling a large component is the slow one.
const TIMEOUT_S: u64 = 60;
/// What comes with a component waits for it to be compiled: that of a whole interpreter takes ten seconds on an idle machine.
const COMPILE_TIMEOUT_S: u64 = 600;

/// Version of the guest interface, `process-v1`.
const WIT_VERSION: u32 = 1;

/// The kernel's reason for saying no.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn why(error: &kernel::Error) -> String {
///     error.refusal().map_or_else(|| "it was not asked".to_owned(), |refusal: &kernel::Refusal| refusal.to_string())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

/// Why a call failed.
pub type Error = CallError<Refusal>;

/// A process to be created.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::OnExit;
///
/// let new = kernel::NewProcess {
///     id: "echo:echo:wharf.os".parse().unwrap(),
///     wasm_path: "/echo:wharf.os/pkg/echo.wasm".to_owned(),
///     on_exit: OnExit::Restart,
///     public: true,
/// };
/// ```
#[derive(Clone, Debug)]
pub struct NewProcess {
    /// Its id.
    pub id: ProcessId,
    /// Path in the vfs that the component is read from at the next boot.
    pub wasm_path: String,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Whether every local process may send it messages.
    pub public: bool,
}

/// Creates a process from a component. It starts with [`run`].
///
/// ```no_run
/// use wharf_process_lib::{OnExit, kernel};
///
/// fn start(wasm: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
///     let id = "echo:echo:wharf.os".parse()?;
///     let wasm_path = "/echo:wharf.os/pkg/echo.wasm".to_owned();
///     let new = kernel::NewProcess { id, wasm_path, on_exit: OnExit::Restart, public: true };
///     kernel::initialize(&new, wasm)?;
///     kernel::run(&new.id)?;
///     Ok(())
/// }
/// ```
pub fn initialize(new: &NewProcess, wasm: Vec<u8>) -> Result<(), Error> {
    let tried = format!("create process {}", new.id);
    let command = KernelCommand::InitializeProcess {
        id: new.id.clone(),
        wasm_bytes_handle: new.wasm_path.clone(),
        wit_version: Some(WIT_VERSION),
        on_exit: new.on_exit.clone(),
        initial_capabilities: Vec::new(),
        public: new.public,
    };
    match ask(&tried, &command, Some(wasm))? {
        KernelResponse::InitializedProcess => Ok(()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Starts a process that was created.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::{ProcessId};
///
/// fn start(id: &ProcessId) -> Result<(), kernel::Error> {
///     kernel::run(id)
/// }
/// ```
pub fn run(id: &ProcessId) -> Result<(), Error> {
    let tried = format!("start process {id}");
    match ask(&tried, &KernelCommand::RunProcess(id.clone()), None)? {
        KernelResponse::StartedProcess => Ok(()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Ends a process; what it issued is worth nothing afterwards.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::ProcessId;
///
/// fn end(id: &ProcessId) -> Result<(), kernel::Error> {
///     kernel::kill(id)
/// }
/// ```
pub fn kill(id: &ProcessId) -> Result<(), Error> {
    let tried = format!("end process {id}");
    match ask(&tried, &KernelCommand::KillProcess(id.clone()), None)? {
        KernelResponse::KilledProcess(_) => Ok(()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Gives capabilities to a process.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::{Address, Capability, ProcessId};
///
/// /// Lets one process send messages to another.
/// fn introduce(id: &ProcessId, to: Address) -> Result<(), kernel::Error> {
///     kernel::grant(id, vec![Capability::messaging(to)])
/// }
/// ```
pub fn grant(target: &ProcessId, capabilities: Vec<Capability>) -> Result<(), Error> {
    change(format!("grant {target}"), &KernelCommand::GrantCapabilities { target: target.clone(), capabilities }, None)
}

/// Takes capabilities from a process, and from nobody else.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::{Address, Capability, ProcessId};
///
/// fn part(id: &ProcessId, from: Address) -> Result<(), kernel::Error> {
///     kernel::drop_capabilities(id, vec![Capability::messaging(from)])
/// }
/// ```
pub fn drop_capabilities(target: &ProcessId, capabilities: Vec<Capability>) -> Result<(), Error> {
    let command = KernelCommand::DropCapabilities { target: target.clone(), capabilities };
    change(format!("take capabilities from {target}"), &command, None)
}

/// Takes capabilities from a process, or from everyone when none is named, and from everyone who has them through them.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::{Address, Capability};
///
/// /// Nobody may send it messages any more.
/// fn close(door: Address) -> Result<(), kernel::Error> {
///     kernel::revoke(None, vec![Capability::messaging(door)])
/// }
/// ```
pub fn revoke(target: Option<&ProcessId>, capabilities: Vec<Capability>) -> Result<(), Error> {
    let from = target.map_or_else(|| "everyone".to_owned(), ToString::to_string);
    let command = KernelCommand::RevokeCapabilities { target: target.cloned(), capabilities };
    change(format!("revoke capabilities from {from}"), &command, None)
}

/// Revokes everything that processes of a package hold, what they handed on, and what they issued.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::PackageId;
///
/// fn distrust(package: &PackageId) -> Result<(), kernel::Error> {
///     kernel::revoke_package(package)
/// }
/// ```
pub fn revoke_package(package: &PackageId) -> Result<(), Error> {
    change(format!("revoke all of {package}"), &KernelCommand::RevokePackage(package.clone()), None)
}

/// What a process holds and issued.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::ProcessId;
///
/// fn count(id: &ProcessId) -> Result<usize, kernel::Error> {
///     Ok(kernel::capabilities(id)?.held.len())
/// }
/// ```
pub fn capabilities(process: &ProcessId) -> Result<ProcessCapabilities, Error> {
    let tried = format!("list the capabilities of {process}");
    match ask(&tried, &KernelCommand::Capabilities(process.clone()), None)? {
        KernelResponse::Capabilities(capabilities) => Ok(capabilities),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Changes what happens when a process ends.
///
/// ```
/// use wharf_process_lib::kernel;
/// use wharf_process_lib::{OnExit, ProcessId};
///
/// fn keep_alive(id: &ProcessId) -> Result<(), kernel::Error> {
///     kernel::set_on_exit(id, OnExit::Restart)
/// }
/// ```
pub fn set_on_exit(target: &ProcessId, on_exit: OnExit) -> Result<(), Error> {
    let command = KernelCommand::SetOnExit { target: target.clone(), on_exit };
    change(format!("set what happens when {target} ends"), &command, None)
}

/// Compiles and links a component, and keeps nothing but the compiled code.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn is_component(wasm: Vec<u8>) -> bool {
///     kernel::check_component(wasm).is_ok()
/// }
/// ```
pub fn check_component(wasm: Vec<u8>) -> Result<(), Error> {
    change("check the component".to_owned(), &KernelCommand::CheckComponent, Some(wasm))
}

/// Checks that `signature` (128 hex digits) is that of the Ed25519 key `public_key` (64 hex digits) for `message`.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn is_signed(public_key: &str, signature: &str) -> bool {
///     kernel::verify_signature(public_key, signature, b"what was signed".to_vec()).is_ok()
/// }
/// ```
pub fn verify_signature(public_key: &str, signature: &str, message: Vec<u8>) -> Result<(), Error> {
    let command = KernelCommand::VerifySignature { public_key: public_key.to_owned(), signature: signature.to_owned() };
    change("verify a signature".to_owned(), &command, Some(message))
}

/// The processes that are gone, as far as the node remembers them, the oldest first.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn last_gone() -> Result<Option<String>, kernel::Error> {
///     Ok(kernel::ended()?.last().map(|ended| format!("{ended:?}")))
/// }
/// ```
pub fn ended() -> Result<Vec<EndedProcess>, Error> {
    let tried = "list the processes that are gone";
    match ask(tried, &KernelCommand::Ended, None)? {
        KernelResponse::Ended(ended) => Ok(ended),
        _ => Err(CallError::unexpected(tried)),
    }
}

/// Every process of the node.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn count() -> Result<usize, kernel::Error> {
///     Ok(kernel::processes()?.len())
/// }
/// ```
pub fn processes() -> Result<Vec<ProcessInfo>, Error> {
    let tried = "list the processes";
    match ask(tried, &KernelCommand::Processes, None)? {
        KernelResponse::Processes(processes) => Ok(processes),
        _ => Err(CallError::unexpected(tried)),
    }
}

/// The node itself.
///
/// ```
/// use wharf_process_lib::kernel;
///
/// fn describe() -> Result<String, kernel::Error> {
///     Ok(format!("{:?}", kernel::status()?))
/// }
/// ```
pub fn status() -> Result<NodeStatus, Error> {
    let tried = "ask for the node's status";
    match ask(tried, &KernelCommand::Status, None)? {
        KernelResponse::Status(status) => Ok(status),
        _ => Err(CallError::unexpected(tried)),
    }
}

fn change(tried: String, command: &KernelCommand, blob: Option<Vec<u8>>) -> Result<(), Error> {
    match ask(&tried, command, blob)? {
        KernelResponse::Ok => Ok(()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

fn ask(tried: &str, command: &KernelCommand, blob: Option<Vec<u8>>) -> Result<KernelResponse, Error> {
    let mut request = Request::to_module("kernel")
        .json(command)
        .map_err(|error| CallError::Malformed { tried: tried.to_owned(), error: error.to_string() })?;
    let timeout_s = if blob.is_some() { COMPILE_TIMEOUT_S } else { TIMEOUT_S };
    if let Some(bytes) = blob {
        request = request.blob(LazyLoadBlob { mime: None, bytes });
    }
    let (response, answer) = call(request, tried, timeout_s)?;
    match refusal(&response, &answer) {
        Some(source) => Err(CallError::Refused { tried: tried.to_owned(), source }),
        None => Ok(response),
    }
}

/// The reason of a failure is in the body when the answer is Wharf's own, else in the metadata.
fn refusal(response: &KernelResponse, answer: &Message) -> Option<Refusal> {
    let in_body = match response {
        KernelResponse::Err(text) => text.as_str(),
        KernelResponse::InitializeProcessError => "the kernel could not create it",
        KernelResponse::RunProcessError => "there is no such process, or it runs already",
        _ => return None,
    };
    let in_metadata = Failure::from_metadata(answer.metadata()).map(|failure| failure.error);
    Some(Refusal(in_metadata.unwrap_or_else(|| in_body.to_owned())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn answer(metadata: Option<&str>) -> Message {
        Message::Response {
            source: "a.os@kernel:distro:sys".parse().unwrap(),
            body: Vec::new(),
            metadata: metadata.map(str::to_owned),
            context: None,
            capabilities: Vec::new(),
        }
    }

    #[test]
    fn the_reason_in_the_metadata_comes_first() {
        let failure = Failure::new("not a component").to_metadata();
        let refused = refusal(&KernelResponse::InitializeProcessError, &answer(Some(&failure)));
        assert_eq!(refused, Some(Refusal("not a component".to_owned())));
        let refused = refusal(&KernelResponse::Err("no such process".to_owned()), &answer(None));
        assert_eq!(refused, Some(Refusal("no such process".to_owned())));
    }

    #[test]
    fn metadata_alone_is_not_a_refusal() {
        let failure = Failure::new("echoed").to_metadata();
        assert_eq!(refusal(&KernelResponse::StartedProcess, &answer(Some(&failure))), None);
    }
}
