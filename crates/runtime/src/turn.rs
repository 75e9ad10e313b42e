//! What a guest did with its turn: whether it computed through ticks, and for how long without coming back to wait.
//!
//! One [`Turn`] is shared by the three who look at it: the guest's epoch callback, which runs when a tick passed while
//! the guest computed; whoever polls the guest's future; and the kernel's counter of CPU time. All three run in turn on
//! the thread that polls, so the atomics only carry the values from one thread to the next.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use wasmtime::UpdateDeadline;
use wharf_kernel::process::CpuTime;

use crate::engine::TICK;

/// Ticks since the engine was started; counted by the thread that makes them.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU64);

impl Ticks {
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ticks in a row after which a guest is taken for one that computes. One tick is passed by everyone who happens to
/// run when it comes.
const LONG_TICKS: u32 = 2;

/// See the module.
#[derive(Debug)]
pub(crate) struct Turn {
    ticks: Arc<Ticks>,
    /// The tick up to which its time is accounted for.
    seen: AtomicU64,
    /// Ticks that passed since it last waited or received.
    computing: AtomicU32,
    /// Whether its future is pending only because of a tick.
    yielded: AtomicBool,
    /// Whether the thread that polls its future now may block.
    on_blocking_thread: AtomicBool,
    /// Whether its future is pending only because the thread may not block.
    wants_to_block: AtomicBool,
    /// Whether it made use of such a thread since it was last asked.
    has_blocked: AtomicBool,
    /// Whether a tick passed while it blocked: it yields as for any other.
    ticked_while_blocked: AtomicBool,
    cpu: Arc<CpuTime>,
    /// Ticks after which it is ended; none ends it with 0.
    burst_ticks_max: u32,
}

/// Why a guest's future is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// It waits for something, and has arranged to be woken.
    Waits,
    /// A tick passed while it ran.
    Ticked,
    /// It has been computing for some ticks.
    Computes,
    /// It is about to block, and needs a thread that may.
    Blocks,
}

/// What kind of thread polls a guest's future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    /// One that serves others too.
    Worker,
    /// One for guests that compute.
    Compute,
    /// One that may block.
    Blocking,
}

/// A guest computed for longer than it may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it computed for {ms} ms without coming back to wait for a message, which is longer than it may")]
pub(crate) struct OutOfCpu {
    ms: u64,
}

fn as_ms(ticks: u32) -> u64 {
    u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX).saturating_mul(u64::from(ticks))
}

impl Turn {
    pub(crate) fn new(ticks: Arc<Ticks>, cpu: Arc<CpuTime>, burst_ms_max: u64) -> Self {
        let tick_ms = u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX);
        let burst_ticks_max = u32::try_from(burst_ms_max.div_ceil(tick_ms)).unwrap_or(u32::MAX);
        Self {
            seen: AtomicU64::new(ticks.now()),
            ticks,
            computing: AtomicU32::new(0),
            yielded: AtomicBool::new(false),
            on_blocking_thread: AtomicBool::new(false),
            wants_to_block: AtomicBool::new(false),
            has_blocked: AtomicBool::new(false),
            ticked_while_blocked: AtomicBool::new(false),
            cpu,
            burst_ticks_max,
        }
    }

    /// Its future is about to be polled: until now it did not compute.
    pub(crate) fn begin(&self, on: Thread) {
        self.on_blocking_thread.store(on == Thread::Blocking, Ordering::Relaxed);
        self.seen.store(self.ticks.now(), Ordering::Relaxed);
    }

    /// Its future is pending.
    pub(crate) fn end(&self) -> Pause {
        self.on_blocking_thread.store(false, Ordering::Relaxed);
        if self.wants_to_block.load(Ordering::Relaxed) {
            self.wants_to_block.store(false, Ordering::Relaxed);
            self.yielded.store(false, Ordering::Relaxed);
            self.computing.store(0, Ordering::Relaxed);
            return Pause::Blocks;
        }
        if !self.yielded.load(Ordering::Relaxed) {
            if self.computing.load(Ordering::Relaxed) != 0 {
                self.computing.store(0, Ordering::Relaxed);
            }
            return Pause::Waits;
        }
        self.yielded.store(false, Ordering::Relaxed);
        if self.computing.load(Ordering::Relaxed) < LONG_TICKS { Pause::Ticked } else { Pause::Computes }
    }

    /// Whether whoever calls this, in the middle of polling, may block.
    pub(crate) fn may_block(&self) -> bool {
        self.on_blocking_thread.load(Ordering::Relaxed)
    }

    /// Resolves once it is polled by a thread that may block, see [`crate::lanes`]. It leaves no waker behind: whoever
    /// polls the guest sees what it wants.
    pub(crate) fn blocking_thread(&self) -> impl Future<Output = ()> + Send + '_ {
        poll_fn(|_| {
            if self.may_block() {
                return Poll::Ready(());
            }
            self.wants_to_block.store(true, Ordering::Relaxed);
            Poll::Pending
        })
    }

    /// It has blocked, which is not computing.
    pub(crate) fn blocked(&self) {
        self.has_blocked.store(true, Ordering::Relaxed);
        let now = self.ticks.now();
        if self.seen.load(Ordering::Relaxed) != now {
            self.seen.store(now, Ordering::Relaxed);
            self.computing.store(0, Ordering::Relaxed);
            self.ticked_while_blocked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it blocked since this was last asked.
    pub(crate) fn take_has_blocked(&self) -> bool {
        self.has_blocked.swap(false, Ordering::Relaxed)
    }

    /// The guest came to a point where it can be interrupted, some time after a tick. `came_back` says whether it
    /// received a message since the last time.
    pub(crate) fn ticked(&self, came_back: CameBack) -> Result<UpdateDeadline, OutOfCpu> {
        let now = self.ticks.now();
        let passed = u32::try_from(now.saturating_sub(self.seen.swap(now, Ordering::Relaxed))).unwrap_or(u32::MAX);
        if passed == 0 {
            if !self.ticked_while_blocked.swap(false, Ordering::Relaxed) {
                // The tick passed while it waited.
                return Ok(UpdateDeadline::Continue(1));
            }
            self.yielded.store(true, Ordering::Relaxed);
            return Ok(UpdateDeadline::YieldCustom(1, Box::pin(Once::default())));
        }
        self.ticked_while_blocked.store(false, Ordering::Relaxed);
        self.cpu.add(TICK.saturating_mul(passed));
        let before = if came_back == CameBack::Yes { 0 } else { self.computing.load(Ordering::Relaxed) };
        let computing = before.saturating_add(passed);
        self.computing.store(computing, Ordering::Relaxed);
        if self.burst_ticks_max != 0 && computing > self.burst_ticks_max {
            return Err(OutOfCpu { ms: as_ms(computing) });
        }
        self.yielded.store(true, Ordering::Relaxed);
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(Once::default())))
    }
}

/// Whether a guest received a message since it was last interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CameBack {
    /// It did.
    Yes,
    /// It did not.
    No,
}

/// Pending once. It wakes nobody: whoever polls the guest sees that it yielded, and polls it again in its turn.
#[derive(Default)]
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn turn(burst_ms_max: u64) -> (Arc<Ticks>, Turn) {
        let ticks = Arc::<Ticks>::default();
        (Arc::clone(&ticks), Turn::new(ticks, Arc::default(), burst_ms_max))
    }

    #[test]
    fn a_tick_that_passed_while_a_guest_waited_is_not_its_own() {
        let (ticks, turn) = turn(0);
        ticks.advance();
        turn.begin(Thread::Worker);
        assert!(matches!(turn.ticked(CameBack::No), Ok(UpdateDeadline::Continue(1))));
        assert_eq!((turn.end(), turn.cpu.as_ms()), (Pause::Waits, 0));
    }

    #[test]
    fn a_guest_computes_from_its_second_tick_on_until_it_waits_or_receives() {
        let (ticks, turn) = turn(0);
        let tick = |came_back| {
            turn.begin(Thread::Worker);
            ticks.advance();
            turn.ticked(came_back).unwrap();
            turn.end()
        };
        assert_eq!(
            [tick(CameBack::No), tick(CameBack::No), tick(CameBack::No)],
            [Pause::Ticked, Pause::Computes, Pause::Computes]
        );
        assert_eq!([tick(CameBack::Yes), tick(CameBack::No)], [Pause::Ticked, Pause::Computes]);
        turn.begin(Thread::Worker);
        assert_eq!(turn.end(), Pause::Waits);
        assert_eq!(tick(CameBack::No), Pause::Ticked);
        assert_eq!(turn.cpu.as_ms(), 60);
    }

    #[test]
    fn blocking_is_not_computing_and_does_not_keep_the_thread() {
        let (ticks, turn) = turn(25);
        for _ in 0..10 {
            turn.begin(Thread::Blocking);
            assert!(turn.may_block());
            ticks.advance();
            turn.blocked();
            // The tick that passed meanwhile lets others have the thread.
            assert!(matches!(turn.ticked(CameBack::No), Ok(UpdateDeadline::YieldCustom(..))));
            assert_eq!((turn.end(), turn.may_block()), (Pause::Ticked, false));
            assert!(turn.take_has_blocked() && !turn.take_has_blocked());
        }
        assert_eq!(turn.cpu.as_ms(), 0);
        turn.begin(Thread::Worker);
        assert!(!turn.may_block());
    }

    #[test]
    fn cpu_burst_ms_max() {
        let (ticks, turn) = turn(25);
        for _ in 0..3 {
            turn.begin(Thread::Worker);
            ticks.advance();
            turn.ticked(CameBack::No).unwrap();
        }
        ticks.advance();
        let text = turn.ticked(CameBack::No).err().unwrap().to_string();
        assert!(text.contains("40 ms"), "{text}");
        assert!(turn.ticked(CameBack::Yes).is_ok());
    }
}
