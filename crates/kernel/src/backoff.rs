//! How long a process that keeps ending waits before it starts again.

use std::time::{Duration, Instant};

/// The first restart is immediate; each further one waits twice as long as the one before, within these bounds.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// After a life this long, a process is taken for healthy.
const HEALTHY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    started: Instant,
}

impl Backoff {
    pub(crate) fn new(now: Instant) -> Self {
        Self { next: Duration::ZERO, started: now }
    }

    /// A life began.
    pub(crate) fn started(&mut self, now: Instant) {
        self.started = now;
    }

    /// A life ended: the pause before the next one. `jitter` in 0..=255 lengthens it by up to a quarter, so that
    /// processes that failed together do not come back together.
    pub(crate) fn ended(&mut self, now: Instant, jitter: u8) -> Duration {
        if now.saturating_duration_since(self.started) >= HEALTHY {
            self.next = Duration::ZERO;
        }
        let pause = self.next;
        self.next = (pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        pause + (pause / 4) * u32::from(jitter) / 255
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_never_overflow() {
        let now = Instant::now();
        let mut backoff = Backoff::new(now);
        assert_eq!(backoff.ended(now, 0), Duration::ZERO);
        assert_eq!(backoff.ended(now, 0), Duration::from_millis(50));
        assert_eq!(backoff.ended(now, 0), Duration::from_millis(100));
        // C7: in the reference 2^attempts overflows after 64 fast restarts.
        for _ in 0..1_000 {
            backoff.ended(now, 255);
        }
        assert_eq!(backoff.ended(now, 0), PAUSE_MAX);
    }

    #[test]
    fn a_healthy_life_starts_over() {
        let now = Instant::now();
        let mut backoff = Backoff::new(now);
        for _ in 0..10 {
            backoff.ended(now, 0);
        }
        backoff.started(now);
        assert_eq!(backoff.ended(now + HEALTHY, 0), Duration::ZERO);
    }
}
