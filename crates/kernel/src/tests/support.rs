//! A node for tests: guests are Rust closures, and the store is in memory and fails on demand.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use wharf_types::{Address, Capability, CapabilityKey, NodeName, OnExit, PackageId, ProcessId};

use crate::capability::Authority;
use crate::envelope::{Blob, Content, Envelope, FailedRequest, Payload, Seconds, WrittenAddress};
use crate::launcher::{ComponentHash, ComponentSource, Exit, Launcher, PrepareError, Prepared};
use crate::lifecycle::{InitializeError, NewProcess};
use crate::module::{Access, Answer, Caller, Refusal, RuntimeModule};
use crate::persistence::{
    Change, Persistence, SetStateError, StateRoom, StoreError, Stored, StoredCapability, StoredProcess,
};
use crate::session::{AwaitError, Incoming, OutgoingRequest, OutgoingResponse, Session};
use crate::sync::Mutex;
use crate::{Book, Kernel, Limit, Limits, ModuleHandle, Parts};

type Script = Arc<dyn Fn(Session) -> BoxFuture<'static, Exit> + Send + Sync>;

/// Runs closures; the "component" is the name of one.
#[derive(Default)]
pub(super) struct Closures(Mutex<HashMap<Vec<u8>, Script>>);

struct Closure(Script, ComponentHash);

impl Launcher for Closures {
    fn prepare(&self, component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        let script = self.0.lock().unwrap().get(&*component).cloned();
        let mut hash = ComponentHash([0; 32]);
        hash.0.iter_mut().zip(&*component).for_each(|(byte, of_component)| *byte = *of_component);
        async move {
            let script = script.ok_or_else(|| PrepareError::Refused("the bytes are not WebAssembly".to_owned()))?;
            let prepared: Arc<dyn Prepared> = Arc::new(Closure(script, hash));
            Ok(prepared)
        }
        .boxed()
    }
}

impl Prepared for Closure {
    fn hash(&self) -> ComponentHash {
        self.1
    }

    fn run(self: Arc<Self>, session: Session) -> BoxFuture<'static, Exit> {
        (self.0)(session)
    }
}

/// A store in memory. What it holds is what a next boot would find.
pub(super) struct Memory {
    tables: Mutex<Tables>,
    full: AtomicBool,
    /// While this is `false`, nothing becomes durable.
    open: watch::Sender<bool>,
}

#[derive(Default)]
struct Tables {
    processes: BTreeMap<ProcessId, StoredProcess>,
    capabilities: BTreeMap<(ProcessId, CapabilityKey), StoredCapability>,
    states: BTreeMap<ProcessId, Vec<u8>>,
    calls: usize,
}

impl Memory {
    fn new() -> Self {
        Self { tables: Mutex::default(), full: AtomicBool::new(false), open: watch::Sender::new(true) }
    }

    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(super) fn has_process(&self, name: &str) -> bool {
        self.tables.lock().unwrap().processes.contains_key(&id(name))
    }

    pub(super) fn on_exit(&self, name: &str) -> Option<OnExit> {
        self.tables.lock().unwrap().processes.get(&id(name)).map(|process| process.on_exit.clone())
    }

    pub(super) fn has_capability(&self, holder: &str, capability: &Capability) -> bool {
        let key = (id(holder), capability.key().unwrap());
        self.tables.lock().unwrap().capabilities.contains_key(&key)
    }

    /// As if an older version had written it.
    pub(super) fn forget_components(&self) {
        self.tables.lock().unwrap().processes.values_mut().for_each(|process| process.component = None);
    }

    pub(super) fn component_of(&self, process: &str) -> Option<ComponentHash> {
        self.tables.lock().unwrap().processes.get(&id(process))?.component
    }

    pub(super) fn calls(&self) -> usize {
        self.tables.lock().unwrap().calls
    }

    fn check(&self, action: &str) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            return Err(StoreError { action: action.to_owned(), reason: "the disk is full".to_owned() });
        }
        Ok(())
    }
}

impl Tables {
    fn apply(&mut self, change: Change) {
        match change {
            Change::PutProcess(process) => {
                self.processes.insert(process.id.clone(), process);
            }
            Change::RemoveProcess(id) => {
                self.processes.remove(&id);
                self.capabilities.retain(|(holder, _), _| *holder != id);
            }
            Change::PutCapability(stored) => {
                self.capabilities.insert((stored.holder.clone(), stored.capability.key().clone()), stored);
            }
            Change::RemoveCapability { holder, key } => {
                self.capabilities.remove(&(holder, key));
            }
        }
    }
}

impl Persistence for Memory {
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        async {
            let tables = self.tables.lock().unwrap();
            Ok(Stored {
                processes: tables.processes.values().cloned().collect(),
                capabilities: tables.capabilities.values().cloned().collect(),
            })
        }
        .boxed()
    }

    fn apply(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            {
                let mut tables = self.tables.lock().unwrap();
                tables.calls += 1;
                self.check("applying changes")?;
                changes.into_iter().for_each(|change| tables.apply(change));
            }
            self.open.subscribe().wait_for(|open| *open).await.unwrap();
            Ok(())
        }
        .boxed()
    }

    fn get_state(&self, process: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        async move { Ok(self.tables.lock().unwrap().states.get(&process).cloned()) }.boxed()
    }

    fn set_state_within(
        &self,
        process: ProcessId,
        state: Payload,
        room: StateRoom,
    ) -> BoxFuture<'_, Result<(), SetStateError>> {
        async move {
            self.check("saving state")?;
            let states = &mut self.tables.lock().unwrap().states;
            let others = states.iter().filter(|(id, _)| **id != process && id.is_in(&process.package_id()));
            let (count, bytes) = others.fold((1, state.len()), |(n, sum), (_, bytes)| (n + 1, sum + bytes.len()));
            let full = |limit, max| Err(SetStateError::Full { process: process.clone(), limit, max });
            if count > room.states_max {
                return full(Limit::PackageStates, room.states_max);
            }
            if bytes > room.bytes_max {
                return full(Limit::PackageStateBytes, room.bytes_max);
            }
            states.insert(process, state.to_vec());
            Ok(())
        }
        .boxed()
    }

    fn clear_state(&self, process: ProcessId) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.tables.lock().unwrap().states.remove(&process);
            Ok(())
        }
        .boxed()
    }

    fn clear_states(&self, package: PackageId) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            self.tables.lock().unwrap().states.retain(|process, _| !process.is_in(&package));
            Ok(())
        }
        .boxed()
    }
}

/// A node with nothing on it.
pub(super) struct World {
    pub(super) kernel: Kernel,
    pub(super) store: Arc<Memory>,
    closures: Arc<Closures>,
}

/// A guest whose lives the test holds in its hands.
pub(super) struct Puppet {
    lives: mpsc::UnboundedReceiver<(Session, mpsc::UnboundedSender<Exit>)>,
}

impl Puppet {
    /// The next life, and what ends it.
    pub(super) async fn life(&mut self) -> (Session, mpsc::UnboundedSender<Exit>) {
        self.lives.recv().await.unwrap()
    }

    /// Whether no other life has begun.
    pub(super) fn life_is_over(&mut self) -> bool {
        self.lives.try_recv().is_err()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: impl Into<Book<Limits>>) -> Self {
        Self::on(limits, Arc::new(Memory::new()))
    }

    /// A node on what another one left in its store.
    pub(super) fn on(limits: impl Into<Book<Limits>>, store: Arc<Memory>) -> Self {
        let closures = Arc::new(Closures::default());
        let kernel = Kernel::new(Parts {
            node: NodeName::new("a.os").unwrap(),
            authority: Authority::from_seed(&[7; 32]).unwrap(),
            limits: limits.into(),
            persistence: Arc::clone(&store) as Arc<dyn Persistence>,
            launcher: Arc::clone(&closures) as Arc<dyn Launcher>,
            stop: CancellationToken::new(),
        });
        Self { kernel, store, closures }
    }

    /// Makes a component of that name.
    pub(super) fn script<F, R>(&self, name: &str, script: F)
    where
        F: Fn(Session) -> R + Send + Sync + 'static,
        R: Future<Output = Exit> + Send + 'static,
    {
        let script: Script = Arc::new(move |session| script(session).boxed());
        self.closures.0.lock().unwrap().insert(name.as_bytes().to_vec(), script);
    }

    /// Makes a component whose lives are handed to the test.
    pub(super) fn puppet(&self, name: &str) -> Puppet {
        let (to_test, lives) = mpsc::unbounded_channel();
        self.script(name, move |session| {
            let (end, mut ended) = mpsc::unbounded_channel();
            drop(to_test.send((session, end)));
            async move {
                match ended.recv().await {
                    Some(exit) => exit,
                    None => std::future::pending().await,
                }
            }
        });
        Puppet { lives }
    }

    pub(super) async fn create(&self, name: &str, access: Access, on_exit: OnExit) -> Result<(), InitializeError> {
        let new = NewProcess::installed(id(name), format!("/pkg:pub/pkg/{name}.wasm"), Some(1), on_exit, access);
        self.kernel.initialize(new, Arc::new(name.as_bytes().to_vec()), Vec::new(), None).await
    }

    pub(super) fn run(&self, name: &str) {
        assert!(matches!(self.kernel.run(&id(name)), wharf_types::kernel::KernelResponse::StartedProcess));
    }

    /// A process that everybody may message, in the hands of the test.
    pub(super) async fn public(&self, name: &str) -> Session {
        self.guest(name, Access::Public).await
    }

    /// A process that takes a capability to message.
    pub(super) async fn private(&self, name: &str) -> Session {
        self.guest(name, Access::Capability).await
    }

    async fn guest(&self, name: &str, access: Access) -> Session {
        let mut puppet = self.puppet(name);
        self.create(name, access, OnExit::None).await.unwrap();
        self.run(name);
        puppet.life().await.0
    }

    pub(super) async fn grant(&self, holder: &str, capability: Capability) {
        self.kernel.grant(&id(holder), vec![capability]).await.unwrap();
    }

    pub(super) fn holds(&self, holder: &str, capability: &Capability) -> bool {
        self.kernel.holds(&id(holder), capability)
    }

    /// Starts a module that answers each `Read` with the name that the path ends in: a vfs of components.
    pub(super) fn components(&self) -> ModuleHandle {
        self.kernel.start_module(Components)
    }
}

/// Components are named after the last part of their path; `missing` is not there until it is found.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) found: AtomicBool,
}

impl ComponentSource for Shelf {
    fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, std::io::Error>> {
        let name = handle.rsplit('/').next().unwrap_or_default().trim_end_matches(".wasm").as_bytes().to_vec();
        let is_missing = name == b"missing" && !self.found.load(Ordering::SeqCst);
        let found = if is_missing { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(name) };
        std::future::ready(found).boxed()
    }
}

struct Components;

impl RuntimeModule for Components {
    type Request = wharf_types::vfs::VfsRequest;
    type Response = wharf_types::vfs::VfsResponse;
    const NAME: &'static str = "vfs";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, _: Caller, request: Self::Request, _: Option<Blob>) -> Answer<Self::Response> {
        let name = request.path.rsplit('/').next().unwrap_or_default().as_bytes().to_vec();
        Answer::ReplyWithBlob(wharf_types::vfs::VfsResponse::Read, Blob::new(None, name))
    }

    fn refuse(&self, _: Refusal) -> Option<Self::Response> {
        None
    }
}

pub(super) fn id(name: &str) -> ProcessId {
    match name.contains(':') {
        true => name.parse().unwrap(),
        false => ProcessId::new(name, "pkg", "pub").unwrap(),
    }
}

pub(super) fn address(name: &str) -> Address {
    Address::new(NodeName::new("a.os").unwrap(), id(name))
}

pub(super) fn messaging(name: &str) -> Capability {
    Capability::messaging(address(name))
}

/// The address as guests usually write it.
pub(super) fn to(name: &str) -> Arc<WrittenAddress> {
    Arc::new(WrittenAddress { node: "our".into(), ..(&address(name)).into() })
}

pub(super) fn tell(body: &str) -> OutgoingRequest {
    OutgoingRequest { inherit: false, expects: None, body: payload(body), metadata: None, capabilities: Vec::new() }
}

pub(super) fn ask(body: &str, seconds: u64) -> OutgoingRequest {
    OutgoingRequest { expects: Some(Seconds(seconds)), ..tell(body) }
}

pub(super) fn inherit(request: OutgoingRequest) -> OutgoingRequest {
    OutgoingRequest { inherit: true, ..request }
}

pub(super) fn answer(body: &str) -> OutgoingResponse {
    OutgoingResponse { inherit: false, body: payload(body), metadata: None, capabilities: Vec::new() }
}

pub(super) fn payload(text: &str) -> Payload {
    Arc::new(text.as_bytes().to_vec())
}

pub(super) fn blob(text: &str) -> Option<Blob> {
    Some(Blob::new(None, text.as_bytes().to_vec()))
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(super) fn blob_text(blob: Option<&Blob>) -> Option<String> {
    blob.map(|blob| text(&blob.bytes))
}

pub(super) fn body(content: &Content) -> String {
    text(&content.body)
}

/// Receives a message: it, its body, and its context.
pub(super) async fn message(session: &mut Session) -> (Envelope, String, Option<String>) {
    match session.receive().await {
        Incoming::Message { envelope, context } => {
            let body = body(&envelope.content);
            (*envelope, body, context.map(|context| text(&context)))
        }
        Incoming::Failed { failure, .. } => panic!("{failure:?}"),
    }
}

/// Receives a message and gives its body.
pub(super) async fn receive(session: &mut Session) -> String {
    message(session).await.1
}

/// Receives a failure: it, and its context.
pub(super) async fn failure(session: &mut Session) -> (FailedRequest, Option<String>) {
    match session.receive().await {
        Incoming::Failed { failure, context } => (*failure, context.map(|context| text(&context))),
        Incoming::Message { envelope, .. } => panic!("{envelope:?}"),
    }
}

/// Nothing waits for the session now.
pub(super) fn is_idle(session: &mut Session) -> bool {
    session.receive().now_or_never().is_none()
}

/// The body of the response that was awaited.
pub(super) fn awaited(result: Result<Incoming, AwaitError>) -> String {
    match result {
        Ok(Incoming::Message { envelope, context }) => {
            assert!(context.is_none());
            body(&envelope.content)
        }
        other => panic!("{other:?}"),
    }
}

/// The failure of what was awaited.
pub(super) fn await_failed(result: Result<Incoming, AwaitError>) -> FailedRequest {
    match result {
        Err(AwaitError::Failed(failure)) => *failure,
        other => panic!("{other:?}"),
    }
}

/// Sends and expects that it is no misuse.
pub(super) async fn send(session: &mut Session, target: &str, request: OutgoingRequest) {
    session.send_request(to(target), request, None, None).await.unwrap();
}

/// Sends with a context.
pub(super) async fn send_with(session: &mut Session, target: &str, request: OutgoingRequest, context: &str) {
    session.send_request(to(target), request, Some(payload(context)), None).await.unwrap();
}

/// A capability that a process issues.
pub(super) fn own(name: &str, params: &str) -> Capability {
    Capability::new(address(name), params)
}

/// A message with capabilities.
pub(super) fn attach(capabilities: Vec<Capability>) -> OutgoingRequest {
    OutgoingRequest { capabilities, ..tell("with capabilities") }
}

/// Receives a message and gives the capabilities that came with it.
pub(super) async fn attached(session: &mut Session) -> Vec<Capability> {
    let (envelope, ..) = message(session).await;
    envelope.content.capabilities.iter().map(|holding| holding.capability().clone()).collect()
}
