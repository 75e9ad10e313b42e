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
use crate::listing;
use crate::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use crate::permit::{self, NotPermitted, Power};
use crate::persistence::StoreError;
use crate::process::Process;
use crate::signature;
use crate::view::View;
use crate::watch::{self, Asked};

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
        let Some(sender) = kernel.find(caller.source().process()) else { return refused("the sender is gone") };
        let power = Power::of(&caller, &sender);
        if let Err(why) = permit::check(&kernel, &sender, power, &command) {
            return not_permitted(&command, &why);
        }
        let view = View::of(power, &sender);
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
                initialize(&sender, &kernel, new, initial_capabilities, blob).await
            }
            KernelCommand::GrantCapabilities { target, capabilities } => {
                if !kernel.is_alive(&target) {
                    return no_such(&target);
                }
                let granted = match power {
                    Power::Root => kernel.grant(&target, capabilities).await,
                    Power::Package => kernel.offer(&sender, &target, capabilities).await,
                };
                changed(granted.map(|()| true), &target)
            }
            KernelCommand::DropCapabilities { target, capabilities } => {
                changed(kernel.drop_capabilities(&target, &capabilities).await, &target)
            }
            KernelCommand::RevokeCapabilities { target, capabilities } => {
                match (kernel.revoke(target.as_ref(), &capabilities).await, &target) {
                    (Ok(0), Some(target)) if !kernel.is_alive(target) => no_such(target),
                    (Ok(_), _) => Answer::Reply(KernelResponse::Ok),
                    (Err(error), _) => refused(error),
                }
            }
            KernelCommand::RevokePackage(package) => match kernel.revoke_package(&package).await {
                Ok(()) => Answer::Reply(KernelResponse::Ok),
                Err(error) => refused(error),
            },
            KernelCommand::Capabilities(id) => match kernel.find(&id) {
                Some(process) => Answer::Reply(KernelResponse::Capabilities(listing::capabilities(&kernel, &process))),
                None => no_such(&id),
            },
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
            KernelCommand::Debug(what) => Answer::Reply(KernelResponse::Debug(debug(&kernel, &view, what))),
            KernelCommand::CheckComponent => match blob {
                None => refused("CheckComponent needs the component in the blob"),
                Some(blob) => match kernel.launcher().prepare(blob.bytes).await {
                    Ok(_) => Answer::Reply(KernelResponse::Ok),
                    Err(error) => refused(error),
                },
            },
            KernelCommand::VerifySignature { public_key, signature } => {
                let message = blob.as_ref().map(|blob| blob.bytes.as_slice()).unwrap_or_default();
                match signature::verify(&public_key, &signature, message) {
                    Ok(()) => Answer::Reply(KernelResponse::Ok),
                    Err(error) => refused(error),
                }
            }
            KernelCommand::Processes => Answer::Reply(KernelResponse::Processes(processes(&kernel, &view))),
            KernelCommand::Ended => {
                let ended = kernel.ended().all().into_iter().map(|ended| view.ended(ended)).collect();
                Answer::Reply(KernelResponse::Ended(ended))
            }
            KernelCommand::Status => Answer::Reply(KernelResponse::Status(self.status(&kernel))),
            KernelCommand::Metrics => Answer::Reply(KernelResponse::Metrics(Box::new(kernel.metrics()))),
            KernelCommand::Events { after, wait_ms } => watch::events(&caller, Asked { after, wait_ms }).await,
            KernelCommand::Trace { process, after, wait_ms, body_bytes } => {
                watch::trace(&caller, &process, Asked { after, wait_ms }, body_bytes).await
            }
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

/// In the shape that the answer to such a command has.
fn not_permitted(command: &KernelCommand, why: &NotPermitted) -> Answer<KernelResponse> {
    match command {
        KernelCommand::InitializeProcess { .. } => {
            Answer::ReplyBecause(KernelResponse::InitializeProcessError, Failure::new(why))
        }
        KernelCommand::RunProcess(_) => Answer::ReplyBecause(KernelResponse::RunProcessError, Failure::new(why)),
        _ => refused(why),
    }
}

async fn initialize(
    initializer: &Arc<Process>,
    kernel: &Kernel,
    new: NewProcess,
    wanted: Vec<Capability>,
    blob: Option<Blob>,
) -> Answer<KernelResponse> {
    let failed = |reason: String| Answer::ReplyBecause(KernelResponse::InitializeProcessError, Failure::new(reason));
    let Some(blob) = blob else {
        return failed("InitializeProcess needs the component in the blob".to_owned());
    };
    match kernel.initialize(new, blob.bytes, wanted, Some(initializer)).await {
        Ok(()) => Answer::Reply(KernelResponse::InitializedProcess),
        Err(error) => failed(error.to_string()),
    }
}

fn all(kernel: &Kernel) -> Vec<Arc<Process>> {
    kernel.table().iter().map(|entry| Arc::clone(entry.value())).collect()
}

fn debug(kernel: &Kernel, view: &View, what: KernelDebug) -> KernelDebugResponse {
    match what {
        KernelDebug::ProcessMap => {
            let map: BTreeMap<_, _> =
                all(kernel).iter().map(|process| (process.id().clone(), describe(view, process))).collect();
            KernelDebugResponse::ProcessMap(map)
        }
        KernelDebug::Process(id) => {
            KernelDebugResponse::Process(kernel.find(&id).map(|process| describe(view, &process)))
        }
        KernelDebug::HasCap { on, cap } => {
            let has = |process: Arc<Process>| cap.key().is_some_and(|key| process.holds(&key));
            KernelDebugResponse::HasCap(kernel.find(&on).map(has))
        }
    }
}

fn describe(view: &View, process: &Arc<Process>) -> PersistedProcess {
    let guest = process.guest.as_ref();
    PersistedProcess {
        wasm_bytes_handle: guest.map(|guest| guest.wasm_bytes_handle.clone()).unwrap_or_default(),
        wit_version: guest.and_then(|guest| guest.wit_version),
        on_exit: view.on_exit(process),
        capabilities: process.all_held().iter().map(|held| held.capability().clone()).collect(),
        public: process.is_public(),
    }
}

fn processes(kernel: &Kernel, view: &View) -> Vec<ProcessInfo> {
    let mut list: Vec<_> = all(kernel).iter().map(|process| info(view, process)).collect();
    list.sort_by(|a, b| a.id.cmp(&b.id));
    list
}

fn info(view: &View, process: &Arc<Process>) -> ProcessInfo {
    let status = process.status();
    let exit = status.last_exit.map(|last| view.exit(process.id(), last));
    let on_exit = process.with_on_exit(|on_exit| match on_exit {
        OnExit::None => "none",
        OnExit::Restart => "restart",
        OnExit::Requests(_) => "requests",
    });
    ProcessInfo {
        id: process.id().clone(),
        phase: status.phase,
        public: process.is_public(),
        on_exit: on_exit.to_owned(),
        restarts: status.restarts,
        mailbox: process.mailbox().len() as u64,
        last_exit: exit.as_ref().map(|last| last.exit.to_string()),
        exit,
        capabilities: process.held_count() as u64,
        is_waiting: process.mailbox().is_waited_at(),
    }
}
