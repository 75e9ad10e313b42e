//! One life of a process that is a guest: instantiated, `init` called, ended.

use std::sync::Arc;

use wharf_bindings as wit;
use wharf_kernel::Limit;
use wharf_kernel::envelope::ReplyPath;
use wharf_kernel::launcher::{Crash, Exit};
use wharf_kernel::session::Session;

use crate::bounds::Sums;
use crate::components::ReadyProcess;
use crate::ending::{self, Stage};
use crate::engine::RuntimeSettings;
use crate::guest::{Guest, Start, World};
use crate::lanes::LifeFuture;
use crate::output::Tail;
use crate::turn::Turn;

/// The world of `kinode:process`.
pub(crate) struct Process {
    pub(crate) session: Session,
    /// The sender of the last message, as guests know it: most messages come from where the one before came from.
    pub(crate) last_source: Option<(ReplyPath, Arc<wit::Address>)>,
}

impl World for Process {
    const RESOURCES_MAX: usize = 16_384;

    fn turn(&self) -> u32 {
        self.session.turn()
    }
}

/// One life of a process. Dropping the future ends the guest wherever it is, at the latest when its tick is over.
pub(crate) fn live(component: Arc<ReadyProcess>, session: Session) -> LifeFuture {
    let host = Arc::clone(&component.host);
    let settings = host.settings_of(session.our().process());
    let turn = Arc::new(Turn::new(Arc::clone(&host.ticks), Arc::clone(session.cpu()), settings.cpu_burst_ms_max));
    let life = init(component, settings, session, Arc::clone(&turn));
    LifeFuture::new(Box::pin(life), turn, Arc::clone(&host.lanes))
}

/// Instantiates the component and calls `init`.
async fn init(component: Arc<ReadyProcess>, settings: Arc<RuntimeSettings>, session: Session, turn: Arc<Turn>) -> Exit {
    let our = session.our().clone();
    let written = Tail::new(settings.stderr_bytes_max);
    let start = Start {
        process: our.process(),
        settings: &settings,
        sums: Arc::new(Sums::new(session.meter())),
        recorder: session.recorder(),
        turn,
        output: written.clone(),
    };
    let world = Process { session, last_source: None };
    let mut store = Guest::store(&component.host.engine, &component.host, start, world);
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
    match init.call_async(&mut store, (&our.to_string(),)).await {
        Ok(()) => Exit::Returned,
        Err(error) => {
            let guest = store.data();
            if ending::is_host_call_too_large(&error) {
                guest.hit(Limit::HostCallBytes);
            }
            ending::of(&error, Stage::Running, guest.growth(), &written)
        }
    }
}
