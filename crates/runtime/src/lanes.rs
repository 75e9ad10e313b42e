//! Lanes for guests that compute for long or use the disk, beside the workers that pass messages on.
//!
//! A guest that computes would take every turn of an async worker for a whole tick, and whoever sends messages would
//! wait behind it at each hop. So a guest that has been computing for some ticks is polled by threads of its own, one
//! for each CPU and of lower priority than the workers, one tick at a time and in turn with the others there. As soon
//! as it waits for something it goes back to its task.
//!
//! A guest that calls the file system blocks, which a worker may not. It goes to one of a bounded number of threads that
//! may, and stays there, a tick at a time, for as long as it goes on with files: a whole run of small reads and writes
//! costs one hop, and each of them a plain system call.
//!
//! ```text
//!           polled by a worker                       polled by a lane, a tick at a time
//!   waits <------------------> runs -- computes --> queue <-----> thread
//!     ^                             -- blocks ----> queue <-----> thread
//!     '-------------------- waits, ends, panics --------------------'
//! ```
//!
//! A task has at most one guest in a queue, so the queues are as bounded as the table of processes. Dropping the task's
//! future takes its guest out of the queue, or ends it when its tick is over.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use wharf_kernel::launcher::Exit;

use crate::turn::{Pause, Thread, Turn};

/// How far the threads stand back behind the workers when both have something to do, as the operating system's `nice`
/// value: they then get about a tenth of a CPU each, and all of it otherwise.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What comes back from a lane.
enum Back {
    /// The guest waits for something. It has to be polled again: no waker was left behind.
    Waits(BoxFuture<'static, Exit>),
    Ended(Exit),
    Panicked(Box<dyn Any + Send>),
}

/// A guest on a lane.
struct Work {
    id: u64,
    life: BoxFuture<'static, Exit>,
    turn: Arc<Turn>,
    runtime: Handle,
    back: oneshot::Sender<Back>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    closed: bool,
}

/// One kind of threads and their queue.
struct Shared {
    thread: Thread,
    state: Mutex<State>,
    more: Condvar,
}

impl Shared {
    /// Held for a push, a pop or a search only; never while a guest runs or is dropped.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Threads of one kind. They end when this is dropped.
struct Lane(Arc<Shared>);

impl Lane {
    fn start(thread: Thread, name: &str, threads: usize) -> std::io::Result<Self> {
        let lane = Self(Arc::new(Shared { thread, state: Mutex::default(), more: Condvar::default() }));
        for n in 0..threads.max(1) {
            let shared = Arc::clone(&lane.0);
            std::thread::Builder::new().name(format!("wharf-{name}-{n}")).spawn(move || serve(&shared))?;
        }
        Ok(lane)
    }

    fn push(&self, work: Work) {
        self.0.lock().queue.push_back(work);
        self.0.more.notify_one();
    }

    fn take_out(&self, id: u64) -> Option<Work> {
        let mut state = self.0.lock();
        let at = state.queue.iter().position(|work| work.id == id)?;
        state.queue.remove(at)
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.more.notify_all();
    }
}

/// How many threads there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads {
    /// For guests that compute.
    pub(crate) compute: usize,
    /// For guests that use the disk.
    pub(crate) blocking: usize,
}

/// All lanes.
pub(crate) struct Lanes {
    compute: Lane,
    blocking: Lane,
    next_id: AtomicU64,
}

impl Lanes {
    /// Starts the threads.
    pub(crate) fn start(threads: Threads) -> std::io::Result<Self> {
        Ok(Self {
            compute: Lane::start(Thread::Compute, "compute", threads.compute)?,
            blocking: Lane::start(Thread::Blocking, "files", threads.blocking)?,
            next_id: AtomicU64::new(0),
        })
    }

    fn lane(&self, kind: Kind) -> &Lane {
        match kind {
            Kind::Compute => &self.compute,
            Kind::Blocking => &self.blocking,
        }
    }

    fn push(&self, kind: Kind, life: BoxFuture<'static, Exit>, turn: Arc<Turn>) -> Place {
        let (back, receiver) = oneshot::channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.lane(kind).push(Work { id, life, turn, runtime: Handle::current(), back });
        Place::Away { kind, id, back: receiver }
    }
}

/// Which lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Compute,
    Blocking,
}

fn serve(shared: &Shared) {
    #[cfg(target_os = "linux")]
    // Linux keeps a priority for each thread. Where lowering it is not allowed, all have the same.
    if shared.thread == Thread::Compute && rustix::process::setpriority_process(None, NICE).is_err() {
        tracing::debug!("threads for computing guests have the priority of all others");
    }
    while let Some(work) = next(shared) {
        let _context = work.runtime.clone().enter();
        let left = catch_unwind(AssertUnwindSafe(|| run(shared, work)));
        if left.is_err() {
            tracing::error!("a guest that was ended panicked on its way out");
        }
    }
}

fn next(shared: &Shared) -> Option<Work> {
    let mut state = shared.lock();
    loop {
        if let Some(work) = state.queue.pop_front() {
            return Some(work);
        }
        if state.closed {
            return None;
        }
        state = shared.more.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Lets a guest run for a tick.
fn run(shared: &Shared, mut work: Work) {
    if work.back.is_closed() {
        return;
    }
    work.turn.begin(shared.thread);
    let mut context = Context::from_waker(Waker::noop());
    let back = match catch_unwind(AssertUnwindSafe(|| work.life.as_mut().poll(&mut context))) {
        Err(panic) => Back::Panicked(panic),
        Ok(Poll::Ready(exit)) => Back::Ended(exit),
        Ok(Poll::Pending) => {
            let stays = match (shared.thread, work.turn.end()) {
                (Thread::Compute, pause) => pause == Pause::Computes,
                (_, Pause::Ticked | Pause::Computes) => work.turn.take_has_blocked(),
                (_, Pause::Waits | Pause::Blocks) => false,
            };
            return if stays { again(shared, work) } else { give_back(work) };
        }
    };
    // If nobody waits for it any more, that is the end of it.
    drop(work.back.send(back));
}

fn give_back(work: Work) {
    drop(work.back.send(Back::Waits(work.life)));
}

/// Puts a guest at the end of the queue, unless its task is gone.
fn again(shared: &Shared, work: Work) {
    let mut state = shared.lock();
    // Whoever drops the task closes this end first and then looks into the queue, under the same lock.
    if !work.back.is_closed() {
        state.queue.push_back(work);
        drop(state);
        shared.more.notify_one();
    }
}

/// Where a guest is.
enum Place {
    /// With its task.
    Here(BoxFuture<'static, Exit>),
    /// On a lane.
    Away { kind: Kind, id: u64, back: oneshot::Receiver<Back> },
    /// It ended.
    Nowhere,
}

/// One life of a guest, as its task sees it. See the module.
pub(crate) struct LifeFuture {
    place: Place,
    turn: Arc<Turn>,
    lanes: Arc<Lanes>,
}

impl LifeFuture {
    /// Runs `life`, whose epoch callback reports to `turn`.
    pub(crate) fn new(life: BoxFuture<'static, Exit>, turn: Arc<Turn>, lanes: Arc<Lanes>) -> Self {
        Self { place: Place::Here(life), turn, lanes }
    }
}

impl Future for LifeFuture {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        let this = &mut *self;
        loop {
            match &mut this.place {
                Place::Here(life) => {
                    this.turn.begin(Thread::Worker);
                    let polled = life.as_mut().poll(cx);
                    let pause = this.turn.end();
                    if polled.is_ready() {
                        return polled;
                    }
                    let kind = match pause {
                        Pause::Waits => return Poll::Pending,
                        Pause::Ticked => {
                            // Others get their turn first.
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Pause::Computes => Kind::Compute,
                        Pause::Blocks => Kind::Blocking,
                    };
                    let Place::Here(life) = std::mem::replace(&mut this.place, Place::Nowhere) else { continue };
                    this.place = this.lanes.push(kind, life, Arc::clone(&this.turn));
                }
                Place::Away { back, .. } => {
                    let back = std::task::ready!(Pin::new(back).poll(cx));
                    this.place = Place::Nowhere;
                    match back {
                        Ok(Back::Waits(life)) => this.place = Place::Here(life),
                        Ok(Back::Ended(exit)) => return Poll::Ready(exit),
                        Ok(Back::Panicked(panic)) => std::panic::resume_unwind(panic),
                        Err(_) => {
                            return Poll::Ready(Exit::NodeFault("the thread that ran the guest ended".to_owned()));
                        }
                    }
                }
                Place::Nowhere => return Poll::Ready(Exit::NodeFault("an ended life was run again".to_owned())),
            }
        }
    }
}

impl Drop for LifeFuture {
    fn drop(&mut self) {
        if let Place::Away { kind, id, back } = &mut self.place {
            // A guest that is being polled now is dropped by its lane at the end of its tick.
            back.close();
            drop(self.lanes.lane(*kind).take_out(*id));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "what goes wrong in a test fails it")]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;
    use crate::turn::{CameBack, Ticks};

    fn threads(each: usize) -> Threads {
        Threads { compute: each, blocking: each }
    }

    /// A guest that computes, tick after tick, until it is told to do something else.
    struct Guest {
        turn: Arc<Turn>,
        ticks: Arc<Ticks>,
        threads: Arc<Mutex<Vec<String>>>,
        then: Arc<dyn Fn() -> Then + Send + Sync>,
        dropped: Arc<AtomicBool>,
    }

    enum Then {
        Compute,
        Block,
        Wait,
        End,
        Panic,
    }

    impl Future for Guest {
        type Output = Exit;
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
            self.threads.lock().unwrap().push(std::thread::current().name().unwrap_or_default().to_owned());
            match (self.then)() {
                Then::Compute => {
                    self.ticks.advance();
                    self.turn.ticked(CameBack::No).unwrap();
                    std::thread::sleep(Duration::from_micros(100));
                    Poll::Pending
                }
                Then::Block => {
                    if self.turn.may_block() {
                        self.turn.blocked();
                        self.ticks.advance();
                        self.turn.ticked(CameBack::No).unwrap();
                        return Poll::Pending;
                    }
                    let wanted = std::pin::pin!(self.turn.blocking_thread()).poll(cx);
                    assert!(wanted.is_pending());
                    Poll::Pending
                }
                Then::Wait => {
                    let waker = cx.waker().clone();
                    std::thread::spawn(move || waker.wake());
                    Poll::Pending
                }
                Then::End => Poll::Ready(Exit::Returned),
                Then::Panic => panic!("a bug"),
            }
        }
    }

    impl Drop for Guest {
        fn drop(&mut self) {
            self.dropped.store(true, Ordering::SeqCst);
        }
    }

    struct Fixture {
        life: Option<LifeFuture>,
        threads: Arc<Mutex<Vec<String>>>,
        dropped: Arc<AtomicBool>,
    }

    fn guest(lanes: &Arc<Lanes>, then: impl Fn() -> Then + Send + Sync + 'static) -> Fixture {
        let ticks = Arc::<Ticks>::default();
        let turn = Arc::new(Turn::new(Arc::clone(&ticks), Arc::default(), 0));
        let (threads, dropped) = (Arc::default(), Arc::default());
        let guest = Guest {
            turn: Arc::clone(&turn),
            ticks,
            threads: Arc::clone(&threads),
            then: Arc::new(then),
            dropped: Arc::clone(&dropped),
        };
        Fixture { life: Some(LifeFuture::new(Box::pin(guest), turn, Arc::clone(lanes))), threads, dropped }
    }

    fn steps(script: &'static str) -> impl Fn() -> Then + Send + Sync {
        let at = AtomicU64::new(0);
        move || match script.as_bytes().get(usize::try_from(at.fetch_add(1, Ordering::SeqCst)).unwrap()) {
            Some(b'c') => Then::Compute,
            Some(b'b') => Then::Block,
            Some(b'w') => Then::Wait,
            Some(b'p') => Then::Panic,
            _ => Then::End,
        }
    }

    #[tokio::test]
    async fn a_guest_computes_on_a_lane_and_waits_with_its_task() {
        let lanes = Arc::new(Lanes::start(threads(2)).unwrap());
        let mut fixture = guest(&lanes, steps("wccccww"));
        assert_eq!(fixture.life.take().unwrap().await, Exit::Returned);
        let threads = fixture.threads.lock().unwrap();
        let away: Vec<_> = threads.iter().map(|name| name.starts_with("wharf-compute-")).collect();
        // Its first waiting on the lane is what sends it back, where it is polled again.
        assert_eq!(away, [false, false, false, true, true, true, false, false], "{threads:?}");
    }

    #[tokio::test]
    async fn a_panic_on_a_lane_is_the_tasks_and_the_lane_goes_on() {
        let lanes = Arc::new(Lanes::start(threads(1)).unwrap());
        let life = guest(&lanes, steps("ccccp")).life.take().unwrap();
        assert!(tokio::spawn(life).await.unwrap_err().is_panic());
        assert_eq!(guest(&lanes, steps("cccc")).life.take().unwrap().await, Exit::Returned);
    }

    #[tokio::test]
    async fn guests_that_never_stop_take_turns_and_end_with_their_tasks() {
        let lanes = Arc::new(Lanes::start(threads(1)).unwrap());
        let mut spinners: Vec<_> = (0..5).map(|_| guest(&lanes, || Then::Compute)).collect();
        let tasks: Vec<_> = spinners.iter_mut().map(|fixture| tokio::spawn(fixture.life.take().unwrap())).collect();
        // Everyone gets on.
        for fixture in &spinners {
            while fixture.threads.lock().unwrap().len() < 10 {
                tokio::task::yield_now().await;
            }
        }
        for task in tasks {
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        for fixture in &spinners {
            while !fixture.dropped.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        }
        assert!(lanes.compute.0.lock().queue.is_empty());
    }

    #[tokio::test]
    async fn a_guest_blocks_on_a_lane_of_its_own_for_as_long_as_it_goes_on() {
        let lanes = Arc::new(Lanes::start(threads(2)).unwrap());
        // Refused here, then twice on the lane; the tick after it stopped to block brings it back.
        let mut fixture = guest(&lanes, steps("bbbcww"));
        assert_eq!(fixture.life.take().unwrap().await, Exit::Returned);
        let threads = fixture.threads.lock().unwrap();
        let away: Vec<_> = threads.iter().map(|name| name.starts_with("wharf-files-")).collect();
        assert_eq!(away.iter().take(4).copied().collect::<Vec<_>>(), [false, true, true, true], "{threads:?}");
        assert!(away.iter().skip(4).all(|away| !away), "{threads:?}");
    }

    #[test]
    fn the_threads_end_with_the_lanes() {
        let lanes = Lanes::start(threads(3)).unwrap();
        let all = [Arc::downgrade(&lanes.compute.0), Arc::downgrade(&lanes.blocking.0)];
        drop(lanes);
        while all.iter().any(|shared| shared.strong_count() > 0) {
            std::thread::yield_now();
        }
    }
}
