//! How often a password may be tried: by one address, and by all together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);

/// Attempts that are left, growing with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(per_minute: u32, now: Instant) -> Self {
        Self { left: f64::from(per_minute), at: now }
    }

    fn refill(&mut self, per_minute: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64();
        self.left = (self.left + passed * f64::from(per_minute)).min(f64::from(per_minute));
        self.at = now;
    }

    /// How long until there is one more attempt.
    fn wait(&self, per_minute: u32) -> Duration {
        let minutes = (1.0 - self.left).max(0.0) / f64::from(per_minute.max(1));
        Duration::try_from_secs_f64(minutes * MINUTE.as_secs_f64()).unwrap_or(MINUTE)
    }
}

/// Too many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords were tried; wait {} s, or use `wharf login-link` on the node's machine", .wait.as_secs() + 1)]
pub(crate) struct TooMany {
    /// Until the next one.
    pub(crate) wait: Duration,
}

#[derive(Debug)]
struct State {
    all: Bucket,
    by_address: HashMap<IpAddr, Bucket>,
}

/// Counts attempts.
#[derive(Debug)]
pub(crate) struct Attempts {
    per_address: u32,
    per_minute: u32,
    addresses_max: usize,
    state: Mutex<State>,
}

/// Whoever has one IPv6 address has 2^64 of them.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

impl Attempts {
    /// So many a minute, by one address and by all.
    pub(crate) fn new(per_address: u32, per_minute: u32, addresses_max: usize) -> Self {
        let all = Bucket::full(per_minute, Instant::now());
        let state = Mutex::new(State { all, by_address: HashMap::new() });
        Self { per_address, per_minute, addresses_max: addresses_max.max(1), state }
    }

    /// Takes one attempt of `address`.
    pub(crate) fn take(&self, address: IpAddr, now: Instant) -> Result<(), TooMany> {
        let address = counted_as(address);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State { all, by_address } = &mut *state;
        all.refill(self.per_minute, now);
        if !by_address.contains_key(&address) && by_address.len() >= self.addresses_max {
            self.forget(by_address, now);
        }
        let own = by_address.entry(address).or_insert_with(|| Bucket::full(self.per_address, now));
        own.refill(self.per_address, now);
        // An address that is refused takes nothing from the others.
        if own.left < 1.0 {
            return Err(TooMany { wait: own.wait(self.per_address) });
        }
        if all.left < 1.0 {
            return Err(TooMany { wait: all.wait(self.per_minute) });
        }
        own.left -= 1.0;
        all.left -= 1.0;
        Ok(())
    }

    /// Gives an attempt back: it was the right password.
    pub(crate) fn give_back(&self, address: IpAddr) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.all.left = (state.all.left + 1.0).min(f64::from(self.per_minute));
        if let Some(own) = state.by_address.get_mut(&counted_as(address)) {
            own.left = (own.left + 1.0).min(f64::from(self.per_address));
        }
    }

    /// Makes room: addresses that have all their attempts again are as good as unknown, else the one with most left.
    fn forget(&self, by_address: &mut HashMap<IpAddr, Bucket>, now: Instant) {
        by_address.retain(|_, bucket| {
            bucket.refill(self.per_address, now);
            bucket.left < f64::from(self.per_address)
        });
        if by_address.len() >= self.addresses_max {
            let most =
                by_address.iter().max_by(|(_, a), (_, b)| a.left.total_cmp(&b.left)).map(|(address, _)| *address);
            most.and_then(|address| by_address.remove(&address));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn s22_one_address_has_few_attempts_and_others_have_theirs() {
        let attempts = Attempts::new(3, 100, 10);
        let now = Instant::now();
        for _ in 0..3 {
            attempts.take(ip("1.1.1.1"), now).unwrap();
        }
        let refused = attempts.take(ip("::ffff:1.1.1.1"), now).unwrap_err();
        assert_eq!(refused.wait, Duration::from_secs(20));
        attempts.take(ip("2.2.2.2"), now).unwrap();
        attempts.take(ip("1.1.1.1"), now + Duration::from_secs(21)).unwrap();
        assert!(attempts.take(ip("1.1.1.1"), now + Duration::from_secs(22)).is_err());
    }

    #[test]
    fn s22_all_together_have_a_bound_too() {
        let attempts = Attempts::new(3, 5, 100);
        let now = Instant::now();
        let taken = (0..50).filter(|n| attempts.take(IpAddr::from([10, 0, 0, *n]), now).is_ok()).count();
        assert_eq!(taken, 5);
        attempts.give_back(ip("10.0.0.1"));
        assert!(attempts.take(ip("9.9.9.9"), now).is_ok());
    }

    #[test]
    fn s22_a_network_of_ipv6_is_one_address() {
        let attempts = Attempts::new(1, 100, 10);
        let now = Instant::now();
        attempts.take(ip("2001:db8::1"), now).unwrap();
        assert!(attempts.take(ip("2001:db8::ffff:2"), now).is_err());
        assert!(attempts.take(ip("2001:db8:0:1::1"), now).is_ok());
    }

    #[test]
    fn s22_remembered_addresses_have_a_bound() {
        let attempts = Attempts::new(2, 1_000_000, 8);
        let now = Instant::now();
        attempts.take(ip("1.1.1.1"), now).unwrap();
        attempts.take(ip("1.1.1.1"), now).unwrap();
        for n in 0..1_000_u32 {
            attempts.take(IpAddr::from(n.to_be_bytes()), now).unwrap();
        }
        assert!(attempts.state.lock().unwrap().by_address.len() <= 8);
        // Who has used up most is remembered longest.
        assert!(attempts.take(ip("1.1.1.1"), now).is_err());
    }
}
