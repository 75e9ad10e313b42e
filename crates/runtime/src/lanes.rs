//! Lanes for guests that compute for long, beside the workers that pass messages on.
//!
//! A guest that computes would take every turn of an async worker for a whole tick, and whoever sends messages would
//! wait behind it at each hop. So a guest that has been computing for some ticks is polled by threads of its own, one
//! for each CPU and of lower priority than the workers, one tick at a time and in turn with the others there. As soon
//! as it waits for something it goes back to its task.
//!
//! ```text
//!           polled by a worker                       polled by a lane, a tick at a time
//!   waits <------------------> runs -- computes --> queue <-----> thread
//!     ^                                                             |
//!     '-------------------- waits, ends, panics --------------------'
//! ```
//!
//! A task has at most one guest in the queue, so the queue is as bounded as the table of processes. Dropping the task's
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

use crate::turn::{Pause, Turn};

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

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

impl Shared {
    /// Held for a push, a pop or a search only; never while a guest runs or is dropped.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The threads. They end when this is dropped.
pub(crate) struct Lanes {
    shared: Arc<Shared>,
    next_id: AtomicU64,
}

impl Lanes {
    /// Starts the threads.
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        let lanes = Self { shared: Arc::default(), next_id: AtomicU64::new(0) };
        for n in 0..threads.max(1) {
            let shared = Arc::clone(&lanes.shared);
            std::thread::Builder::new().name(format!("wharf-compute-{n}")).spawn(move || serve(&shared))?;
        }
        Ok(lanes)
    }

    fn push(&self, life: BoxFuture<'static, Exit>, turn: Arc<Turn>) -> (u64, oneshot::Receiver<Back>) {
        let (back, receiver) = oneshot::channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let work = Work { id, life, turn, runtime: Handle::current(), back };
        self.shared.lock().queue.push_back(work);
        self.shared.more.notify_one();
        (id, receiver)
    }

    fn take_out(&self, id: u64) -> Option<Work> {
        let mut state = self.shared.lock();
        let at = state.queue.iter().position(|work| work.id == id)?;
        state.queue.remove(at)
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.more.notify_all();
    }
}

fn serve(shared: &Shared) {
    #[cfg(target_os = "linux")]
    // Linux keeps a priority for each thread. Where lowering it is not allowed, all have the same.
    if rustix::process::setpriority_process(None, NICE).is_err() {
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
    work.turn.begin();
    let mut context = Context::from_waker(Waker::noop());
    let back = match catch_unwind(AssertUnwindSafe(|| work.life.as_mut().poll(&mut context))) {
        Err(panic) => Back::Panicked(panic),
        Ok(Poll::Ready(exit)) => Back::Ended(exit),
        Ok(Poll::Pending) => match work.turn.end() {
            Pause::Computes => return again(shared, work),
            Pause::Ticked | Pause::Waits => return give_back(work),
        },
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
    Away { id: u64, back: oneshot::Receiver<Back> },
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
                    this.turn.begin();
                    let polled = life.as_mut().poll(cx);
                    if polled.is_ready() {
                        return polled;
                    }
                    match this.turn.end() {
                        Pause::Waits => return Poll::Pending,
                        Pause::Ticked => {
                            // Others get their turn first.
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        Pause::Computes => {}
                    }
                    let Place::Here(life) = std::mem::replace(&mut this.place, Place::Nowhere) else { continue };
                    let (id, back) = this.lanes.push(life, Arc::clone(&this.turn));
                    this.place = Place::Away { id, back };
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
        if let Place::Away { id, back } = &mut self.place {
            // A guest that is being polled now is dropped by its lane at the end of its tick.
            back.close();
            drop(self.lanes.take_out(*id));
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
            Some(b'w') => Then::Wait,
            Some(b'p') => Then::Panic,
            _ => Then::End,
        }
    }

    #[tokio::test]
    async fn a_guest_computes_on_a_lane_and_waits_with_its_task() {
        let lanes = Arc::new(Lanes::start(2).unwrap());
        let mut fixture = guest(&lanes, steps("wccccww"));
        assert_eq!(fixture.life.take().unwrap().await, Exit::Returned);
        let threads = fixture.threads.lock().unwrap();
        let away: Vec<_> = threads.iter().map(|name| name.starts_with("wharf-compute-")).collect();
        // Its first waiting on the lane is what sends it back, where it is polled again.
        assert_eq!(away, [false, false, false, true, true, true, false, false], "{threads:?}");
    }

    #[tokio::test]
    async fn a_panic_on_a_lane_is_the_tasks_and_the_lane_goes_on() {
        let lanes = Arc::new(Lanes::start(1).unwrap());
        let life = guest(&lanes, steps("ccccp")).life.take().unwrap();
        assert!(tokio::spawn(life).await.unwrap_err().is_panic());
        assert_eq!(guest(&lanes, steps("cccc")).life.take().unwrap().await, Exit::Returned);
    }

    #[tokio::test]
    async fn guests_that_never_stop_take_turns_and_end_with_their_tasks() {
        let lanes = Arc::new(Lanes::start(1).unwrap());
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
        assert!(lanes.shared.lock().queue.is_empty());
    }

    #[test]
    fn the_threads_end_with_the_lanes() {
        let lanes = Lanes::start(3).unwrap();
        let shared = Arc::downgrade(&lanes.shared);
        drop(lanes);
        while shared.strong_count() > 0 {
            std::thread::yield_now();
        }
    }
}
