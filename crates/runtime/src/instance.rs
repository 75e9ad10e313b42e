//! One life of a process: instantiated, `init` called, ended.

use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wharf_kernel::launcher::Exit;
use wharf_kernel::session::Session;

use crate::bounds::Bounds;
use crate::components::ReadyComponent;
use crate::engine::RuntimeSettings;
use crate::output::Tail;

/// Pollables, streams and the like that a guest may have at the same time.
const RESOURCES_MAX: usize = 16_384;
/// Frames of a guest's stack that are shown when it traps.
const FRAMES_MAX: usize = 12;

/// What the host knows of one guest while it lives.
pub(crate) struct Guest {
    pub(crate) session: Session,
    wasi: WasiCtx,
    resources: ResourceTable,
    bounds: Bounds,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl Guest {
    fn new(session: Session, settings: &RuntimeSettings, written: &Tail) -> Self {
        let bounds = Bounds::new(settings);
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(RESOURCES_MAX);
        // No arguments, no environment, no files, no network: what a guest gets, it gets by messages.
        let wasi = WasiCtx::builder()
            .stdout(written.clone())
            .stderr(written.clone())
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .build();
        Self { session, wasi, resources, bounds }
    }
}

/// Runs `init`. Dropping the future ends the guest wherever it is.
pub(crate) async fn live(component: &ReadyComponent, session: Session) -> Exit {
    let settings = &component.settings;
    let our = session.our().to_string();
    let written = Tail::new(settings.stderr_bytes_max);
    let mut store = Store::new(&component.engine, Guest::new(session, settings, &written));
    store.limiter(|guest| &mut guest.bounds);
    store.set_hostcall_fuel(settings.host_call_bytes_max);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(let_others_run()))));
    let instance = match component.pre.instantiate_async(&mut store).await {
        Ok(instance) => instance,
        Err(error) => return Exit::FailedToStart(explain(&error, &written)),
    };
    let init = match instance.get_typed_func::<(&str,), ()>(&mut store, component.init) {
        Ok(init) => init,
        Err(error) => return Exit::FailedToStart(format!("`init` is not `func(our: string)`: {error:#}")),
    };
    match init.call_async(&mut store, (&our,)).await {
        Ok(()) => Exit::Returned,
        Err(error) if error.downcast_ref::<I32Exit>().is_some_and(|exit| exit.0 == 0) => Exit::Returned,
        Err(error) => Exit::Trapped(explain(&error, &written)),
    }
}

/// Ends a guest's turn. Tokio takes it up again only after it has looked for input and output: with as many computing
/// guests as there are workers, everybody else would otherwise wait for that over dozens of turns.
async fn let_others_run() {
    tokio::task::yield_now().await;
}

/// The root cause, what the guest wrote last, and where it was.
fn explain(error: &wasmtime::Error, written: &Tail) -> String {
    let mut text = error.root_cause().to_string();
    let written = written.text();
    if !written.is_empty() {
        text.push_str("\nit wrote last:\n");
        text.push_str(&written);
    }
    if let Some(trace) = error.downcast_ref::<wasmtime::WasmBacktrace>() {
        text.push_str("\nit was in:");
        for frame in trace.frames().iter().take(FRAMES_MAX) {
            let name = frame.func_name().unwrap_or("?");
            text.push_str(&format!("\n  {:#}", wasmtime_demangle(name)));
        }
    }
    text
}

/// Names of Rust functions carry a hash that says nothing.
fn wasmtime_demangle(name: &str) -> &str {
    name.rsplit_once("::h").map_or(name, |(path, hash)| {
        if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) { path } else { name }
    })
}
