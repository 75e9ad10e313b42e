//! What it costs to find out whether a request may be sent: a kernel in this process, two guests of native code, and
//! the very question that each request asks first.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use wharf_kernel::capability::Authority;
use wharf_kernel::envelope::{Payload, WrittenAddress};
use wharf_kernel::launcher::{ComponentHash, Exit, Launcher, PrepareError, Prepared};
use wharf_kernel::lifecycle::NewProcess;
use wharf_kernel::module::Access;
use wharf_kernel::persistence::{Change, Persistence, SetStateError, StateRoom, StoreError, Stored};
use wharf_kernel::session::Session;
use wharf_kernel::{Kernel, Limits, Parts};
use wharf_types::{Address, Capability, NodeName, OnExit, PackageId, ProcessId};

use super::Bench;
use crate::compare::Sides;
use crate::report::{Findings, Row, Unit};

/// Capabilities of the guest besides the one that counts.
const OTHERS: usize = 1_000;
const QUESTIONS: usize = 2_000_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let questions = bench.effort.of(QUESTIONS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut session, target) = runtime.block_on(holder())?;
    let ask = || {
        let start = Instant::now();
        for _ in 0..questions {
            ensure!(std::hint::black_box(session.may_send_to(std::hint::black_box(&target))), "it may not");
        }
        Ok(start.elapsed().as_nanos() as f64 / questions as f64)
    };
    let sides = Sides { wharf: Box::new(ask), native: None, erlang: None };
    let ns = sides.compare(bench.effort.rounds, |ns| *ns)?;
    let row = Row::new("capability-check", "capability check of a request", Unit::Nanoseconds, ns);
    let note = "capability check: finding the target and that one may send to it, as each request does; the sender \
                holds 1,000 other capabilities";
    Ok(Findings { rows: vec![row], notes: vec![note.to_owned()] })
}

/// A guest that holds the capability to message another, which is not public.
async fn holder() -> Result<(Session, Arc<WrittenAddress>)> {
    let node = NodeName::new("bench.os")?;
    let launcher = Arc::new(Handing::default());
    let kernel = Kernel::new(Parts {
        node: node.clone(),
        authority: Authority::from_seed(&[7; Authority::SEED_BYTES])?,
        limits: Limits::default().into(),
        persistence: Arc::new(Forgetful),
        launcher: Arc::clone(&launcher) as Arc<dyn Launcher>,
        stop: CancellationToken::new(),
    });
    let target = ProcessId::new("target", "bench", "wharf.os")?;
    let sender = ProcessId::new("sender", "bench", "wharf.os")?;
    for id in [&target, &sender] {
        let new = NewProcess::installed(id.clone(), String::new(), None, OnExit::None, Access::Capability);
        kernel.initialize(new, Payload::default(), Vec::new(), None).await?;
    }
    let target = Address::new(node, target);
    let others = (0..OTHERS).map(|n| Capability::new(target.clone(), n.to_string()));
    let messaging = Capability::messaging(target.clone());
    kernel.grant(&sender, others.chain([messaging]).collect()).await?;
    let (given, session) = oneshot::channel();
    *launcher.next.lock().map_err(|_| anyhow::anyhow!("a guest panicked"))? = Some(given);
    kernel.run(&sender);
    Ok((session.await.context("waiting for the guest")?, Arc::new(WrittenAddress::from(&target))))
}

/// Hands the session of the next guest over instead of running anything.
#[derive(Default)]
struct Handing {
    next: Arc<Mutex<Option<oneshot::Sender<Session>>>>,
}

impl Launcher for Handing {
    fn prepare(&self, _: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        let prepared: Arc<dyn Prepared> = Arc::new(Self { next: Arc::clone(&self.next) });
        std::future::ready(Ok(prepared)).boxed()
    }
}

impl Prepared for Handing {
    fn hash(&self) -> ComponentHash {
        ComponentHash([0; 32])
    }

    fn run(self: Arc<Self>, session: Session) -> BoxFuture<'static, Exit> {
        if let Some(waiting) = self.next.lock().ok().and_then(|mut next| next.take()) {
            // Whoever waits for it holds on to it for longer than this.
            drop(waiting.send(session));
        }
        std::future::pending().boxed()
    }
}

/// A store that keeps nothing.
struct Forgetful;

impl Persistence for Forgetful {
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        std::future::ready(Ok(Stored::default())).boxed()
    }

    fn apply(&self, _: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn get_state(&self, _: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        std::future::ready(Ok(None)).boxed()
    }

    fn set_state_within(&self, _: ProcessId, _: Payload, _: StateRoom) -> BoxFuture<'_, Result<(), SetStateError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn clear_state(&self, _: ProcessId) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn clear_states(&self, _: PackageId) -> BoxFuture<'_, Result<(), StoreError>> {
        std::future::ready(Ok(())).boxed()
    }
}
