//! Who may give the kernel which commands.
//!
//! Messaging the kernel is the right to look, and to manage one's own package with what one holds oneself. Everything
//! else takes [`ROOT`], a capability of its own: the node's owner and modules have it, and the app store asks for it.

use wharf_types::kernel::KernelCommand;
use wharf_types::{Capability, ProcessId};

use crate::kernel::Kernel;
use crate::module::Caller;
use crate::process::Process;

/// Params of the right to command the kernel everything, to grant what one does not hold, and to act on packages of
/// others.
const ROOT: &str = r#"{"root":true}"#;

/// How far the sender of a command may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// It commands the node.
    Root,
    /// It manages its own package.
    Package,
}

impl Power {
    pub(crate) fn of(caller: &Caller, process: &Process) -> Self {
        if process.is_module() || caller.holds(ROOT) { Self::Root } else { Self::Package }
    }
}

/// Why a command is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotPermitted {
    #[error("this takes the capability {ROOT} of the kernel, which {0} does not hold")]
    NeedsRoot(ProcessId),
    #[error("`{of}` is not of the package of {by}, and acting on others takes the capability {ROOT} of the kernel")]
    Others { by: ProcessId, of: String },
    #[error("{path} is not in a drive of the package of {by}, and the node will read it at the next boot")]
    OthersFile { by: ProcessId, path: String },
}

/// Whether `process` may give `command`.
pub(crate) fn check(
    kernel: &Kernel,
    process: &Process,
    power: Power,
    command: &KernelCommand,
) -> Result<(), NotPermitted> {
    if power == Power::Root {
        return Ok(());
    }
    let by = || process.id().clone();
    match command {
        KernelCommand::InitializeProcess { id, wasm_bytes_handle, .. } => {
            own(kernel, process, id)?;
            let is_own_file = is_in_package_drive(process.id(), wasm_bytes_handle);
            is_own_file
                .then_some(())
                .ok_or_else(|| NotPermitted::OthersFile { by: by(), path: wasm_bytes_handle.clone() })
        }
        KernelCommand::GrantCapabilities { target: id, .. }
        | KernelCommand::DropCapabilities { target: id, .. }
        | KernelCommand::SetOnExit { target: id, .. }
        | KernelCommand::RunProcess(id)
        | KernelCommand::KillProcess(id) => own(kernel, process, id),
        KernelCommand::RevokeCapabilities { target, capabilities } => match target {
            Some(id) if id.is_in(&process.id().package_id()) => Ok(()),
            _ => capabilities.iter().try_for_each(|capability| issued_by_own(process, capability)),
        },
        KernelCommand::RevokePackage(package) if *package == process.id().package_id() => Ok(()),
        KernelCommand::RevokePackage(package) => Err(NotPermitted::Others { by: by(), of: package.to_string() }),
        // Who speaks how much with whom, and in which words, is nobody's business but the owner's.
        KernelCommand::Shutdown
        | KernelCommand::Metrics
        | KernelCommand::Events { .. }
        | KernelCommand::Trace { .. } => Err(NotPermitted::NeedsRoot(by())),
        KernelCommand::Booted
        | KernelCommand::Debug(_)
        | KernelCommand::Capabilities(_)
        | KernelCommand::CheckComponent
        | KernelCommand::VerifySignature { .. }
        | KernelCommand::Processes
        | KernelCommand::Ended
        | KernelCommand::Status => Ok(()),
    }
}

/// The modules are of one package with nobody.
fn own(kernel: &Kernel, process: &Process, id: &ProcessId) -> Result<(), NotPermitted> {
    let is_module = kernel.find(id).is_some_and(|target| target.is_module());
    if id.is_in(&process.id().package_id()) && !is_module {
        return Ok(());
    }
    Err(NotPermitted::Others { by: process.id().clone(), of: id.to_string() })
}

fn issued_by_own(process: &Process, capability: &Capability) -> Result<(), NotPermitted> {
    let issuer = &capability.issuer;
    if issuer.node() == process.address().node() && issuer.process().is_in(&process.id().package_id()) {
        return Ok(());
    }
    Err(NotPermitted::Others { by: process.id().clone(), of: issuer.to_string() })
}

/// The first part of a path in the vfs names the package that its drive belongs to.
fn is_in_package_drive(id: &ProcessId, path: &str) -> bool {
    let mut parts = path.trim_start_matches('/').split('/');
    parts.next().is_some_and(|package| package == id.package_id().to_string()) && parts.all(|part| part != "..")
}
