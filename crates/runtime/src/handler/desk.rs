//! What instances leave for the loop of their life.
//!
//! An instance runs either inside the loop's own poll or on a thread of a lane, and what it asks of the world outside is put
//! here by tasks. Whoever is not inside the loop's poll has to wake it; whoever is has no need to, and would only have it
//! scheduled once more for nothing.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

use futures_util::task::AtomicWaker;

use super::JobId;
use super::outgoing::Asked;
use super::pool::SeatId;
use super::shape::Answer;

/// Something for the loop to do.
pub(super) enum Event {
    /// An instance can take requests.
    Started,
    /// An answer is whole.
    Answered(JobId, Answer),
    /// An instance has returned from its handler, and can take another request.
    Free(SeatId),
    /// The world outside is asked something.
    Asked(Asked),
}

/// See the module. As bounded as what puts things here: each instance has one answer, and what it asks are resources of it.
#[derive(Default)]
pub(super) struct Desk {
    events: Mutex<VecDeque<Event>>,
    /// Whether the loop is polling instances, and looks here afterwards.
    loop_looks: AtomicBool,
    waker: AtomicWaker,
}

impl Desk {
    /// Leaves something.
    pub(super) fn put(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        // In this order: if the loop had looked before the event was there, this is false by now.
        if !self.loop_looks.load(Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// The next thing to do.
    pub(super) fn take(&self) -> Option<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The loop begins to poll instances. [`Desk::leave`] has to follow, and then [`Desk::take`].
    pub(super) fn enter(&self, waker: &Waker) {
        self.waker.register(waker);
        self.loop_looks.store(true, Ordering::SeqCst);
    }

    /// It is done with that.
    pub(super) fn leave(&self) {
        self.loop_looks.store(false, Ordering::SeqCst);
    }

    /// Wakes the loop, unless it is about to look anyway.
    pub(super) fn wake(&self) {
        if !self.loop_looks.load(Ordering::SeqCst) {
            self.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn the_loop_is_woken_unless_it_is_about_to_look() {
        let (desk, woken) = (Desk::default(), Arc::<Counted>::default());
        let waker = Waker::from(Arc::clone(&woken));
        desk.enter(&waker);
        desk.put(Event::Started);
        desk.leave();
        assert!(matches!(desk.take(), Some(Event::Started)) && desk.take().is_none());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        desk.put(Event::Started);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }

    /// Whatever two threads do in whatever order, nothing is left on the desk with the loop asleep.
    #[test]
    fn nothing_is_left_while_the_loop_sleeps() {
        const EVENTS: usize = 10_000;
        let (desk, woken) = (Arc::<Desk>::default(), Arc::<Counted>::default());
        let waker = Waker::from(Arc::clone(&woken));
        let putter = Arc::clone(&desk);
        let putter = std::thread::spawn(move || (0..EVENTS).for_each(|_| putter.put(Event::Started)));
        let (mut taken, mut seen) = (0, 0);
        while taken < EVENTS {
            desk.enter(&waker);
            desk.leave();
            let before = taken;
            while desk.take().is_some() {
                taken += 1;
            }
            // With nothing taken it sleeps until somebody wakes it.
            while taken == before && taken < EVENTS && woken.0.load(Ordering::SeqCst) == seen {
                std::thread::yield_now();
            }
            seen = woken.0.load(Ordering::SeqCst);
        }
        assert!(putter.join().is_ok());
    }
}
