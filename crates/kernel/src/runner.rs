//! The one loop that serves every runtime module.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::task::JoinSet;
use wharf_types::events::Happening;
use wharf_types::{Address, NodeName, ProcessId};

use crate::calls::{Ask, CallError, SendAs};
use crate::counters::Counted;
use crate::envelope::{Blob, Content, Envelope, Kind, MessageId, Payload, ReplyPath, Seconds};
use crate::kernel::Kernel;
use crate::limit_hits::Limit;
use crate::mailbox::Mailbox;
use crate::module::{Answer, Caller, Refusal, RuntimeModule, Works};
use crate::persistence::StoreError;
use crate::process::Process;
use crate::scheduler;
use crate::seen::{CounterFamily, ModuleCounters, Outcome};

/// Requests that a module takes before others get their turn.
const TURNS_MAX: u32 = 256;

/// Requests of one caller that are handled in the runner before others get their turn.
const IN_A_ROW_MAX: u32 = 16;

/// The longest body that is read in the runner: while it is, all wait who ask the module for something.
const READ_HERE_BYTES_MAX: usize = 64 << 10;

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
        self.request_as(self.new_request(), target, content, blob, wait, send_as).await
    }

    /// An id for a request, for those who have to know it before they send: what is to be said about a request can be
    /// said with it also when nothing comes back.
    pub fn new_request(&self) -> MessageId {
        self.kernel.fresh_id()
    }

    /// [`ModuleHandle::request`] under an id of [`ModuleHandle::new_request`], which is used once.
    pub async fn request_as(
        &self,
        id: MessageId,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        wait: Seconds,
        send_as: SendAs,
    ) -> Result<Envelope, CallError> {
        self.kernel.call(Ask { from: &self.process, target, send_as, id }, content, blob, wait).await
    }

    /// What the module itself saved with [`ModuleHandle::save`].
    pub async fn saved(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.kernel.persistence().get_state(self.process.id().clone()).await
    }

    /// Saves something for the module itself, in place of what it saved before. Durable when it returns.
    pub async fn save(&self, state: Payload) -> Result<(), StoreError> {
        self.kernel.persistence().set_state(self.process.id().clone(), state).await
    }

    /// Shows counters of the module among those of the node.
    pub fn show_counters(&self, family: Arc<CounterFamily>) {
        self.kernel.seen().add_family(family);
    }

    /// Sends a request that wants no response.
    pub async fn tell(
        &self,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        send_as: SendAs,
    ) -> Result<(), CallError> {
        self.tell_as(self.new_request(), target, content, blob, send_as).await
    }

    /// [`ModuleHandle::tell`] under an id of [`ModuleHandle::new_request`], which is used once.
    pub async fn tell_as(
        &self,
        id: MessageId,
        target: &Address,
        content: Content,
        blob: Option<Blob>,
        send_as: SendAs,
    ) -> Result<(), CallError> {
        self.kernel.tell(Ask { from: &self.process, target, send_as, id }, content, blob)
    }

    /// The present life of a process.
    pub fn life_of(&self, address: &Address) -> Option<ReplyPath> {
        self.kernel.life_of(address)
    }

    /// Sends a request that wants no response to one life of a process. While its mailbox is full, this waits; it ends
    /// with that life at the latest, and then with [`CallError::NoSuchProcess`].
    pub async fn tell_life(
        &self,
        life: &ReplyPath,
        content: Content,
        blob: Option<Blob>,
        send_as: SendAs,
    ) -> Result<(), CallError> {
        let ask = Ask { from: &self.process, target: life.address(), send_as, id: self.new_request() };
        self.kernel.tell_life(ask, life, content, blob).await
    }
}

impl Kernel {
    /// Puts a module into the process table and serves it until the node stops.
    pub fn start_module<M: RuntimeModule>(&self, module: M) -> ModuleHandle {
        let address = Address::new(self.node().clone(), ProcessId::system(M::NAME));
        let stop = self.stop().child_token();
        let process = Arc::new(Process::new(
            address,
            M::ACCESS,
            None,
            Arc::new(self.limits().clone()),
            Arc::clone(self.seen()),
            stop,
        ));
        self.table().insert(process.id().clone(), Arc::clone(&process));
        let runner = Runner {
            kernel: self.clone(),
            mailbox: process.mailbox(),
            process: Arc::clone(&process),
            counters: self.seen().add_module(process.id().clone()),
            module: Arc::new(module),
            waiting: HashMap::new(),
            taken: Load::default(),
            here: FuturesUnordered::new(),
            working: JoinSet::new(),
        };
        scheduler::start_module(self.tasks().track_future(runner.run()));
        ModuleHandle { kernel: self.clone(), process }
    }
}

/// Requests and their bytes.
#[derive(Clone, Copy, Default)]
struct Load {
    requests: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, envelope: &Envelope) {
        self.requests += 1;
        self.bytes = self.bytes.saturating_add(envelope.weight());
    }

    fn subtract(&mut self, weight: usize) {
        self.requests = self.requests.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(weight);
    }
}

/// What one caller sent while an earlier request of it is being handled.
#[derive(Default)]
struct Waiting {
    queue: VecDeque<Box<Envelope>>,
    load: Load,
}

/// A request that was handled: whose, and its bytes.
struct Done {
    caller: Address,
    weight: usize,
}

struct Runner<M> {
    kernel: Kernel,
    process: Arc<Process>,
    mailbox: Arc<Mailbox>,
    counters: Arc<ModuleCounters>,
    module: Arc<M>,
    /// Callers that are being served, with what they sent meanwhile.
    waiting: HashMap<Address, Waiting>,
    /// What was taken from the mailbox and is not answered yet.
    taken: Load,
    /// Requests that wait, of a module that works in the runner.
    here: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Requests of a module that has a task for each.
    working: JoinSet<Done>,
}

impl<M: RuntimeModule> Runner<M> {
    async fn run(mut self) {
        let stop = self.process.stop.clone();
        let mut in_a_row = 0_u32;
        loop {
            // Those who wait for a worker get one, however fast requests come.
            in_a_row = (in_a_row + 1) % TURNS_MAX;
            if in_a_row == 0 {
                tokio::task::yield_now().await;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(done) = self.here.next() => self.finished(done),
                // A task ends only with its result while the runner lives: what a module may panic in is caught.
                Some(done) = self.working.join_next() => done.into_iter().for_each(|done| self.finished(done)),
                Some(envelope) = self.mailbox.pop(), if self.has_room() => self.take(envelope),
            }
        }
        self.mailbox.close();
        self.working.shutdown().await;
    }

    /// Beyond the bound for all callers nothing is taken in: the mailbox fills, and its senders learn of it.
    fn has_room(&self) -> bool {
        let limits = self.kernel.limits();
        self.taken.requests < limits.module_requests_max && self.taken.bytes < limits.mailbox_bytes_max
    }

    /// One caller may not fill the room of all: what is over its own bound is refused.
    fn take(&mut self, envelope: Box<Envelope>) {
        self.process.counters.received(Counted::ByOwnTask, &envelope);
        self.process.trace_in(&envelope);
        if envelope.kind == Kind::Response {
            return;
        }
        let limits = self.kernel.limits();
        let Some(waiting) = self.waiting.get_mut(envelope.source()) else {
            self.taken.add(&envelope);
            // One that is answered at once has nobody waiting behind it.
            if let Some(done) = self.work(envelope) {
                self.taken.subtract(done.weight);
            }
            return;
        };
        let over = waiting.load.requests >= limits.module_requests_per_caller_max
            || waiting.load.bytes.saturating_add(envelope.weight()) > limits.mailbox_bytes_max / 4;
        if over {
            self.process.hit(Limit::ModuleRequests);
            let caller = Caller::new(self.kernel.clone(), Arc::clone(&self.process), &envelope);
            self.counters.refused();
            return refuse(&*self.module, &caller, Refusal::Overloaded);
        }
        self.taken.add(&envelope);
        waiting.load.add(&envelope);
        waiting.queue.push_back(envelope);
    }

    /// Goes on with what the caller sent meanwhile, for as long as none of it has to wait. Beyond some requests it has had its
    /// turn: the next one goes to a task, and others are served before what is behind it.
    fn finished(&mut self, done: Done) {
        let mut next = self.after(done);
        for _ in 0..IN_A_ROW_MAX {
            let Some(done) = next.take().and_then(|envelope| self.work(envelope)) else { return };
            next = self.after(done);
        }
        if let Some(envelope) = next {
            self.working.spawn(self.handling(envelope, None));
        }
    }

    /// The next request of the same caller, if there is one.
    fn after(&mut self, Done { caller, weight }: Done) -> Option<Box<Envelope>> {
        self.taken.subtract(weight);
        let waiting = self.waiting.get_mut(&caller)?;
        let Some(next) = waiting.queue.pop_front() else {
            self.waiting.remove(&caller);
            return None;
        };
        waiting.load.subtract(next.weight());
        Some(next)
    }

    /// Begins to handle a request. `Some` if that was all; otherwise what its caller sends waits from now on.
    fn work(&mut self, envelope: Box<Envelope>) -> Option<Done> {
        let source = envelope.source().clone();
        match M::WORKS {
            Works::InRunner if envelope.content.body.len() <= READ_HERE_BYTES_MAX => {
                let request = read::<M>(&self.kernel, &envelope);
                let is_brief = request.as_ref().is_ok_and(|request| {
                    let asked = AssertUnwindSafe(|| self.module.is_brief(request, envelope.blob.as_ref()));
                    std::panic::catch_unwind(asked).unwrap_or(false)
                });
                let mut work = self.handling(envelope, Some(request));
                if !is_brief {
                    drop(self.working.spawn(work));
                } else if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    return Some(done);
                } else {
                    // It is polled again at once, and leaves its own waker.
                    self.here.push(work);
                }
            }
            Works::InTasks | Works::InRunner => drop(self.working.spawn(self.handling(envelope, None))),
        }
        self.waiting.entry(source).or_default();
        None
    }

    /// All that is done about a request, which was read already or is read first.
    fn handling(
        &self,
        envelope: Box<Envelope>,
        request: Option<Result<M::Request, Refusal>>,
    ) -> BoxFuture<'static, Done> {
        let (kernel, process, module) = (self.kernel.clone(), Arc::clone(&self.process), Arc::clone(&self.module));
        let counters = Arc::clone(&self.counters);
        Box::pin(async move {
            let done = Done { caller: envelope.source().clone(), weight: envelope.weight() };
            let caller = Caller::new(kernel, process, &envelope);
            let in_work = counters.begin();
            let request = request.unwrap_or_else(|| read::<M>(caller.kernel(), &envelope));
            // A panic in a module costs the one request that caused it.
            let served = serve(&*module, caller.clone(), request, envelope.blob);
            in_work.end(AssertUnwindSafe(served).catch_unwind().await.unwrap_or_else(|_| {
                let request = caller.public_id();
                tracing::error!(module = M::NAME, caller = %done.caller, %request, "the module panicked while it handled a request");
                caller.kernel().seen().events.emit(&ProcessId::system(M::NAME), Happening::Panicked);
                refuse(&*module, &caller, Refusal::Internal);
                Outcome::Failed
            }));
            done
        })
    }
}

/// Reads a request, unless the module must not see it.
fn read<M: RuntimeModule>(kernel: &Kernel, envelope: &Envelope) -> Result<M::Request, Refusal> {
    if envelope.source().node() != kernel.node() {
        return Err(Refusal::Foreign);
    }
    serde_json::from_slice(&envelope.content.body).map_err(|error| Refusal::Malformed(error.to_string()))
}

async fn serve<M: RuntimeModule>(
    module: &M,
    caller: Caller,
    request: Result<M::Request, Refusal>,
    blob: Option<Blob>,
) -> Outcome {
    let request = match request {
        Ok(request) => request,
        Err(refusal) => {
            refuse(module, &caller, refusal);
            return Outcome::Failed;
        }
    };
    let replier = caller.replier();
    match module.handle(caller, request, blob).await {
        Answer::Reply(response) => replier.send(json(&response), None),
        Answer::ReplyWithBlob(response, blob) => replier.send(json(&response), Some(blob)),
        Answer::ReplyBecause(response, failure) => {
            replier.send_because(json(&response), &failure);
            return Outcome::Failed;
        }
        Answer::Later => {}
    }
    Outcome::Handled
}

/// Runs the module's own code outside of what [`serve`]'s caller guards, so a panic in there is caught here: it must
/// not cost the caller its turn, nor the module its runner.
fn refuse<M: RuntimeModule>(module: &M, caller: &Caller, refusal: Refusal) {
    let failure = wharf_types::Failure::new(&refusal);
    let body = std::panic::catch_unwind(AssertUnwindSafe(|| module.refuse(refusal).map(|response| json(&response))));
    match body {
        Ok(Some(body)) => caller.replier().send_because(body, &failure),
        Ok(None) => {}
        Err(_) => tracing::error!(module = M::NAME, "the module panicked while it refused a request"),
    }
}

/// The types of responses have no maps with other keys than strings, which is all that can fail here.
fn json<R: serde::Serialize>(response: &R) -> Vec<u8> {
    serde_json::to_vec(response).unwrap_or_default()
}
