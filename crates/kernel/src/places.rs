//! Who has how many of something: bounded for each, and for all together.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Places that owners take, so many each and so many together.
#[derive(Debug)]
pub struct Places<K> {
    taken: Mutex<HashMap<K, usize>>,
    all: AtomicUsize,
    all_max: usize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place<K: Eq + Hash> {
    places: Arc<Places<K>>,
    owner: K,
}

/// There was no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This owner has as many as it may.
    Own,
    /// All together have.
    All,
}

impl<K: Clone + Eq + Hash> Places<K> {
    /// As many for all together.
    pub fn new(all_max: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), all: AtomicUsize::new(0), all_max })
    }

    /// Takes a place for an owner that may have `own_max`.
    pub fn take(self: &Arc<Self>, owner: &K, own_max: usize) -> Result<Place<K>, Full> {
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

    /// How many are taken, by all together.
    pub fn taken(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// How many there are for all together.
    pub fn all_max(&self) -> usize {
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
