//! Runs the lives of one process, one after another, and does what was asked for when one ends.
//!
//! A life that never begins is a life: a process whose component cannot be loaded when the node comes up has failed to
//! start, and goes through its on-exit behaviour like any other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf_types::events::Happening;
use wharf_types::kernel::ProcessPhase;
use wharf_types::{Address, LazyLoadBlob, OnExit, Request};

use crate::backoff::Backoff;
use crate::calls::{Ask, SendAs};
use crate::ended;
use crate::envelope::{Blob, Content};
use crate::events::cut_exit;
use crate::kernel::Kernel;
use crate::launcher::{Crash, Exit, Prepared, Program};
use crate::lifecycle::Revocation;
use crate::process::Process;
use crate::scheduler::Life;
use crate::session::Session;

/// Runs a process until it is gone. Ends at once when the process is stopped.
pub(crate) async fn supervise(kernel: Kernel, process: Arc<Process>, program: Program) {
    live_on(&kernel, &process, program).await;
    // Whoever stopped the process closed its mailbox, but perhaps just before another life began with a new one.
    // Only this task makes new ones, so this is the last.
    process.mailbox().close();
}

async fn live_on(kernel: &Kernel, process: &Arc<Process>, mut program: Program) {
    let mut backoff = Backoff::new(Instant::now());
    loop {
        backoff.started(Instant::now());
        let exit = match &program {
            Program::Ready(prepared) => match live(kernel, process, prepared).await {
                Some(exit) => exit,
                None => return,
            },
            Program::Broken { problem, .. } => Exit::FailedToStart(Crash::new(problem.as_str())),
        };
        // Nothing that was sent to the life that ended may reach the next one.
        process.mailbox().close();
        tell_log(process, &exit);
        process.tell(Happening::Exited { exit: cut_exit(&exit) });
        process.update_status(|status| status.last_exit = Some(ended::now(exit)));
        match process.on_exit() {
            OnExit::Restart => {
                process.update_status(|status| status.phase = ProcessPhase::Restarting);
                let pause = backoff.ended(Instant::now(), jitter());
                tokio::select! {
                    () = process.stop.cancelled() => return,
                    begun = begin_again(kernel, process, program, pause) => program = begun,
                }
            }
            OnExit::None if matches!(program, Program::Broken { .. }) => {
                // What failed is perhaps the disk. It asked for nothing, so nothing of it is given up.
                process.update_status(|status| status.phase = ProcessPhase::Failed);
                process.tell(Happening::Failed);
                return;
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

/// Waits, and makes the process ready for its next life. What could not be loaded is looked for again.
async fn begin_again(kernel: &Kernel, process: &Process, program: Program, pause: Duration) -> Program {
    tokio::time::sleep(pause).await;
    let program = match (program, &process.guest) {
        (Program::Broken { components, .. }, Some(guest)) => {
            match kernel.load_again(&*components, &guest.wasm_bytes_handle, guest.component.get().copied()).await {
                Ok(prepared) => {
                    kernel.note_component(process, prepared.hash()).await;
                    Program::Ready(prepared)
                }
                Err(problem) => Program::Broken { problem, components },
            }
        }
        (program, _) => program,
    };
    let is_ready = matches!(program, Program::Ready(_));
    if is_ready {
        process.renew_mailbox();
        tracing::info!(process = %process.id(), "starts again");
    }
    let mut restarts = 0;
    process.update_status(|status| {
        status.restarts += 1;
        restarts = status.restarts;
        if is_ready {
            status.phase = ProcessPhase::Running;
        }
    });
    process.tell(Happening::Restarted { restarts });
    program
}

/// One life; `None` when it was stopped from outside.
async fn live(kernel: &Kernel, process: &Arc<Process>, prepared: &Arc<dyn Prepared>) -> Option<Exit> {
    let session = Session::new(kernel.clone(), Arc::clone(process));
    let mut life = Life::start(Arc::clone(prepared).run(session));
    tokio::select! {
        biased;
        () = process.stop.cancelled() => {}
        exit = life.ended() => return exit,
    }
    // Whatever became of it, it is over once this returns, and what it held is free.
    life.end().await;
    None
}

fn tell_log(process: &Process, exit: &Exit) {
    match exit {
        Exit::Returned => tracing::info!(process = %process.id(), exit = exit.kind(), "returned"),
        _ => tracing::error!(process = %process.id(), exit = exit.kind(), "{exit}"),
    }
}

fn send_last(kernel: &Kernel, process: &Arc<Process>, target: &Address, request: Request, blob: Option<LazyLoadBlob>) {
    let content = Content {
        inherit: false,
        body: Arc::new(request.body),
        metadata: request.metadata.map(Into::into),
        capabilities: request
            .capabilities
            .into_iter()
            .filter_map(|capability| kernel.attachable(process, capability))
            .collect(),
    };
    let blob = blob.map(|blob| Blob::new(blob.mime.as_deref(), blob.bytes));
    let ask = Ask { from: process, target, send_as: SendAs::Module, id: kernel.fresh_id() };
    if let Err(error) = kernel.tell(ask, content, blob) {
        process.notice(None, &format!("its on-exit request to {target} was not sent: {error}"));
    }
}

async fn end(kernel: &Kernel, process: &Arc<Process>) {
    let Some(last) = process.status().last_exit else { return };
    if let Err(error) = kernel.remove(process, Revocation::Revoke, last).await {
        tracing::error!(process = %process.id(), "it ended, but stays in the store: {error}");
    }
}

fn jitter() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    let [byte, ..] = RandomState::new().hash_one(0).to_le_bytes();
    byte
}
