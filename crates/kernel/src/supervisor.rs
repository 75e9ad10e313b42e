//! Runs the lives of one process, one after another, and does what was asked for when one ends.

use std::sync::Arc;
use std::time::Instant;

use tokio_util::task::AbortOnDropHandle;
use wharf_types::kernel::ProcessPhase;
use wharf_types::{Address, Capability, LazyLoadBlob, OnExit, Request};

use crate::backoff::Backoff;
use crate::envelope::{Blob, Content};
use crate::kernel::{Kernel, SendAs};
use crate::launcher::{Exit, Prepared};
use crate::lifecycle::Revocation;
use crate::process::Process;
use crate::session::Session;

/// Runs a process until it is gone. Ends at once when the process is stopped.
pub(crate) async fn supervise(kernel: Kernel, process: Arc<Process>, prepared: Arc<dyn Prepared>) {
    live_on(&kernel, &process, prepared).await;
    // Whoever stopped the process closed its mailbox, but perhaps just before another life began with a new one.
    // Only this task makes new ones, so this is the last.
    process.mailbox().close();
}

async fn live_on(kernel: &Kernel, process: &Arc<Process>, prepared: Arc<dyn Prepared>) {
    let mut backoff = Backoff::new(Instant::now());
    loop {
        backoff.started(Instant::now());
        let Some(exit) = live(kernel, process, &prepared).await else { return };
        // Nothing that was sent to the life that ended may reach the next one.
        process.mailbox().close();
        tell_log(process, &exit);
        process.update_status(|status| status.last_exit = Some(exit.to_string()));
        match process.on_exit() {
            OnExit::Restart => {
                process.update_status(|status| status.phase = ProcessPhase::Restarting);
                let pause = backoff.ended(Instant::now(), jitter());
                tokio::select! {
                    () = process.stop.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                process.renew_mailbox(kernel.limits());
                process.update_status(|status| {
                    status.phase = ProcessPhase::Running;
                    status.restarts += 1;
                });
                tracing::info!(process = %process.id(), "starts again");
            }
            OnExit::None => return end(kernel, process).await,
            OnExit::Requests(requests) => {
                for (target, request, blob) in requests {
                    send_last(kernel, process, &target, request, blob);
                }
                return end(kernel, process).await;
            }
        }
    }
}

/// One life; `None` when it was stopped from outside.
///
/// It is a task of its own, so that what can end it is not looked at each time a message wakes it.
async fn live(kernel: &Kernel, process: &Arc<Process>, prepared: &Arc<dyn Prepared>) -> Option<Exit> {
    let session = Session::new(kernel.clone(), Arc::clone(process));
    let mut life = AbortOnDropHandle::new(tokio::spawn(Arc::clone(prepared).run(session)));
    tokio::select! {
        biased;
        () = process.stop.cancelled() => {
            life.abort();
            // Whatever became of it, it is over once this returns, and what it held is free.
            drop(life.await);
            None
        }
        exit = &mut life => {
            Some(exit.unwrap_or_else(|_| Exit::Trapped("the node failed while it ran the process".to_owned())))
        }
    }
}

fn tell_log(process: &Process, exit: &Exit) {
    match exit {
        Exit::Returned => tracing::info!(process = %process.id(), "returned"),
        Exit::Trapped(_) | Exit::FailedToStart(_) => tracing::error!(process = %process.id(), "{exit}"),
    }
}

fn send_last(kernel: &Kernel, process: &Arc<Process>, target: &Address, request: Request, blob: Option<LazyLoadBlob>) {
    let attach = |capability: Capability| {
        if capability.issuer == *process.address() {
            kernel.authority().sign(capability)
        } else {
            process.held(&capability.key()?)
        }
    };
    let content = Content {
        inherit: false,
        body: Arc::new(request.body),
        metadata: request.metadata.map(Into::into),
        capabilities: request.capabilities.into_iter().filter_map(attach).collect(),
    };
    let blob = blob.map(|blob| Blob::new(blob.mime.as_deref(), blob.bytes));
    if let Err(error) = kernel.tell(process, target, content, blob, SendAs::Module) {
        tracing::warn!(process = %process.id(), "its on-exit request to {target} was not sent: {error}");
    }
}

async fn end(kernel: &Kernel, process: &Arc<Process>) {
    if let Err(error) = kernel.remove(process, Revocation::Revoke).await {
        tracing::error!(process = %process.id(), "it ended, but stays in the store: {error}");
    }
}

fn jitter() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    let [byte, ..] = RandomState::new().hash_one(0).to_le_bytes();
    byte
}
