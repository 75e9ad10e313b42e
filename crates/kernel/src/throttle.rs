//! So much in a second and no more, with a count of what was dropped.

use std::time::{Duration, Instant};

/// Over how long use is evened out, and how often one is told of what was dropped.
const SECOND: Duration = Duration::from_secs(1);

/// A token bucket that holds one second's worth.
#[derive(Debug)]
pub(crate) struct Throttle {
    per_s: u64,
    /// When the bucket is full again. What was let through lies ahead of now by its share of a second.
    full_at: Instant,
    dropped: u64,
    told_at: Option<Instant>,
}

/// What becomes of one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It passes.
    Pass,
    /// It is dropped.
    Drop,
}

impl Throttle {
    pub(crate) fn new(per_s: u64, now: Instant) -> Self {
        Self { per_s, full_at: now, dropped: 0, told_at: None }
    }

    /// Decides about an item that costs `cost`. One that costs more than a second's worth passes when nothing did for
    /// long enough.
    pub(crate) fn admit(&mut self, now: Instant, cost: u64) -> Admission {
        let share = (cost.saturating_mul(1_000_000_000)).checked_div(self.per_s).map(Duration::from_nanos);
        let ahead = self.full_at.saturating_duration_since(now);
        match share {
            Some(share) if ahead.is_zero() || ahead.saturating_add(share) <= SECOND => {
                self.full_at = now.checked_add(ahead.saturating_add(share)).unwrap_or(self.full_at);
                Admission::Pass
            }
            _ => {
                self.dropped = self.dropped.saturating_add(1);
                Admission::Drop
            }
        }
    }

    /// How many were dropped, if somebody should be told now: at once when it begins, then each second.
    pub(crate) fn take_missed(&mut self, now: Instant) -> Option<u64> {
        let due = self.told_at.is_none_or(|told| now.saturating_duration_since(told) >= SECOND);
        if self.dropped == 0 || !due {
            return None;
        }
        self.told_at = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lets_a_seconds_worth_through_and_counts_the_rest() {
        let now = Instant::now();
        let mut throttle = Throttle::new(10, now);
        let passed = (0..25).filter(|_| throttle.admit(now, 1) == Admission::Pass).count();
        assert_eq!(passed, 10);
        assert_eq!(throttle.take_missed(now), Some(15));
        assert_eq!(throttle.admit(now, 1), Admission::Drop);
        assert_eq!(throttle.take_missed(now), None, "told once a second");
        let later = now + Duration::from_millis(500);
        let passed = (0..25).filter(|_| throttle.admit(later, 1) == Admission::Pass).count();
        assert_eq!(passed, 5);
        assert_eq!(throttle.take_missed(now + SECOND), Some(1 + 20));
    }

    #[test]
    fn what_is_larger_than_a_seconds_worth_passes_now_and_then() {
        let now = Instant::now();
        let mut throttle = Throttle::new(10, now);
        assert_eq!(throttle.admit(now, 30), Admission::Pass);
        assert_eq!(throttle.admit(now + 2 * SECOND, 1), Admission::Drop);
        assert_eq!(throttle.admit(now + 3 * SECOND, 30), Admission::Pass);
    }

    #[test]
    fn nothing_passes_where_nothing_may_and_no_number_is_too_large() {
        let now = Instant::now();
        assert_eq!(Throttle::new(0, now).admit(now, 1), Admission::Drop);
        let mut throttle = Throttle::new(1, now);
        assert_eq!(throttle.admit(now, u64::MAX), Admission::Pass);
        assert_eq!(throttle.admit(now, u64::MAX), Admission::Drop);
    }
}
