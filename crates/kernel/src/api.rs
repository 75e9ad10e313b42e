//! `kernel:distro:sys`: the kernel as a module that is sent messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use wharf_types::kernel::{
    KernelCommand, KernelDebug, KernelDebugResponse, KernelResponse, NodeStatus, PersistedProcess, ProcessInfo,
};
use wharf_types::{Capability, Failure, OnExit, ProcessId};

use crate::envelope::Blob;
use crate::kernel::Kernel;
use crate::lifecycle::{NewProcess, Revocation};
use crate::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use crate::persistence::StoreError;
use crate::process::Process;

/// Request metadata that makes `KillProcess` leave what the process issued.
const NO_REVOKE: &str = "no-revoke";

/// See the module.
pub struct KernelModule {
    /// Version of the daemon, for `Status`.
    pub version: &'static str,
}

impl RuntimeModule for KernelModule {
    type Request = KernelCommand;
    type Response = KernelResponse;

    const NAME: &'static str = "kernel";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, command: KernelCommand, blob: Option<Blob>) -> Answer<KernelResponse> {
        let kernel = caller.kernel().clone();
        match command {
            KernelCommand::Booted => refused("only the node itself says that it has booted"),
            KernelCommand::InitializeProcess {
                id,
                wasm_bytes_handle,
                wit_version,
                on_exit,
                initial_capabilities,
                public,
            } => {
                let access = if public { Access::Public } else { Access::Capability };
                let new = NewProcess::installed(id, wasm_bytes_handle, wit_version, on_exit, access);
                initialize(&caller, new, initial_capabilities, blob).await
            }
            KernelCommand::GrantCapabilities { target, capabilities } => {
                if !kernel.is_alive(&target) {
                    return no_such(&target);
                }
                changed(kernel.grant(&target, capabilities).await.map(|()| true), &target)
            }
            KernelCommand::DropCapabilities { target, capabilities } => {
                changed(kernel.drop_capabilities(&target, &capabilities).await, &target)
            }
            KernelCommand::SetOnExit { target, on_exit } => {
                changed(kernel.set_on_exit(&target, on_exit).await, &target)
            }
            KernelCommand::RunProcess(id) => match kernel.run(&id) {
                KernelResponse::RunProcessError => Answer::ReplyBecause(
                    KernelResponse::RunProcessError,
                    Failure::new(format!("{id} does not wait to be run")),
                ),
                started => Answer::Reply(started),
            },
            KernelCommand::KillProcess(id) => {
                let keep = caller.metadata() == Some(NO_REVOKE);
                let revocation = if keep { Revocation::Keep } else { Revocation::Revoke };
                match kernel.kill(&id, revocation).await {
                    Ok(true) => Answer::Reply(KernelResponse::KilledProcess(id)),
                    Ok(false) => no_such(&id),
                    Err(error) => refused(error),
                }
            }
            KernelCommand::Shutdown => {
                tracing::info!(by = %caller.source(), "shutdown was asked for");
                // Answered first: whatever is still being handled when the node stops is cut off.
                caller.replier().send(serde_json::to_vec(&KernelResponse::Ok).unwrap_or_default(), None);
                kernel.stop().cancel();
                Answer::Later
            }
            KernelCommand::Debug(what) => Answer::Reply(KernelResponse::Debug(debug(&kernel, what))),
            KernelCommand::CheckComponent => match blob {
                None => refused("CheckComponent needs the component in the blob"),
                Some(blob) => match kernel.launcher().prepare(blob.bytes).await {
                    Ok(_) => Answer::Reply(KernelResponse::Ok),
                    Err(error) => refused(error),
                },
            },
            KernelCommand::Processes => Answer::Reply(KernelResponse::Processes(processes(&kernel))),
            KernelCommand::Status => Answer::Reply(KernelResponse::Status(self.status(&kernel))),
        }
    }

    fn refuse(&self, refusal: Refusal) -> Option<KernelResponse> {
        Some(KernelResponse::Err(refusal.to_string()))
    }
}

impl KernelModule {
    fn status(&self, kernel: &Kernel) -> NodeStatus {
        let guests = all(kernel).iter().filter(|process| !process.is_module()).count();
        let public_key = kernel.authority().public_key().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        NodeStatus {
            node: kernel.node().to_string(),
            version: self.version.to_owned(),
            boot: kernel.boot().to_string(),
            uptime_ms: u64::try_from(kernel.uptime().as_millis()).unwrap_or(u64::MAX),
            processes: guests as u64,
            public_key: format!("0x{public_key}"),
        }
    }
}

fn refused(reason: impl std::fmt::Display) -> Answer<KernelResponse> {
    Answer::Reply(KernelResponse::Err(reason.to_string()))
}

fn no_such(id: &ProcessId) -> Answer<KernelResponse> {
    refused(format!("there is no process `{id}`"))
}

fn changed(result: Result<bool, StoreError>, target: &ProcessId) -> Answer<KernelResponse> {
    match result {
        Ok(true) => Answer::Reply(KernelResponse::Ok),
        Ok(false) => no_such(target),
        Err(error) => refused(error),
    }
}

async fn initialize(
    caller: &Caller,
    new: NewProcess,
    wanted: Vec<Capability>,
    blob: Option<Blob>,
) -> Answer<KernelResponse> {
    let failed = |reason: String| Answer::ReplyBecause(KernelResponse::InitializeProcessError, Failure::new(reason));
    let Some(blob) = blob else {
        return failed("InitializeProcess needs the component in the blob".to_owned());
    };
    let kernel = caller.kernel();
    let Some(initializer) = kernel.find(caller.source().process()) else {
        return failed("the sender is gone".to_owned());
    };
    // What the initializer does not hold it cannot hand on.
    let given =
        wanted.into_iter().filter(|capability| capability.key().is_some_and(|key| initializer.holds(&key))).collect();
    match kernel.initialize(new, blob.bytes, given, Some(&initializer)).await {
        Ok(()) => Answer::Reply(KernelResponse::InitializedProcess),
        Err(error) => failed(error.to_string()),
    }
}

fn all(kernel: &Kernel) -> Vec<Arc<Process>> {
    kernel.table().iter().map(|entry| Arc::clone(entry.value())).collect()
}

fn debug(kernel: &Kernel, what: KernelDebug) -> KernelDebugResponse {
    match what {
        KernelDebug::ProcessMap => {
            let map: BTreeMap<_, _> =
                all(kernel).iter().map(|process| (process.id().clone(), describe(process))).collect();
            KernelDebugResponse::ProcessMap(map)
        }
        KernelDebug::Process(id) => KernelDebugResponse::Process(kernel.find(&id).map(|process| describe(&process))),
        KernelDebug::HasCap { on, cap } => {
            let has = |process: Arc<Process>| cap.key().is_some_and(|key| process.holds(&key));
            KernelDebugResponse::HasCap(kernel.find(&on).map(has))
        }
    }
}

fn describe(process: &Arc<Process>) -> PersistedProcess {
    let guest = process.guest.as_ref();
    PersistedProcess {
        wasm_bytes_handle: guest.map(|guest| guest.wasm_bytes_handle.clone()).unwrap_or_default(),
        wit_version: guest.and_then(|guest| guest.wit_version),
        on_exit: process.on_exit(),
        capabilities: process.all_held().iter().map(|held| held.capability().clone()).collect(),
        public: process.is_public(),
    }
}

fn processes(kernel: &Kernel) -> Vec<ProcessInfo> {
    let mut list: Vec<_> = all(kernel).iter().map(info).collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list
}

fn info(process: &Arc<Process>) -> ProcessInfo {
    let status = process.status();
    let on_exit = match process.on_exit() {
        OnExit::None => "none",
        OnExit::Restart => "restart",
        OnExit::Requests(_) => "requests",
    };
    ProcessInfo {
        id: process.id().clone(),
        phase: status.phase,
        public: process.is_public(),
        on_exit: on_exit.to_owned(),
        restarts: status.restarts,
        mailbox: process.mailbox().len() as u64,
        last_exit: status.last_exit,
        capabilities: process.held_count() as u64,
    }
}
