//! What the host knows of one instance of a component while it lives, whatever the instance is for.
//!
//! A [`Guest`] is the data of a wasmtime store. What all guests have is here: WASI, files, bounds, and the turn they take.
//! What differs is its [`World`]: a process has its session, an instance that handles HTTP has the ways of one request.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Result, Store, UpdateDeadline};
use wasmtime_wasi::p2::OutputStream;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wharf_kernel::Limit;
use wharf_kernel::recorder::Recorder;
use wharf_types::ProcessId;

use crate::bounds::{Bounds, Grant, Sums};
use crate::components::Host;
use crate::ending::Growth;
use crate::engine::RuntimeSettings;
use crate::files::{GuestFiles, View};
use crate::turn::{CameBack, Turn};

/// What a guest is there for.
pub(crate) trait World: Send + 'static {
    /// Pollables, streams and the like that a guest may have at the same time.
    const RESOURCES_MAX: usize;

    /// Changes whenever the guest comes back for something to do.
    fn turn(&self) -> u32;
}

/// What a guest begins with.
pub(crate) struct Start<'a, O> {
    pub(crate) process: &'a ProcessId,
    pub(crate) settings: &'a RuntimeSettings,
    /// Counted with those of the other guests of the same life.
    pub(crate) sums: Arc<Sums>,
    pub(crate) recorder: Recorder,
    pub(crate) turn: Arc<Turn>,
    /// Where stdout and stderr go.
    pub(crate) output: O,
}

/// See the module.
pub(crate) struct Guest<W> {
    pub(crate) world: W,
    wasi: WasiCtx,
    resources: ResourceTable,
    files: GuestFiles,
    bounds: Bounds,
    recorder: Recorder,
    /// The turn in which it was last refused memory or table elements.
    refused_in: Option<u32>,
    turn: Arc<Turn>,
    /// Its world's turn at the last tick.
    seen_turn: u32,
}

impl<W: World> WasiView for Guest<W> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl<W: World> Guest<W> {
    /// A store with a guest in it that is interrupted by ticks and held to its bounds.
    pub(crate) fn store<O>(engine: &Engine, host: &Host, start: Start<'_, O>, world: W) -> Store<Self>
    where
        O: OutputStream + wasmtime_wasi::cli::StdoutStream + Clone + 'static,
    {
        let host_call_bytes_max = start.settings.host_call_bytes_max;
        let mut store = Store::new(engine, Self::new(host, start, world));
        store.limiter(|guest| guest);
        store.set_hostcall_fuel(host_call_bytes_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| store.data_mut().ticked());
        store
    }

    fn new<O>(host: &Host, start: Start<'_, O>, world: W) -> Self
    where
        O: OutputStream + wasmtime_wasi::cli::StdoutStream + Clone + 'static,
    {
        let Start { process, settings, sums, recorder, turn, output } = start;
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(W::RESOURCES_MAX);
        let files = GuestFiles::new(Arc::clone(&host.files), &process.package_id(), settings, Arc::clone(&turn));
        // No arguments, no network, no files of the host: what a guest gets, it gets by messages, and in its drives.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone()).stderr(output).allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        if let Some((name, value)) = files.environment() {
            wasi.env(name, value);
        }
        Self {
            seen_turn: world.turn(),
            world,
            wasi: wasi.build(),
            resources,
            files,
            bounds: Bounds::new(settings, sums),
            recorder,
            refused_in: None,
            turn,
        }
    }

    /// What the functions of `wasi:filesystem` work on.
    pub(crate) fn files(&mut self) -> View<'_> {
        View::new(&mut self.files, &mut self.resources, &self.recorder)
    }

    /// Its world and its resources.
    pub(crate) fn parts(&mut self) -> (&mut W, &mut ResourceTable) {
        (&mut self.world, &mut self.resources)
    }

    /// Its process reached a limit.
    pub(crate) fn hit(&self, limit: Limit) {
        self.recorder.hit(limit);
    }

    /// Whether it was refused memory or table elements since it last came back for something to do.
    pub(crate) fn growth(&self) -> Growth {
        if self.refused_in == Some(self.world.turn()) { Growth::Refused } else { Growth::Fine }
    }

    fn note(&mut self, granted: Grant, limit: Limit) {
        if granted == Grant::Refused {
            self.hit(limit);
            self.refused_in = Some(self.world.turn());
        }
    }

    /// A tick passed while it ran.
    fn ticked(&mut self) -> Result<UpdateDeadline> {
        let turn = self.world.turn();
        let came_back = if turn == self.seen_turn { CameBack::No } else { CameBack::Yes };
        self.seen_turn = turn;
        self.turn.ticked(came_back).map_err(|out_of_cpu| {
            self.hit(Limit::CpuBurst);
            wasmtime::Error::new(out_of_cpu)
        })
    }
}

impl<W: World> ResourceLimiter for Guest<W> {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let granted = self.bounds.grow_memory(current, desired);
        self.note(granted, Limit::MemoryBytes);
        Ok(granted == Grant::Granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> Result<()> {
        self.refused_in = Some(self.world.turn());
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let granted = self.bounds.grow_table(current, desired);
        self.note(granted, Limit::TableElements);
        Ok(granted == Grant::Granted)
    }
}
