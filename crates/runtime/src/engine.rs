//! The node's wasmtime engine and the bounds of what runs on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use wasmtime::{Cache, CacheConfig, Config, Engine, EngineWeak};

use crate::turn::Ticks;

/// How often guests are interrupted. A guest that computes yields this often, and ends this soon when it was killed.
pub const TICK: Duration = Duration::from_millis(10);

/// Addresses set aside for a guest's memory. It may grow beyond: it is moved then.
const MEMORY_RESERVATION_BYTES: u64 = 64 << 20;
/// Stack of a guest together with the host functions it calls. Memory is taken only for what was used of it.
const ASYNC_STACK_BYTES: usize = 768 << 10;
/// The part of it that the guest itself may use. An interpreter's calls are the guest's calls: Python stops its programs at a
/// depth of 1,000, and freeing what they were doing there takes more than 128 KiB.
pub(crate) const WASM_STACK_BYTES: usize = 512 << 10;

/// Bounds of guests, and where compiled code is kept. In `wharf.toml` the bounds are the table `[runtime]`, and
/// `[packages."<package>:<publisher>".runtime]` has others for the guests of one package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeSettings {
    /// Folder for compiled code; may be deleted whenever the node does not run. `None` keeps nothing.
    #[serde(skip)]
    pub cache: Option<PathBuf>,
    /// Most bytes of linear memory of one process, over all its memories.
    pub memory_bytes_max: usize,
    /// Most elements in the tables of one process.
    pub table_elements_max: usize,
    /// Most bytes a guest may make the host allocate in one call.
    pub host_call_bytes_max: usize,
    /// Milliseconds a guest may compute without coming back to wait for a message; 0 is for ever. Beyond, it is ended.
    pub cpu_burst_ms_max: u64,
    /// Components compiled at the same time.
    pub compilations_max: usize,
    /// Bytes of a guest's stderr that are kept.
    pub stderr_bytes_max: usize,
    /// Files that one process has open at the same time, through WASI.
    pub open_files_max: usize,
    /// Files that all processes have open.
    pub node_open_files_max: usize,
    /// Threads on which processes use the disk through WASI.
    pub file_threads_max: usize,
    /// Instances of one process that handles HTTP: requests that it handles at the same time.
    pub http_instances_max: usize,
    /// Requests that one instance handles, one after the other. With 1, each has a fresh one.
    pub http_instance_requests_max: u64,
    /// Seconds after which an instance that has nothing to do is ended. One always stays.
    pub http_idle_s: u64,
    /// Requests of one process that wait for an instance.
    pub http_waiting_max: usize,
    /// Bytes of bodies that the instances of one process wrote and nobody took yet.
    pub http_buffered_bytes_max: usize,
}

impl Default for RuntimeSettings {
    fn default() -> Self {
        Self {
            cache: None,
            memory_bytes_max: 512 << 20,
            table_elements_max: 1 << 20,
            // One body and one blob of the largest size, with some room for the rest of the call.
            host_call_bytes_max: (16 << 20) + (256 << 20) + (1 << 20),
            cpu_burst_ms_max: 0,
            compilations_max: 2,
            stderr_bytes_max: 8 << 10,
            open_files_max: 256,
            node_open_files_max: 512,
            file_threads_max: 8,
            http_instances_max: 32,
            http_instance_requests_max: 1_000,
            http_idle_s: 30,
            http_waiting_max: 512,
            http_buffered_bytes_max: 256 << 20,
        }
    }
}

impl RuntimeSettings {
    /// Those that hold for the node as a whole, so that a package cannot have others.
    pub const NODE_WIDE: &[&str] = &["compilations_max", "node_open_files_max", "file_threads_max"];
}

/// The runtime cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// Wasmtime refuses the settings or the machine.
    #[error("setting up the WebAssembly engine: {0}")]
    Engine(String),
    /// The folder for compiled code is not usable.
    #[error("using {path} for compiled code: {reason}")]
    Cache {
        /// Which folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No thread could be started.
    #[error("starting the threads that run and interrupt guests: {0}")]
    Thread(#[from] std::io::Error),
}

/// Makes the engine and starts its ticks, which end with it.
pub(crate) fn start(settings: &RuntimeSettings) -> Result<(Engine, Arc<Ticks>), RuntimeError> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_reservation_for_growth(MEMORY_RESERVATION_BYTES)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES);
    if let Some(path) = &settings.cache {
        let unusable = |reason: String| RuntimeError::Cache { path: path.clone(), reason };
        let mut cache = CacheConfig::new();
        cache.with_directory(path.clone());
        config.cache(Some(Cache::new(cache).map_err(|error| unusable(format!("{error:#}")))?));
    }
    let engine = Engine::new(&config).map_err(|error| RuntimeError::Engine(format!("{error:#}")))?;
    let ticks = Arc::<Ticks>::default();
    let (ticking, counted) = (engine.weak(), Arc::clone(&ticks));
    std::thread::Builder::new().name("wharf-ticks".to_owned()).spawn(move || tick(&ticking, &counted))?;
    Ok((engine, ticks))
}

/// An operating-system thread: guests that compute could keep every async worker from running a timer.
fn tick(engine: &EngineWeak, ticks: &Ticks) {
    loop {
        std::thread::sleep(TICK);
        match engine.upgrade() {
            Some(engine) => {
                // Counted first: whoever is interrupted by this tick has to see it.
                ticks.advance();
                engine.increment_epoch();
            }
            None => return,
        }
    }
}
