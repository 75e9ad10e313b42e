//! When a certificate is renewed, and when what failed is tried again.

use std::time::Duration;

use crate::certificate::Validity;

/// When to renew, in seconds since 1970: when a third of its life is left, or up to a twentieth earlier, so that not all
/// nodes of the world come at the same time. `jitter` in 0..=255.
pub(crate) fn renew_at(validity: Validity, jitter: u8) -> i64 {
    let life = validity.not_after.saturating_sub(validity.not_before).max(0);
    let earlier = (life / 20).saturating_mul(i64::from(jitter)) / 255;
    validity.not_after.saturating_sub(life / 3).saturating_sub(earlier)
}

/// Waits after failures.
#[derive(Debug)]
pub(crate) struct Retry {
    first: Duration,
    max: Duration,
    next: Duration,
}

impl Retry {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        Self { first, max, next: first }
    }

    /// It worked.
    pub(crate) fn worked(&mut self) {
        self.next = self.first;
    }

    /// It failed: how long to wait. Twice as long as the last time, and up to a quarter more.
    pub(crate) fn failed(&mut self, jitter: u8) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.max);
        wait.saturating_add((wait / 4).saturating_mul(u32::from(jitter)) / 255)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn a_certificate_of_90_days_is_renewed_about_30_days_before_its_end() {
        let validity = Validity { not_before: 0, not_after: 90 * DAY };
        assert_eq!(renew_at(validity, 0), 60 * DAY);
        assert_eq!(renew_at(validity, 255), 60 * DAY - 90 * DAY / 20);
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut retry = Retry::new(Duration::from_secs(300), Duration::from_secs(1_000));
        let mut waits = || retry.failed(0).as_secs();
        assert_eq!([waits(), waits(), waits(), waits()], [300, 600, 1_000, 1_000]);
        retry.worked();
        assert_eq!(retry.failed(255).as_secs(), 375);
    }

    proptest! {
        /// Whatever an authority writes into a certificate.
        #[test]
        fn renewal_is_never_after_the_end(not_before in any::<i64>(), not_after in any::<i64>(), jitter in any::<u8>()) {
            assert!(renew_at(Validity { not_before, not_after }, jitter) <= not_after);
        }
    }
}
