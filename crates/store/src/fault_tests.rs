//! A disk that fails at any one moment: what was acknowledged is kept, what failed is not in use, the node goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wharf_kernel::capability::Authority;
use wharf_kernel::envelope::Payload;
use wharf_kernel::launcher::{ComponentHash, Exit, Launcher, PrepareError, Prepared};
use wharf_kernel::lifecycle::{NewProcess, Revocation};
use wharf_kernel::module::Access;
use wharf_kernel::persistence::Persistence;
use wharf_kernel::session::Session;
use wharf_kernel::{Kernel, Limits, Parts};
use wharf_types::{Capability, OnExit};

use crate::KernelStore;
use crate::database::Database;
use crate::task::Kind;
use crate::tests::id;

/// Processes that wait for ever.
struct Idle;

impl Launcher for Idle {
    fn prepare(&self, _component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        async { Ok(Arc::new(Self) as Arc<dyn Prepared>) }.boxed()
    }
}

impl Prepared for Idle {
    fn hash(&self) -> ComponentHash {
        ComponentHash([1; 32])
    }

    fn run(self: Arc<Self>, _session: Session) -> BoxFuture<'static, Exit> {
        std::future::pending().boxed()
    }
}

fn kernel(store: &Arc<KernelStore>) -> Kernel {
    Kernel::new(Parts {
        node: "a.os".parse().unwrap(),
        authority: Authority::from_seed(&[1; 32]).unwrap(),
        limits: Limits::default().into(),
        persistence: Arc::<KernelStore>::clone(store),
        launcher: Arc::new(Idle),
        stop: Default::default(),
    })
}

fn capability(params: &str) -> Capability {
    Capability::new("a.os@vfs:distro:sys".parse().unwrap(), params)
}

fn new_process(name: &str) -> NewProcess {
    NewProcess::installed(id(name), "/p:u/pkg/p.wasm".to_owned(), Some(1), OnExit::Restart, Access::Capability)
}

/// One thing that a node is asked to do. It is asked until it works, as a person would.
#[derive(Clone, Copy, Debug)]
enum Step {
    Create(&'static str),
    Grant(&'static str, &'static str),
    Drop(&'static str, &'static str),
    SetOnExit(&'static str),
    SetState(&'static str, u8),
    Kill(&'static str),
}

const STEPS: [Step; 11] = [
    Step::Create("a:p:u"),
    Step::Grant("a:p:u", "1"),
    Step::Create("b:p:u"),
    Step::Grant("b:p:u", "1"),
    Step::SetState("a:p:u", 1),
    Step::Drop("a:p:u", "1"),
    Step::Grant("a:p:u", "2"),
    Step::SetOnExit("a:p:u"),
    Step::SetState("a:p:u", 2),
    Step::Kill("b:p:u"),
    Step::Grant("a:p:u", "3"),
];

struct World {
    store: Arc<KernelStore>,
    kernel: Kernel,
}

impl World {
    /// Whether it was acknowledged.
    async fn take(&self, step: Step) -> bool {
        let kernel = &self.kernel;
        match step {
            Step::Create(name) => {
                kernel.initialize(new_process(name), Arc::new(Vec::new()), Vec::new(), None).await.is_ok()
            }
            Step::Grant(name, params) => kernel.grant(&id(name), vec![capability(params)]).await.is_ok(),
            Step::Drop(name, params) => kernel.drop_capabilities(&id(name), &[capability(params)]).await.is_ok(),
            Step::SetOnExit(name) => kernel.set_on_exit(&id(name), OnExit::None).await.is_ok(),
            Step::SetState(name, value) => self.store.set_state(id(name), Arc::new(vec![value])).await.is_ok(),
            Step::Kill(name) => kernel.kill(&id(name), Revocation::Revoke).await.is_ok(),
        }
    }

    /// What was not acknowledged must not be usable: a process, a capability.
    fn check_refused(&self, step: Step) {
        match step {
            Step::Create(name) => assert!(!self.kernel.is_alive(&id(name)), "{step:?}"),
            Step::Grant(name, params) => assert!(!self.kernel.holds(&id(name), &capability(params)), "{step:?}"),
            Step::Drop(..) | Step::SetOnExit(_) | Step::SetState(..) | Step::Kill(_) => {}
        }
    }

    async fn on_thread<T: Send + 'static>(&self, work: impl Fn(&Database) -> T + Send + 'static) -> T {
        self.store.queue.call(Kind::Read, "a test".into(), 0, move |database| Ok(work(database))).await.unwrap()
    }
}

/// What a boot finds after all steps.
async fn check_stored(store: &KernelStore, fault: u64) {
    let stored = store.load().await.unwrap();
    let processes: Vec<_> = stored.processes.iter().map(|process| process.id.to_string()).collect();
    assert_eq!(processes, ["a:p:u"], "fault {fault}");
    assert!(stored.processes.iter().all(|process| matches!(process.on_exit, OnExit::None)), "fault {fault}");
    let held: Vec<_> = stored.capabilities.iter().map(|held| held.capability.capability().params.clone()).collect();
    assert_eq!(held, ["\"messaging\"", "2", "3"], "fault {fault}");
    assert_eq!(store.get_state(id("a:p:u")).await.unwrap().unwrap(), [2], "fault {fault}");
}

#[tokio::test]
async fn whatever_fails_once_is_not_acknowledged_and_works_when_it_is_tried_again() {
    for fault in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel.db");
        let store = Arc::new(KernelStore::open(&path).unwrap());
        let world = World { kernel: kernel(&store), store };
        world.on_thread(move |database| database.faults.fail_after(fault)).await;
        for step in STEPS {
            if !world.take(step).await {
                world.check_refused(step);
                assert!(world.take(step).await, "{step:?} failed again after fault {fault}");
            }
        }
        let has_failed = world.on_thread(|database| database.faults.lift()).await;
        assert!(!world.kernel.is_alive(&id("b:p:u")) && !world.kernel.holds(&id("a:p:u"), &capability("1")));
        world.kernel.shut_down().await;
        world.store.close().await;
        check_stored(&KernelStore::open(&path).unwrap(), fault).await;
        if !has_failed {
            assert!(fault > 4 * STEPS.len() as u64 - 1, "only {fault} places can fail");
            return;
        }
    }
}
