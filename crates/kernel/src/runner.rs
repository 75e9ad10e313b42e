//! The one loop that serves every runtime module.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::task::JoinSet;
use wharf_types::{Address, NodeName, ProcessId};

use crate::envelope::{Blob, Content, Envelope, Kind, Seconds};
use crate::kernel::{CallError, Kernel, SendAs};
use crate::mailbox::Mailbox;
use crate::module::{Answer, Caller, Refusal, RuntimeModule};
use crate::process::Process;

/// A running module, for what it does on its own account.
#[derive(Clone)]
pub struct ModuleHandle {
    kernel: Kernel,
    process: Arc<Process>,
}

impl ModuleHandle {
    /// Name of the node.
    pub fn node(&self) -> &NodeName {
        self.kernel.node()
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Sends a request in the module's name and waits for the response.
    pub async fn request(
        &self,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
        send_as: SendAs,
    ) -> Result<Envelope, CallError> {
        self.kernel.call(&self.process, target, content, blob, wait, send_as).await
    }

    /// Sends a request that wants no response.
    pub async fn tell(
        &self,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        send_as: SendAs,
    ) -> Result<(), CallError> {
        self.kernel.tell(&self.process, target, content, blob, send_as)
    }
}

impl Kernel {
    /// Puts a module into the process table and serves it until the node stops.
    pub fn start_module<M: RuntimeModule>(&self, module: M) -> ModuleHandle {
        let address = Address::new(self.node().clone(), ProcessId::system(M::NAME));
        let stop = self.stop().child_token();
        let process = Arc::new(Process::new(address, M::ACCESS, None, self.limits(), stop));
        self.table().insert(process.id().clone(), Arc::clone(&process));
        let runner = Runner {
            kernel: self.clone(),
            mailbox: process.mailbox(),
            process: Arc::clone(&process),
            module: Arc::new(module),
            waiting: HashMap::new(),
            taken: 0,
            working: JoinSet::new(),
        };
        self.tasks().spawn(runner.run());
        ModuleHandle { kernel: self.clone(), process }
    }
}

struct Runner<M> {
    kernel: Kernel,
    process: Arc<Process>,
    mailbox: Arc<Mailbox>,
    module: Arc<M>,
    /// Callers that are being served, with what they sent meanwhile.
    waiting: HashMap<Address, VecDeque<Envelope>>,
    /// Requests taken from the mailbox and not yet answered.
    taken: usize,
    working: JoinSet<Address>,
}

impl<M: RuntimeModule> Runner<M> {
    async fn run(mut self) {
        let stop = self.process.stop.clone();
        loop {
            // Beyond the bound nothing is taken in: the mailbox fills, and its senders learn of it.
            let may_take = self.taken < self.kernel.limits().module_requests_max;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.working.join_next() => self.finished(done),
                Some(envelope) = self.mailbox.pop(), if may_take => self.take(envelope),
            }
        }
        self.mailbox.close();
        self.working.shutdown().await;
    }

    fn take(&mut self, envelope: Envelope) {
        if envelope.kind == Kind::Response {
            return;
        }
        self.taken += 1;
        match self.waiting.get_mut(&envelope.source) {
            Some(queue) => queue.push_back(envelope),
            None => {
                self.waiting.insert(envelope.source.clone(), VecDeque::new());
                self.work(envelope);
            }
        }
    }

    fn finished(&mut self, done: Result<Address, tokio::task::JoinError>) {
        // A task that panicked outside of the module's own code is a bug of this file; its caller stays queued.
        let Ok(caller) = done else { return };
        self.taken -= 1;
        match self.waiting.get_mut(&caller).and_then(VecDeque::pop_front) {
            Some(next) => self.work(next),
            None => {
                self.waiting.remove(&caller);
            }
        }
    }

    fn work(&mut self, envelope: Envelope) {
        let (kernel, process, module) = (self.kernel.clone(), Arc::clone(&self.process), Arc::clone(&self.module));
        self.working.spawn(async move {
            let source = envelope.source.clone();
            let caller = Caller::new(kernel, process, &envelope);
            // A panic in a module costs the one request that caused it.
            let handled = AssertUnwindSafe(serve(&*module, caller.clone(), envelope)).catch_unwind().await;
            if handled.is_err() {
                tracing::error!(module = M::NAME, caller = %source, "the module panicked while it handled a request");
                refuse(&*module, &caller, Refusal::Internal);
            }
            source
        });
    }
}

async fn serve<M: RuntimeModule>(module: &M, caller: Caller, envelope: Envelope) {
    if caller.source().node() != caller.kernel().node() {
        return refuse(module, &caller, Refusal::Foreign);
    }
    let request = match serde_json::from_slice(&envelope.content.body) {
        Ok(request) => request,
        Err(error) => return refuse(module, &caller, Refusal::Malformed(error.to_string())),
    };
    let replier = caller.replier();
    match module.handle(caller, request, envelope.blob).await {
        Answer::Reply(response) => replier.send(json(&response), None),
        Answer::ReplyWithBlob(response, blob) => replier.send(json(&response), Some(blob)),
        Answer::ReplyBecause(response, failure) => replier.send_because(json(&response), &failure),
        Answer::Later => {}
    }
}

fn refuse<M: RuntimeModule>(module: &M, caller: &Caller, refusal: Refusal) {
    let failure = wharf_types::Failure::new(&refusal);
    if let Some(response) = module.refuse(refusal) {
        caller.replier().send_because(json(&response), &failure);
    }
}

/// The types of responses have no maps with other keys than strings, which is all that can fail here.
fn json<R: serde::Serialize>(response: &R) -> Vec<u8> {
    serde_json::to_vec(response).unwrap_or_default()
}
