//! How long things took, counted in fixed steps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wharf_types::metrics::{Bucket, Histogram as Counted};

/// Upper bounds of the steps in microseconds: from a lookup in memory to a compilation.
const BOUNDS_US: [u64; 12] = [10, 50, 100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// Durations, counted. Any number of tasks may add.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS_US.len()],
    longer: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    pub(crate) fn add(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts.get(at).unwrap_or(&self.longer).fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn counted(&self) -> Counted {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = BOUNDS_US.into_iter().zip(counts).map(|(le_us, count)| Bucket { le_us, count }).collect();
        let within: u64 = buckets.iter().map(|bucket| bucket.count).sum();
        // Counted from the steps, so that they never disagree with it while others add.
        let count = within + self.longer.load(Ordering::Relaxed);
        Counted { buckets, count, sum_us: self.sum_us.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_step() {
        let histogram = Histogram::default();
        for us in [0, 10, 11, 10_000_000, 10_000_001] {
            histogram.add(Duration::from_micros(us));
        }
        let counted = histogram.counted();
        let at = |le_us| counted.buckets.iter().find(|bucket| bucket.le_us == le_us).unwrap().count;
        assert_eq!((at(10), at(50), at(10_000_000)), (2, 1, 1));
        assert_eq!((counted.count, counted.sum_us), (5, 20_000_022));
    }
}
