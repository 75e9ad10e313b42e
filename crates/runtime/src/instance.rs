//! One life of a process: instantiated, `init` called, ended.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, Result, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wharf_bindings as wit;
use wharf_kernel::Limit;
use wharf_kernel::envelope::ReplyPath;
use wharf_kernel::launcher::{Crash, Exit};
use wharf_kernel::meter::Meter;
use wharf_kernel::session::Session;

use crate::bounds::{Bounds, Grant};
use crate::components::{Host, ReadyComponent};
use crate::ending::{self, Growth, Stage};
use crate::engine::RuntimeSettings;
use crate::files::{GuestFiles, View};
use crate::lanes::LifeFuture;
use crate::output::Tail;
use crate::turn::{CameBack, Turn};

/// Pollables, streams and the like that a guest may have at the same time.
const RESOURCES_MAX: usize = 16_384;

/// What the host knows of one guest while it lives.
pub(crate) struct Guest {
    pub(crate) session: Session,
    wasi: WasiCtx,
    resources: ResourceTable,
    files: GuestFiles,
    bounds: Bounds,
    /// Shows the owner what `bounds` count.
    meter: Meter,
    /// The sender of the last message, as guests know it: most messages come from where the one before came from.
    pub(crate) last_source: Option<(ReplyPath, Arc<wit::Address>)>,
    /// The turn in which it was last refused memory or table elements.
    refused_in: Option<u32>,
    turn: Arc<Turn>,
    /// Its session's turn at the last tick.
    seen_turn: u32,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl Guest {
    fn new(session: Session, host: &Host, settings: &RuntimeSettings, written: &Tail, turn: Arc<Turn>) -> Self {
        let bounds = Bounds::new(settings);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES_MAX);
        let files = Arc::clone(&host.files);
        let files = GuestFiles::new(files, &session.our().process().package_id(), settings, Arc::clone(&turn));
        // No arguments, no network, no files of the host: what a guest gets, it gets by messages, and in its drives.
        let mut wasi = WasiCtx::builder();
        wasi.stdout(written.clone())
            .stderr(written.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Some((name, value)) = files.environment() {
            wasi.env(name, value);
        }
        Self {
            seen_turn: session.turn(),
            meter: session.meter(),
            session,
            wasi: wasi.build(),
            resources,
            files,
            bounds,
            refused_in: None,
            turn,
            last_source: None,
        }
    }
}

impl Guest {
    /// What the functions of `wasi:filesystem` work on.
    pub(crate) fn files(&mut self) -> View<'_> {
        View::new(&mut self.files, &mut self.resources, &mut self.session)
    }
}

impl ResourceLimiter for Guest {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let granted = self.bounds.memory_bytes.grow(current, desired);
        self.meter.memory_bytes(self.bounds.memory_bytes.used() as u64);
        self.note(granted, Limit::MemoryBytes);
        Ok(granted == Grant::Granted)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> Result<()> {
        self.refused_in = Some(self.session.turn());
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let granted = self.bounds.table_elements.grow(current, desired);
        self.note(granted, Limit::TableElements);
        Ok(granted == Grant::Granted)
    }
}

impl Guest {
    fn note(&mut self, granted: Grant, limit: Limit) {
        if granted == Grant::Refused {
            self.session.hit(limit);
            self.refused_in = Some(self.session.turn());
        }
    }

    fn growth(&self) -> Growth {
        if self.refused_in == Some(self.session.turn()) { Growth::Refused } else { Growth::Fine }
    }

    /// A tick passed while it ran.
    fn ticked(&mut self) -> Result<UpdateDeadline> {
        let turn = self.session.turn();
        let came_back = if turn == self.seen_turn { CameBack::No } else { CameBack::Yes };
        self.seen_turn = turn;
        self.turn.ticked(came_back).map_err(|out_of_cpu| {
            self.session.hit(Limit::CpuBurst);
            wasmtime::Error::new(out_of_cpu)
        })
    }
}

/// One life of a process. Dropping the future ends the guest wherever it is, at the latest when its tick is over.
pub(crate) fn live(component: Arc<ReadyComponent>, session: Session) -> LifeFuture {
    let host = Arc::clone(&component.host);
    let settings = host.settings_of(session.our().process());
    let turn = Arc::new(Turn::new(Arc::clone(&host.ticks), Arc::clone(session.cpu()), settings.cpu_burst_ms_max));
    let life = init(component, settings, session, Arc::clone(&turn));
    LifeFuture::new(Box::pin(life), turn, Arc::clone(&host.lanes))
}

/// Instantiates the component and calls `init`.
async fn init(
    component: Arc<ReadyComponent>,
    settings: Arc<RuntimeSettings>,
    session: Session,
    turn: Arc<Turn>,
) -> Exit {
    let our = session.our().to_string();
    let written = Tail::new(settings.stderr_bytes_max);
    let mut store = Store::new(&component.host.engine, Guest::new(session, &component.host, &settings, &written, turn));
    store.limiter(|guest| guest);
    store.set_hostcall_fuel(settings.host_call_bytes_max);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|mut store| store.data_mut().ticked());
    let instance = match component.pre.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) => return ending::of(&error, Stage::Starting, store.data().growth(), &written),
    };
    let init = match instance.get_typed_func::<(&str,), ()>(&mut store, component.init) {
        Ok(init) => init,
        Err(error) => {
            return Exit::FailedToStart(Crash::new(format!("`init` is not `func(our: string)`: {error:#}")));
        }
    };
    match init.call_async(&mut store, (&our,)).await {
        Ok(()) => Exit::Returned,
        Err(error) => {
            let guest = store.data();
            if ending::is_host_call_too_large(&error) {
                guest.session.hit(Limit::HostCallBytes);
            }
            ending::of(&error, Stage::Running, guest.growth(), &written)
        }
    }
}
