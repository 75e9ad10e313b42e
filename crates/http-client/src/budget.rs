//! What is counted over all requests: bytes in memory, and who has how many under way.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes that may be in memory at the same time.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// Bytes that were taken from a [`Budget`]. They are given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Taken {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self { used: Arc::default(), max }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// Nothing yet.
    pub(crate) fn begin(&self) -> Taken {
        Taken { budget: self.clone(), bytes: 0 }
    }
}

impl Taken {
    /// Takes more; whether there was as much.
    #[must_use]
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.budget.max);
        let taken = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if taken {
            self.bytes += bytes;
        }
        taken
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Places that owners take, so many each and so many together.
#[derive(Debug)]
pub(crate) struct Places<K> {
    taken: Mutex<HashMap<K, usize>>,
    all: AtomicUsize,
    all_max: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(crate) struct Place<K: Eq + Hash> {
    places: Arc<Places<K>>,
    owner: K,
}

/// There was no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// This owner has as many as it may.
    Own,
    /// All together have.
    All,
}

impl<K: Clone + Eq + Hash> Places<K> {
    pub(crate) fn new(all_max: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), all: AtomicUsize::new(0), all_max })
    }

    /// Takes a place for an owner that may have `own_max`.
    pub(crate) fn take(self: &Arc<Self>, owner: &K, own_max: usize) -> Result<Place<K>, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.get(owner).is_some_and(|own| *own >= own_max) || own_max == 0 {
            return Err(Full::Own);
        }
        // Changed only under the lock.
        if self.all.load(Ordering::Relaxed) >= self.all_max {
            return Err(Full::All);
        }
        self.all.fetch_add(1, Ordering::Relaxed);
        *taken.entry(owner.clone()).or_default() += 1;
        drop(taken);
        Ok(Place { places: Arc::clone(self), owner: owner.clone() })
    }

    pub(crate) fn all_max(&self) -> usize {
        self.all_max
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        self.places.all.fetch_sub(1, Ordering::Relaxed);
        if let Some(own) = taken.get_mut(&self.owner) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.owner);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let budget = Budget::new(10);
        let (mut first, mut second) = (budget.begin(), budget.begin());
        assert!(first.grow(6) && !second.grow(5) && second.grow(4) && !first.grow(1));
        assert!(!first.grow(usize::MAX));
        drop(first);
        assert!(second.grow(6) && !second.grow(1));
    }

    #[test]
    fn places_are_bounded_for_each_and_for_all() {
        let places = Places::new(3);
        let first = places.take(&"a", 2).unwrap();
        let second = places.take(&"a", 2).unwrap();
        assert_eq!(places.take(&"a", 2).unwrap_err(), Full::Own);
        let third = places.take(&"b", 2).unwrap();
        assert_eq!(places.take(&"b", 2).unwrap_err(), Full::All);
        drop(first);
        let fourth = places.take(&"b", 2).unwrap();
        drop((second, third, fourth));
        assert!(places.taken.lock().unwrap().is_empty());
        assert_eq!(places.take(&"b", 0).unwrap_err(), Full::Own);
    }
}
