//! Router, mailboxes and the table under schedules that shuttle chooses: built with `--cfg shuttle` only, see
//! `scripts/test`.
//!
//! Each scenario runs some thousand times, half of them with threads switched at random, half with a few switches in
//! places that are rarely hit. Lives are sessions that a thread of the scenario runs; the supervisor's part is done by
//! hand, since it runs on tokio. Time stands still until a scenario lets it pass.
//!
//! A failure prints the seed; `SCHEDULE_SEED` runs the same schedules again.

mod authority;
mod messages;
mod restarts;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use shuttle::future::block_on;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread::{self, JoinHandle};
use tokio::runtime::Runtime;
use wharf_types::OnExit;

use super::support::{World, answer, body, id, text};
use crate::Limits;
use crate::launcher::Exit;
use crate::lifecycle::Revocation;
use crate::module::Access;
use crate::process::Process;
use crate::session::{Incoming, Session};

const ITERATIONS: usize = 2_000;
/// Switches in rare places, of those schedules that have few.
const DEPTH: usize = 4;
/// Signing needs more than shuttle gives.
const STACK_BYTES: usize = 1 << 20;

/// Runs a scenario under many schedules.
fn explore(scenario: impl Fn(Stage) + Send + Sync + 'static) {
    let seed = match std::env::var("SCHEDULE_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => RandomState::new().hash_one(0),
    };
    println!("SCHEDULE_SEED={seed}");
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    let scenario = Arc::new(move || {
        let stage = Stage::new();
        let runtime = Arc::clone(&stage.runtime);
        let _entered = runtime.enter();
        scenario(stage);
    });
    let random = Arc::clone(&scenario);
    shuttle::Runner::new(RandomScheduler::new_from_seed(seed, ITERATIONS), config.clone()).run(move || random());
    shuttle::Runner::new(PctScheduler::new_from_seed(seed, DEPTH, ITERATIONS), config).run(move || scenario());
}

/// A node, and the clock that its timers are on.
struct Stage {
    world: Arc<World>,
    runtime: Arc<Runtime>,
}

impl Stage {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        Self { world: Arc::new(World::new()), runtime: Arc::new(runtime) }
    }

    fn with(self, limits: Limits) -> Self {
        Self { world: Arc::new(World::with(limits)), ..self }
    }

    /// A process, and its first life.
    fn public(&self, name: &str) -> (Arc<Process>, Session) {
        self.create(name, Access::Public)
    }

    fn private(&self, name: &str) -> (Arc<Process>, Session) {
        self.create(name, Access::Capability)
    }

    fn create(&self, name: &str, access: Access) -> (Arc<Process>, Session) {
        self.world.script(name, |_| std::future::ready(Exit::Returned));
        block_on(self.world.create(name, access, OnExit::None)).unwrap();
        let process = self.world.kernel.find(&id(name)).unwrap();
        let session = Session::new(self.world.kernel.clone(), Arc::clone(&process));
        (process, session)
    }

    fn kill(&self, name: &'static str) -> JoinHandle<()> {
        let world = Arc::clone(&self.world);
        thread::spawn(move || assert!(block_on(world.kernel.kill(&id(name), Revocation::Revoke)).unwrap()))
    }

    /// Lets time pass, at some moment.
    fn pass(&self, time: Duration) -> JoinHandle<()> {
        let runtime = Arc::clone(&self.runtime);
        thread::spawn(move || runtime.block_on(tokio::time::sleep(time)))
    }

    /// What became of `count` requests, by what was given along with each: the response, or a failure. Nothing else
    /// happens any more, so time passes until there is something.
    fn outcomes(&self, session: &mut Session, count: usize) -> BTreeMap<String, Option<String>> {
        let mut outcomes = BTreeMap::new();
        self.runtime.block_on(async {
            for _ in 0..count {
                let (context, response) = match session.receive().await {
                    Incoming::Message { envelope, context } => (context, Some(body(&envelope.content))),
                    Incoming::Failed { context, .. } => (context, None),
                };
                assert!(outcomes.insert(text(&context.unwrap()), response).is_none(), "one outcome for each request");
            }
            assert!(session.receive().now_or_never().is_none());
        });
        outcomes
    }
}

/// What a process receives next; nothing when it is stopped, as a life ends then.
async fn receive(process: &Process, session: &mut Session) -> Option<Incoming> {
    tokio::select! {
        biased;
        () = process.stop.cancelled() => None,
        incoming = session.receive() => Some(incoming),
    }
}

/// A life that answers `x` with `re x` until it is stopped. What it was asked, in order.
fn serve(process: Arc<Process>, mut session: Session) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        block_on(async {
            let mut asked = Vec::new();
            while let Some(Incoming::Message { envelope, .. }) = receive(&process, &mut session).await {
                let text = body(&envelope.content);
                session.send_response(answer(&format!("re {text}")), None);
                asked.push(text);
            }
            asked
        })
    })
}

/// What `sender` asked was asked in its order, and once.
fn assert_in_order(sender: &str, asked: &[String]) {
    let of_sender: Vec<_> = asked.iter().filter(|text| text.starts_with(sender)).collect();
    assert!(of_sender.is_sorted() && of_sender.windows(2).all(|two| two[0] != two[1]), "{asked:?}");
}

/// Nothing is left of a process.
fn assert_gone(stage: &Stage, process: &Process) {
    assert!(stage.world.kernel.find(process.id()).is_none_or(|now| !std::ptr::eq(&*now, process)));
    let mailbox = process.mailbox();
    assert!(mailbox.is_closed() && mailbox.len() == 0);
}
