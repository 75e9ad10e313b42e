//! Components, made ready to start: compiled once per content, on few threads, and kept on disk as machine code.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dashmap::DashMap;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker, Type};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wharf_bindings::INIT;
use wharf_kernel::Book;
use wharf_kernel::envelope::Payload;
use wharf_kernel::launcher::{ComponentHash, Exit, Launcher, PrepareError, Prepared};
use wharf_kernel::session::Session;
use wharf_types::ProcessId;
use wharf_vfs::Vfs;

use crate::engine::{self, RuntimeError, RuntimeSettings};
use crate::files::Files;
use crate::guest::Guest;
use crate::handler::{self, Handler};
use crate::inspect::Entry;
use crate::instance::{self, Process};
use crate::lanes::{Lanes, Threads};
use crate::turn::Ticks;
use crate::{host, inspect};

/// Components that stay in memory although no process runs them, so that starting one again is quick.
const RECENT_MAX: usize = 32;
/// Slots of the table of components before those of forgotten ones are swept.
const SLOTS_BEFORE_SWEEP: usize = 256;

/// Whoever holds the lock compiles; others with the same bytes wait for the result.
type Slot = Arc<tokio::sync::Mutex<Weak<ReadyComponent>>>;

/// What every guest of the node runs on.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) ticks: Arc<Ticks>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) files: Arc<Files>,
    settings: Book<RuntimeSettings>,
}

impl Host {
    /// The bounds of a guest. Looked up when a life of it begins.
    pub(crate) fn settings_of(&self, process: &ProcessId) -> Arc<RuntimeSettings> {
        Arc::clone(self.settings.of_process(process))
    }
}

/// The node's runtime.
pub struct Runtime {
    host: Arc<Host>,
    linkers: Arc<Linkers>,
    slots: DashMap<[u8; blake3::OUT_LEN], Slot>,
    recent: Mutex<VecDeque<Arc<ReadyComponent>>>,
    compiling: Semaphore,
}

/// What the components of each kind may import.
struct Linkers {
    process: Linker<Guest<Process>>,
    handler: Linker<Guest<Handler>>,
}

/// A component that is linked: starting it only instantiates.
struct ReadyComponent {
    hash: ComponentHash,
    entry: ReadyEntry,
}

/// Where its lives begin.
enum ReadyEntry {
    Process(Arc<ReadyProcess>),
    Handler(Arc<ReadyHandler>),
}

/// A process.
pub(crate) struct ReadyProcess {
    pub(crate) host: Arc<Host>,
    pub(crate) pre: InstancePre<Guest<Process>>,
    pub(crate) init: ComponentExportIndex,
}

/// A handler of HTTP.
pub(crate) struct ReadyHandler {
    pub(crate) host: Arc<Host>,
    pub(crate) pre: ProxyPre<Guest<Handler>>,
}

impl Runtime {
    /// Sets up the engine, the threads that guests compute and use files on, and what guests may call. Their files are
    /// in `vfs`.
    pub fn new(settings: Book<RuntimeSettings>, vfs: Arc<Vfs>) -> Result<Self, RuntimeError> {
        let node = settings.node();
        let (engine, ticks) = engine::start(node)?;
        let lanes = Lanes::start(Threads {
            compute: std::thread::available_parallelism().map_or(1, usize::from),
            blocking: node.file_threads_max,
        })?;
        let linkers = linkers(&engine).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
        let compiling = Semaphore::new(node.compilations_max.clamp(1, Semaphore::MAX_PERMITS));
        let host = Host { engine, ticks, lanes: Arc::new(lanes), files: Arc::new(Files::new(vfs, node)), settings };
        Ok(Self {
            host: Arc::new(host),
            linkers: Arc::new(linkers),
            compiling,
            slots: DashMap::new(),
            recent: Mutex::default(),
        })
    }

    async fn ready(&self, bytes: Payload) -> Result<Arc<ReadyComponent>, PrepareError> {
        let hash = hash(&bytes).await?;
        let slot = self.slot(hash);
        let mut component = slot.lock().await;
        let ready = match component.upgrade() {
            Some(ready) => ready,
            None => {
                let ready = Arc::new(ReadyComponent { hash, entry: self.compile(bytes).await? });
                *component = Arc::downgrade(&ready);
                ready
            }
        };
        self.keep(&ready);
        Ok(ready)
    }

    fn slot(&self, ComponentHash(hash): ComponentHash) -> Slot {
        if self.slots.len() >= SLOTS_BEFORE_SWEEP {
            // Somebody who holds a slot is about to use it; a locked one is in use.
            self.slots.retain(|_, slot| {
                Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|component| component.strong_count() > 0)
            });
        }
        Arc::clone(self.slots.entry(hash).or_default().value())
    }

    async fn compile(&self, bytes: Payload) -> Result<ReadyEntry, PrepareError> {
        // The semaphore is never closed.
        let _permit = self.compiling.acquire().await;
        let (host, linkers) = (Arc::clone(&self.host), Arc::clone(&self.linkers));
        let compile = move || {
            let entry = inspect::check(&bytes).map_err(|error| PrepareError::Refused(error.to_string()))?;
            link(host, &linkers, &bytes, entry).map_err(|error| PrepareError::Refused(format!("{error:#}")))
        };
        tokio::task::spawn_blocking(compile)
            .await
            .map_err(|_| PrepareError::Internal("compiling the component failed inside the node".to_owned()))?
    }

    fn keep(&self, ready: &Arc<ReadyComponent>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|kept| !Arc::ptr_eq(kept, ready));
        recent.push_front(Arc::clone(ready));
        recent.truncate(RECENT_MAX);
    }
}

/// Small components are hashed in place: handing them to another thread costs more.
async fn hash(bytes: &Payload) -> Result<ComponentHash, PrepareError> {
    const IN_PLACE_BYTES_MAX: usize = 512 << 10;
    if bytes.len() <= IN_PLACE_BYTES_MAX {
        return Ok(ComponentHash(blake3::hash(bytes).into()));
    }
    let bytes = Arc::clone(bytes);
    tokio::task::spawn_blocking(move || ComponentHash(blake3::hash(&bytes).into()))
        .await
        .map_err(|_| PrepareError::Internal("hashing the component failed inside the node".to_owned()))
}

fn linkers(engine: &Engine) -> wasmtime::Result<Linkers> {
    Ok(Linkers { process: host::linker(engine)?, handler: host::handler_linker(engine)? })
}

fn link(host: Arc<Host>, linkers: &Linkers, bytes: &[u8], entry: Entry) -> wasmtime::Result<ReadyEntry> {
    let component = Component::new(&host.engine, bytes)?;
    if entry == Entry::HttpHandler {
        let pre = ProxyPre::new(linkers.handler.instantiate_pre(&component)?)?;
        return Ok(ReadyEntry::Handler(Arc::new(ReadyHandler { host, pre })));
    }
    let pre = linkers.process.instantiate_pre(&component)?;
    let init = match component.get_export(None, INIT) {
        Some((ComponentItem::ComponentFunc(func), index)) if takes_an_address(&func) => index,
        _ => return Err(wasmtime::Error::msg(format!("the component's `{INIT}` is not `func(our: string)`"))),
    };
    Ok(ReadyEntry::Process(Arc::new(ReadyProcess { host, pre, init })))
}

fn takes_an_address(func: &ComponentFunc) -> bool {
    let mut params = func.params();
    matches!(params.next(), Some((_, Type::String))) && params.next().is_none() && func.results().next().is_none()
}

impl Launcher for Runtime {
    fn prepare(&self, component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        Box::pin(async move {
            let ready: Arc<dyn Prepared> = self.ready(component).await?;
            Ok(ready)
        })
    }
}

impl Prepared for ReadyComponent {
    fn hash(&self) -> ComponentHash {
        self.hash
    }

    fn run(self: Arc<Self>, session: Session) -> BoxFuture<'static, Exit> {
        match &self.entry {
            ReadyEntry::Process(process) => Box::pin(instance::live(Arc::clone(process), session)),
            ReadyEntry::Handler(handler) => Box::pin(handler::live(Arc::clone(handler), session)),
        }
    }
}
