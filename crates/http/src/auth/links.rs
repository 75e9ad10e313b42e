//! Secrets that are good for once, and not for long. They are in memory only: a restart ends them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::secret::{Digest, NoRandomness, Secret};

/// What a link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkFor {
    /// Logging in without a password, and setting the first one.
    Login,
    /// Going on to a subdomain with a session of the node itself.
    Subdomain {
        /// The subdomain.
        label: Box<str>,
        /// The session.
        parent: Digest,
    },
}

#[derive(Debug)]
struct Link {
    is_for: LinkFor,
    made: Instant,
    ends: Instant,
}

/// Links that wait to be used.
#[derive(Debug)]
pub(crate) struct Links {
    max: usize,
    waiting: Mutex<HashMap<Digest, Link>>,
}

impl Links {
    /// None, and never more than `max`.
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), waiting: Mutex::default() }
    }

    /// Makes one that is good for `wait`. Beyond the bound, the oldest one ends.
    pub(crate) fn make(&self, is_for: LinkFor, wait: Duration, now: Instant) -> Result<Secret, NoRandomness> {
        let secret = Secret::new()?;
        let ends = now.checked_add(wait).unwrap_or(now);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, link| link.ends > now);
        while waiting.len() >= self.max {
            let Some(oldest) = waiting.iter().min_by_key(|(_, link)| link.made).map(|(digest, _)| *digest) else {
                break;
            };
            waiting.remove(&oldest);
        }
        waiting.insert(secret.digest(), Link { is_for, made: now, ends });
        Ok(secret)
    }

    /// Whether a link for logging in is good, without using it.
    pub(crate) fn is_login(&self, presented: &str, now: Instant) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let link = waiting.get(&Digest::of(presented.as_bytes()));
        link.is_some_and(|link| link.ends > now && link.is_for == LinkFor::Login)
    }

    /// Uses one up, if `fits` says that it is for this.
    pub(crate) fn take(&self, presented: &str, now: Instant, fits: impl Fn(&LinkFor) -> bool) -> Option<LinkFor> {
        let digest = Digest::of(presented.as_bytes());
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.get(&digest).is_some_and(|link| link.ends > now && fits(&link.is_for)) {
            return None;
        }
        waiting.remove(&digest).map(|link| link.is_for)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_link_is_good_for_once_and_for_a_while() {
        let links = Links::new(2);
        let now = Instant::now();
        let link = links.make(LinkFor::Login, WAIT, now).unwrap();
        assert!(links.is_login(link.text(), now) && !links.is_login("x", now));
        assert!(links.take(link.text(), now + WAIT, |_| true).is_none());
        assert!(links.take(link.text(), now, |_| false).is_none());
        assert_eq!(links.take(link.text(), now, |_| true), Some(LinkFor::Login));
        assert!(links.take(link.text(), now, |_| true).is_none());
    }

    #[test]
    fn links_max() {
        let links = Links::new(2);
        let now = Instant::now();
        let made: Vec<_> =
            (0..3).map(|n| links.make(LinkFor::Login, WAIT, now + Duration::from_secs(n)).unwrap()).collect();
        let good: Vec<_> = made.iter().map(|link| links.is_login(link.text(), now)).collect();
        assert_eq!(good, [false, true, true]);
    }
}
