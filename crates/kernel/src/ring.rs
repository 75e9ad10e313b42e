//! The last things of a kind, numbered, for readers who come and ask.
//!
//! Whoever writes never waits: when the ring is full, the oldest is dropped, and a reader who wanted it is told how many
//! it missed.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// How many were dropped between what the reader knows and the first of `items`.
    pub(crate) lost: u64,
    pub(crate) items: Vec<T>,
    /// What the reader knows now: to be named as `after` the next time.
    pub(crate) next: u64,
}

/// The ring itself. Its items have consecutive numbers.
#[derive(Debug)]
pub(crate) struct Ring<T> {
    items: VecDeque<T>,
    /// Number of the newest item that there ever was.
    last: u64,
    capacity: usize,
}

impl<T: Clone> Ring<T> {
    /// An empty ring for `capacity` items, at least one. The first gets the number after `last`.
    pub(crate) fn new(capacity: usize, last: u64) -> Self {
        Self { items: VecDeque::new(), last, capacity: capacity.max(1) }
    }

    /// Adds the item that `make` makes of its number.
    pub(crate) fn push(&mut self, make: impl FnOnce(u64) -> T) {
        self.last += 1;
        if self.items.len() == self.capacity {
            self.items.pop_front();
        }
        self.items.push_back(make(self.last));
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// At most `max` items after the number `after`. Without a number, from the oldest. A number that no item has yet
    /// comes from another ring, and counts as none.
    pub(crate) fn page(&self, after: Option<u64>, max: usize) -> Page<T> {
        let before_oldest = self.last - self.items.len() as u64;
        let after = after.filter(|after| *after <= self.last);
        let lost = after.map_or(0, |after| before_oldest.saturating_sub(after));
        let from = after.map_or(before_oldest, |after| after.max(before_oldest));
        let skip = usize::try_from(from - before_oldest).unwrap_or(usize::MAX);
        let items: Vec<_> = self.items.iter().skip(skip).take(max).cloned().collect();
        let next = from + items.len() as u64;
        Page { lost, items, next }
    }
}

/// A ring that can be waited for.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    ring: Mutex<Ring<T>>,
    grown: Notify,
}

impl<T: Clone> Watched<T> {
    pub(crate) fn new(ring: Ring<T>) -> Self {
        Self { ring: Mutex::new(ring), grown: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Ring<T>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an item and wakes who waits for one.
    pub(crate) fn push(&self, make: impl FnOnce(u64) -> T) {
        self.lock().push(make);
        self.grown.notify_waiters();
    }

    pub(crate) fn last(&self) -> u64 {
        self.lock().last()
    }

    /// What there is after `after`.
    pub(crate) fn page(&self, after: Option<u64>, max: usize) -> Page<T> {
        self.lock().page(after, max)
    }

    /// What there is after `after`, waiting for the first of it until `deadline`.
    pub(crate) async fn wait(&self, after: Option<u64>, max: usize, deadline: Instant) -> Page<T> {
        loop {
            let grown = self.grown.notified();
            tokio::pin!(grown);
            // Registered before looking, so that what comes in between is not missed.
            grown.as_mut().enable();
            let page = self.page(after, max);
            if !page.items.is_empty() || page.lost > 0 || tokio::time::timeout_at(deadline, grown).await.is_err() {
                return page;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Push(usize),
        Read(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        prop::collection::vec(
            prop_oneof![(0..20_usize).prop_map(Step::Push), (1..20_usize).prop_map(Step::Read)],
            0..60,
        )
    }

    proptest! {
        /// Whatever a reader gets is in order and without gaps, and what it missed is counted.
        #[test]
        fn a_reader_sees_each_item_once_or_learns_that_it_is_lost(
            capacity in 1..30_usize, start in 0..100_u64, steps in steps(),
        ) {
            let mut ring = Ring::new(capacity, start);
            let mut known = start;
            for step in steps {
                match step {
                    Step::Push(count) => (0..count).for_each(|_| ring.push(|seq| seq)),
                    Step::Read(max) => {
                        let page = ring.page(Some(known), max);
                        prop_assert!(page.items.len() <= max);
                        let first = known + page.lost + 1;
                        let expected: Vec<_> = (first..first + page.items.len() as u64).collect();
                        prop_assert_eq!(&page.items, &expected);
                        prop_assert_eq!(page.next, known + page.lost + page.items.len() as u64);
                        known = page.next;
                    }
                }
            }
            let rest = ring.page(Some(known), usize::MAX);
            prop_assert_eq!(known + rest.lost + rest.items.len() as u64, ring.last());
        }

        /// A reader that always keeps up sees every item exactly once.
        #[test]
        fn a_reader_that_keeps_up_loses_nothing(capacity in 1..30_usize, bursts in prop::collection::vec(0..30_usize, 0..40)) {
            let mut ring = Ring::new(capacity, 0);
            let (mut seen, mut known) = (Vec::new(), 0);
            for burst in bursts {
                for _ in 0..burst.min(capacity) {
                    ring.push(|seq| seq);
                }
                let page = ring.page(Some(known), usize::MAX);
                prop_assert_eq!(page.lost, 0);
                seen.extend(page.items);
                known = page.next;
            }
            let all: Vec<_> = (1..=ring.last()).collect();
            prop_assert_eq!(seen, all);
        }
    }

    #[test]
    fn a_reader_of_another_ring_begins_anew() {
        let mut ring = Ring::new(2, 0);
        (0..3).for_each(|_| ring.push(|seq| seq));
        let anew = Page { lost: 0, items: vec![2, 3], next: 3 };
        assert_eq!(ring.page(Some(99), 9), anew);
        assert_eq!(ring.page(None, 9), anew);
        assert_eq!(ring.page(Some(0), 1), Page { lost: 1, items: vec![2], next: 2 });
        assert_eq!(ring.page(Some(3), 9), Page { lost: 0, items: vec![], next: 3 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_the_first_item_and_not_longer_than_it_said() {
        let watched = Arc::new(Watched::new(Ring::new(4, 0)));
        let deadline = Instant::now() + Duration::from_secs(10);
        assert!(watched.wait(Some(0), 9, deadline).await.items.is_empty());
        assert_eq!(Instant::now(), deadline);
        let reader = Arc::clone(&watched);
        let waiting = tokio::spawn(async move { reader.wait(Some(0), 9, deadline + Duration::from_secs(10)).await });
        tokio::task::yield_now().await;
        watched.push(|seq| seq);
        assert_eq!(waiting.await.unwrap().items, [1]);
        assert_eq!(Instant::now(), deadline);
    }
}
