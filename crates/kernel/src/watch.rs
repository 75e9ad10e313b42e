//! Requests to the kernel that wait for something to happen.
//!
//! A module handles the requests of one caller one after another, and everything that the owner asks comes from one
//! caller, the web server. So waiting happens beside that, in a task of its own that ends with the wait, with whoever
//! asked, or with the node; there is a bound on how many.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use wharf_types::ProcessId;
use wharf_types::kernel::{KernelResponse, WATCH_WAIT_MS_MAX};

use crate::kernel::Kernel;
use crate::module::{Answer, Caller};

/// What a reader asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) after: Option<u64>,
    pub(crate) wait_ms: u64,
}

impl Asked {
    fn wait(self) -> Duration {
        Duration::from_millis(self.wait_ms.min(WATCH_WAIT_MS_MAX))
    }
}

/// Answers with events.
pub(crate) async fn events(caller: &Caller, asked: Asked) -> Answer<KernelResponse> {
    let kernel = caller.kernel().clone();
    let page = kernel.events_after(asked.after, None).await;
    if !page.events.is_empty() || page.lost > 0 || asked.wait_ms == 0 {
        return Answer::Reply(KernelResponse::Events(page));
    }
    let deadline = Instant::now() + asked.wait();
    wait(caller, async move { KernelResponse::Events(kernel.events_after(asked.after, Some(deadline)).await) })
}

/// Answers with the messages of a process.
pub(crate) async fn trace(
    caller: &Caller,
    process: &ProcessId,
    asked: Asked,
    body_bytes: u64,
) -> Answer<KernelResponse> {
    let kernel: &Kernel = caller.kernel();
    let Some(process) = kernel.find(process) else {
        return Answer::Reply(KernelResponse::Err(format!("there is no process {process}")));
    };
    let deadline = Instant::now() + asked.wait();
    let trace = match kernel.trace(&process, deadline, body_bytes) {
        Ok(trace) => trace,
        Err(error) => return Answer::Reply(KernelResponse::Err(error.to_string())),
    };
    let page = trace.after(asked.after, None).await;
    if !page.lines.is_empty() || page.lost > 0 || asked.wait_ms == 0 {
        return Answer::Reply(KernelResponse::Trace(page));
    }
    wait(caller, async move { KernelResponse::Trace(trace.after(asked.after, Some(deadline)).await) })
}

fn wait(caller: &Caller, answer: impl Future<Output = KernelResponse> + Send + 'static) -> Answer<KernelResponse> {
    let kernel = caller.kernel();
    let Ok(place) = std::sync::Arc::clone(&kernel.seen().watchers).try_acquire_owned() else {
        let max = kernel.limits().watchers_max;
        return Answer::Reply(KernelResponse::Err(format!("{max} requests wait already, which are the most that may")));
    };
    let (replier, stop) = (caller.replier(), kernel.stop().clone());
    kernel.tasks().spawn(async move {
        tokio::select! {
            response = answer => replier.send(serde_json::to_vec(&response).unwrap_or_default(), None),
            () = replier.orphaned() => {}
            () = stop.cancelled() => {}
        }
        drop(place);
    });
    Answer::Later
}
