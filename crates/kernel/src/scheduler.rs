//! Runs the lives of processes on the runtime's workers, and hands the processor from a sender straight to its receiver.
//!
//! Two processes that speak with each other take turns: one runs, the other waits. Were each wake-up sent through the
//! runtime's queues, it would cost more than the message: the runtime lets a woken task run next on the same thread only
//! three times in a row, then queues it and wakes another worker, which takes it over with cold caches.
//!
//! So a life is not a task of the runtime. A **carrier** is: it runs one life, and then whichever life that one woke,
//! on the same thread. There is one slot for it; when a second life is woken, the first goes to a carrier of its own,
//! where any idle worker finds it. After [`SPELL`] a carrier goes to the end of the runtime's queue, so that chatting
//! processes do not keep others, nor input and output, from their turn. It is a time and not a number of turns: a turn
//! may take half a microsecond or a whole tick, and giving way costs as much as ten short ones, since the runtime then
//! wakes another worker. A life that gives way by itself (the
//! tick of the clock interrupted it) goes to the end of the queue at once. The loop of a module is run like a life.

use std::any::Any;
use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use async_task::{Builder, FallibleTask, Runnable, ScheduleInfo, Task, WithInfo};
use futures_util::FutureExt;
use tokio::runtime::Handle;

use crate::launcher::Exit;

/// How long a carrier runs lives one after another before others get their turn.
const SPELL: Duration = Duration::from_millis(1);

/// Turns between two looks at the clock: a look costs some hundredths of a microsecond.
const TURNS_PER_LOOK: u32 = 8;

thread_local! {
    /// The carrier that runs on this thread.
    static CARRIER: Carrier = const { Carrier { running: Cell::new(false), next: Cell::new(None) } };
}

/// What a carrier keeps while it runs.
struct Carrier {
    running: Cell<bool>,
    /// The life that runs next.
    next: Cell<Option<Runnable>>,
}

impl Carrier {
    /// Takes a life that was woken; hands back the one that has to go elsewhere.
    fn offer(&self, woken: Runnable) -> Option<Runnable> {
        if self.running.get() { self.next.replace(Some(woken)) } else { Some(woken) }
    }

    /// Runs `first` and those woken by it, one after another. Returns the one whose turn comes after the others'.
    fn run(&self, first: Runnable) -> Option<Runnable> {
        self.running.set(true);
        let _stopped = Stopped(self);
        let began = Instant::now();
        let mut turn = Some(first);
        loop {
            for _ in 0..TURNS_PER_LOOK {
                let life = turn?;
                life.run();
                turn = self.next.take();
            }
            if began.elapsed() >= SPELL {
                return turn;
            }
        }
    }
}

/// Ends a carrier's run, also when dropping a life panicked.
struct Stopped<'a>(&'a Carrier);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.running.set(false);
        if let Some(left) = self.0.next.take() {
            left.schedule();
        }
    }
}

/// A life that runs. Dropping it ends the life.
pub(crate) struct Life(FallibleTask<Exit>);

impl Life {
    /// Starts a life on the present runtime. A panic in it is an exit like any other.
    pub(crate) fn start(life: impl Future<Output = Exit> + Send + 'static) -> Self {
        let guarded = AssertUnwindSafe(life)
            .catch_unwind()
            .map(|ended| ended.unwrap_or_else(|panic| Exit::NodeFault(fault(&*panic))));
        Self(carried(guarded).fallible())
    }

    /// Ends it. What it held is free when this returns.
    pub(crate) async fn end(self) {
        self.0.cancel().await;
    }

    /// Waits until it ends by itself. `None` when the runtime is shutting down.
    pub(crate) async fn ended(&mut self) -> Option<Exit> {
        (&mut self.0).await
    }
}

/// Runs a module's loop like a life, for the same reason: processes take turns with modules as they do with each other.
pub(crate) fn start_module(runner: impl Future<Output = ()> + Send + 'static) {
    let guarded = AssertUnwindSafe(runner).catch_unwind().map(|ended| {
        if let Err(panic) = ended {
            tracing::error!("the loop of a module ended: {}", fault(&*panic));
        }
    });
    carried(guarded).detach();
}

/// Starts something on the present runtime that carriers run.
fn carried<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    let runtime = Handle::current();
    let schedule = move |woken: Runnable, info: ScheduleInfo| {
        let elsewhere =
            if info.woken_while_running { Some(woken) } else { CARRIER.with(|carrier| carrier.offer(woken)) };
        if let Some(life) = elsewhere {
            // Bounded: there is at most one for each life.
            runtime.spawn(tokio::task::unconstrained(carry(life)));
        }
    };
    let (runnable, task) = Builder::new().spawn(|()| future, WithInfo(schedule));
    runnable.schedule();
    task
}

/// What a life that panicked died of.
fn fault(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the node panicked while it ran the process: {}", said.unwrap_or("it did not say why"))
}

/// The task of a carrier: of the runtime's kind, so that its queues, its stealing and its shutdown apply.
async fn carry(first: Runnable) {
    let mut turn = Some(first);
    while let Some(life) = turn {
        turn = CARRIER.with(|carrier| carrier.run(life));
        if turn.is_some() {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Poll;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lives_that_wake_each_other_all_end() {
        let (to_b, mut at_b) = mpsc::channel::<u64>(1);
        let (to_a, mut at_a) = mpsc::channel::<u64>(1);
        let mut a = Life::start(async move {
            for n in 0..10_000 {
                to_b.send(n).await.unwrap();
                assert_eq!(at_a.recv().await, Some(n));
            }
            Exit::Returned
        });
        let mut b = Life::start(async move {
            while let Some(n) = at_b.recv().await {
                to_a.send(n).await.unwrap();
            }
            Exit::Returned
        });
        assert_eq!(a.ended().await, Some(Exit::Returned));
        assert_eq!(b.ended().await, Some(Exit::Returned));
    }

    #[tokio::test]
    async fn lives_that_chat_for_ever_do_not_keep_others_from_running() {
        let turns = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&turns);
        // On one thread: what follows runs only if the chatting lives give way.
        let chatting = Life::start(std::future::poll_fn(move |cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        while turns.load(Ordering::Relaxed) < 1_000 {
            tokio::task::yield_now().await;
        }
        chatting.end().await;
        let ended_at = turns.load(Ordering::Relaxed);
        tokio::task::yield_now().await;
        assert_eq!(turns.load(Ordering::Relaxed), ended_at);
    }

    #[tokio::test]
    async fn a_panic_in_a_life_is_its_exit_and_the_carrier_goes_on() {
        let mut failing = Life::start(async { std::panic::resume_unwind(Box::new("on purpose")) });
        assert!(matches!(failing.ended().await, Some(Exit::NodeFault(_))));
        let mut next = Life::start(async { Exit::Returned });
        assert_eq!(next.ended().await, Some(Exit::Returned));
    }

    #[tokio::test]
    async fn a_life_that_is_ended_has_dropped_what_it_held() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let life = Life::start(async move {
            std::future::pending::<()>().await;
            drop(inside);
            Exit::Returned
        });
        tokio::task::yield_now().await;
        life.end().await;
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
