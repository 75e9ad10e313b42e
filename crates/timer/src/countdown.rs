//! Timers of milliseconds: each belongs to one life of a process, and goes when that is over.

use std::collections::{HashMap, HashSet};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;
use tokio_util::time::DelayQueue;
use tokio_util::time::delay_queue::Key;
use wharf_kernel::envelope::ReplyPath;
use wharf_kernel::module::{Caller, Replier};
use wharf_kernel::{Kernel, Limit};
use wharf_types::ProcessId;

/// The wheel holds about two years. A timer beyond is looked at again after this long.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// What to do at a time.
pub(crate) struct Alarm {
    process: ProcessId,
    life: ReplyPath,
    /// Timers that this process may have at the same time.
    process_max: usize,
    after_ms: u64,
    replier: Replier,
}

impl Alarm {
    pub(crate) fn new(caller: &Caller, after_ms: u64) -> Self {
        Self {
            process: caller.source().process().clone(),
            life: caller.life().clone(),
            process_max: caller.limits().timers_per_process_max,
            after_ms,
            replier: caller.replier(),
        }
    }
}

/// A timer in the wheel.
struct Running {
    process: ProcessId,
    /// Beyond what a clock can show, it never comes.
    due: Option<Instant>,
    replier: Replier,
}

/// The timers of one life of a process.
struct Life {
    path: ReplyPath,
    keys: HashSet<Key>,
}

/// All timers of milliseconds.
pub(crate) struct Countdowns {
    queue: DelayQueue<Running>,
    /// One entry for each process that ever set a timer and still lives the same life.
    lives: HashMap<ProcessId, Life>,
    /// One for each entry of `lives`; ends with that life.
    ends: FuturesUnordered<BoxFuture<'static, (ProcessId, ReplyPath)>>,
    all_max: usize,
}

impl Countdowns {
    pub(crate) fn new(all_max: usize) -> Self {
        Self { queue: DelayQueue::new(), lives: HashMap::new(), ends: FuturesUnordered::new(), all_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn of(&self, process: &ProcessId) -> usize {
        self.lives.get(process).map_or(0, |life| life.keys.len())
    }

    pub(crate) fn set(&mut self, alarm: Alarm, kernel: &Kernel) {
        let Alarm { process, life, process_max, after_ms, replier } = alarm;
        if after_ms == 0 {
            return replier.send(Vec::new(), None);
        }
        if life.has_ended() {
            return;
        }
        if self.lives.get(&process).is_some_and(|known| known.path != life) {
            self.forget(&process);
        }
        let running = self.of(&process);
        if running >= process_max || self.queue.len() >= self.all_max {
            let limit = if running >= process_max { Limit::ProcessTimers } else { Limit::Timers };
            kernel.hit(&process, limit);
            kernel.notice(&process, &format!("a timer was not set: {running} of its are running already"));
            return;
        }
        // The wheel counts whole milliseconds and may round down; one more keeps it from firing early.
        let due = Instant::now().checked_add(Duration::from_millis(after_ms.saturating_add(1)));
        let key = self.queue.insert(Running { process: process.clone(), due, replier }, delay(due));
        let ends = &self.ends;
        let known = self.lives.entry(process.clone()).or_insert_with(|| {
            let path = life.clone();
            ends.push(
                async move {
                    path.ended().await;
                    (process, path)
                }
                .boxed(),
            );
            Life { path: life, keys: HashSet::new() }
        });
        known.keys.insert(key);
    }

    /// Sends what is due, and forgets what belongs to lives that are over. Always pending: it is polled for its effects.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<std::convert::Infallible> {
        while let Poll::Ready(Some((process, path))) = self.ends.poll_next_unpin(cx) {
            if self.lives.get(&process).is_some_and(|life| life.path == path) {
                self.forget(&process);
            }
        }
        while let Poll::Ready(Some(fired)) = self.queue.poll_expired(cx) {
            let key = fired.key();
            let timer = fired.into_inner();
            let keys = self.lives.get_mut(&timer.process).map(|life| &mut life.keys);
            if timer.due.is_some_and(|due| due <= Instant::now()) {
                if let Some(keys) = keys {
                    keys.remove(&key);
                }
                timer.replier.send(Vec::new(), None);
                continue;
            }
            let wait = delay(timer.due);
            let again = self.queue.insert(timer, wait);
            if let Some(keys) = keys {
                keys.remove(&key);
                keys.insert(again);
            }
        }
        Poll::Pending
    }

    fn forget(&mut self, process: &ProcessId) {
        let Some(life) = self.lives.remove(process) else { return };
        for key in life.keys {
            self.queue.remove(&key);
        }
    }
}

fn delay(due: Option<Instant>) -> Duration {
    due.map_or(DELAY_MAX, |due| due.saturating_duration_since(Instant::now()).min(DELAY_MAX))
}
