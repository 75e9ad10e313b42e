//! The instances of one life.
//!
//! Each has a seat, which knows whether it has something to do: its waker marks the seat and wakes the loop. The loop polls the
//! marked ones in turn. An instance that was interrupted by a tick marks itself; the loop then lets others have the thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::time::Instant;
use wharf_kernel::launcher::Exit;

use super::JobId;
use super::desk::Desk;
use super::instance::{Job, Plan};
use crate::lanes::LifeFuture;

/// Numbers an instance of a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeatId(u64);

/// Where an instance finds its next request. Empty while it has none.
#[derive(Default)]
pub(super) struct Slot(Mutex<Option<Job>>);

impl Slot {
    fn put(&self, job: Job) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
    }

    /// The next request. It leaves no waker behind: whoever puts one in marks the seat.
    pub(super) async fn next(&self) -> Job {
        std::future::poll_fn(|_| match self.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(job) => Poll::Ready(job),
            None => Poll::Pending,
        })
        .await
    }
}

/// Marks a seat.
struct Mark {
    marked: AtomicBool,
    desk: Arc<Desk>,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // In this order: if the loop had looked at the mark before, it is woken.
        if !self.marked.swap(true, Ordering::SeqCst) {
            self.desk.wake();
        }
    }
}

/// What an instance is doing.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Nothing { since: Instant },
    Handling { job: JobId, until: Instant },
}

struct Seat {
    id: SeatId,
    life: LifeFuture,
    mark: Arc<Mark>,
    waker: Waker,
    slot: Arc<Slot>,
    doing: Doing,
}

impl Seat {
    fn handle(&mut self, job: Job) {
        self.doing = Doing::Handling { job: job.id, until: job.until };
        self.slot.put(job);
        self.mark.marked.store(true, Ordering::SeqCst);
    }
}

/// An instance that ended by itself.
pub(super) struct Ended {
    /// What it was handling.
    pub(super) job: Option<JobId>,
    /// Why.
    pub(super) exit: Exit,
}

/// What came of letting the instances run.
pub(super) enum Ran {
    /// Some may be run again at once; others are to have the thread first.
    GaveWay,
    /// All that could run have run.
    Out,
}

/// See the module.
pub(super) struct Pool {
    plan: Plan,
    desk: Arc<Desk>,
    seats: Vec<Seat>,
    ended: Vec<Ended>,
    /// Whose turn it is.
    first: usize,
    next: u64,
    seats_max: usize,
}

/// What became of the turn of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It waits, has ended, or had nothing to do.
    IsOver,
    /// It would go on at once.
    WasInterrupted,
}

impl Pool {
    pub(super) fn new(plan: Plan, desk: Arc<Desk>, seats_max: usize) -> Self {
        Self { plan, desk, seats: Vec::new(), ended: Vec::new(), first: 0, next: 0, seats_max: seats_max.max(1) }
    }

    /// Whether there is something to end in time: a request that is worked on, or more instances than the one that stays.
    pub(super) fn has_more_than_rest(&self) -> bool {
        self.seats.len() > 1 || self.seats.iter().any(|seat| matches!(seat.doing, Doing::Handling { .. }))
    }

    /// Lets every instance that has something to do run until it waits. One that computes for a whole tick ends the turn of
    /// all: together they have the thread no longer than one process has it. The next turn begins behind it.
    pub(super) fn run(&mut self, cx: &mut Context<'_>) -> Ran {
        self.desk.enter(cx.waker());
        for _ in 0..self.seats.len() {
            if self.first >= self.seats.len() {
                self.first = 0;
            }
            if self.run_first() == Turn::WasInterrupted {
                break;
            }
        }
        self.desk.leave();
        if self.seats.iter().any(|seat| seat.mark.marked.load(Ordering::SeqCst)) {
            cx.waker().wake_by_ref();
            return Ran::GaveWay;
        }
        Ran::Out
    }

    /// Lets the instance run whose turn it is, and goes on to the next.
    fn run_first(&mut self) -> Turn {
        let at = self.first;
        let Some(seat) = self.seats.get_mut(at) else { return Turn::IsOver };
        self.first += 1;
        if !seat.mark.marked.swap(false, Ordering::SeqCst) {
            return Turn::IsOver;
        }
        if let Poll::Ready(exit) = Pin::new(&mut seat.life).poll(&mut Context::from_waker(&seat.waker)) {
            let seat = self.seats.swap_remove(at);
            self.first = at;
            let job = match seat.doing {
                Doing::Handling { job, .. } => Some(job),
                Doing::Nothing { .. } => None,
            };
            self.ended.push(Ended { job, exit });
            return Turn::IsOver;
        }
        if seat.mark.marked.load(Ordering::SeqCst) { Turn::WasInterrupted } else { Turn::IsOver }
    }

    /// An instance that has ended.
    pub(super) fn take_ended(&mut self) -> Option<Ended> {
        self.ended.pop()
    }

    /// Gives a request to an instance. Returns it when all are busy and there may be no more.
    pub(super) fn hand(&mut self, job: Job) -> Option<Job> {
        let idle_since = |seat: &Seat| match seat.doing {
            Doing::Nothing { since } => Some(since),
            Doing::Handling { .. } => None,
        };
        let idle = self.seats.iter_mut().filter(|seat| idle_since(seat).is_some());
        if let Some(last_used) = idle.max_by_key(|seat| idle_since(seat)) {
            last_used.handle(job);
        } else if self.seats.len() < self.seats_max {
            let mut seat = self.seat();
            seat.handle(job);
            self.seats.push(seat);
        } else {
            return Some(job);
        }
        None
    }

    /// Begins one more instance, with nothing to do.
    pub(super) fn open(&mut self) {
        let seat = self.seat();
        self.seats.push(seat);
    }

    fn seat(&mut self) -> Seat {
        let id = SeatId(self.next);
        self.next = self.next.wrapping_add(1);
        let slot = Arc::<Slot>::default();
        let mark = Arc::new(Mark { marked: AtomicBool::new(true), desk: Arc::clone(&self.desk) });
        Seat {
            id,
            life: self.plan.begin(id, Arc::clone(&slot), Arc::clone(&self.desk)),
            waker: Waker::from(Arc::clone(&mark)),
            mark,
            slot,
            doing: Doing::Nothing { since: Instant::now() },
        }
    }

    /// An instance has nothing to do any more.
    pub(super) fn free(&mut self, id: SeatId) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == id) {
            seat.doing = Doing::Nothing { since: Instant::now() };
        }
    }

    /// Ends instances that work on what nobody waits for any more, at the latest when their tick is over.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.seats.retain(|seat| !matches!(seat.doing, Doing::Handling { until, .. } if until <= now));
    }

    /// Ends instances that had nothing to do since then. One stays, so that the next request need not wait for another.
    pub(super) fn shrink(&mut self, since: Instant) {
        let mut left = self.seats.len();
        self.seats.retain(|seat| {
            let goes = left > 1 && matches!(seat.doing, Doing::Nothing { since: of_seat } if of_seat <= since);
            left -= usize::from(goes);
            !goes
        });
    }
}
