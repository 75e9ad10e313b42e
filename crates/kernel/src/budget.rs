//! Bytes in memory that many share: taken as they come, given back by whoever is done with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be in memory at the same time.
#[derive(Clone, Debug)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    max: usize,
}

/// Bytes that were taken from a [`Budget`]. They are given back when it is dropped.
#[derive(Debug)]
pub struct Taken {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// All of it.
    pub fn new(max: usize) -> Self {
        Self { used: Arc::default(), max }
    }

    /// How many there are.
    pub fn max(&self) -> usize {
        self.max
    }

    /// Nothing yet.
    pub fn begin(&self) -> Taken {
        Taken { budget: self.clone(), bytes: 0 }
    }
}

impl Taken {
    /// How many were taken.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes more; whether there was as much.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        // Only a counter: it orders no other memory.
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

#[cfg(test)]
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
}
