//! How the processes that are gone have ended: the last of them, for people who ask why something is not there.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use wharf_types::kernel::{EndedProcess, Exit, LastExit};

/// The last processes that ended for good, the oldest first.
#[derive(Debug)]
pub(crate) struct Ended {
    last: Mutex<VecDeque<EndedProcess>>,
    max: usize,
}

impl Ended {
    pub(crate) fn new(max: usize) -> Self {
        Self { last: Mutex::default(), max }
    }

    pub(crate) fn push(&self, ended: EndedProcess) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= self.max {
            last.pop_front();
        }
        if self.max > 0 {
            last.push_back(ended);
        }
    }

    pub(crate) fn all(&self) -> Vec<EndedProcess> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// An exit that happens now.
pub(crate) fn now(exit: Exit) -> LastExit {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    LastExit { exit, at_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_are_kept() {
        for max in [0, 1, 3] {
            let ended = Ended::new(max);
            for restarts in 0..5 {
                let id = "a:b:c".parse().unwrap();
                ended.push(EndedProcess { id, restarts, last: now(Exit::Killed) });
            }
            let kept: Vec<_> = ended.all().iter().map(|ended| ended.restarts).collect();
            assert_eq!(kept, (5 - max as u64..5).collect::<Vec<_>>());
        }
    }
}
