//! Timers by the clock: which there are, and which are due. Nothing here waits, reads the clock or touches the disk.

use std::collections::{BTreeMap, BTreeSet};

use wharf_types::ProcessId;
use wharf_types::timer::{ScheduledTimer, TimerError};

use crate::cron::Cron;

/// Longest name of a timer, in bytes.
pub(crate) const ID_BYTES_MAX: usize = 128;
/// Of an expression that is refused, so much is told back.
const TOLD_BYTES_MAX: usize = 64;

/// Who changes its timers, and what it may have.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) process: ProcessId,
    pub(crate) timers_max: usize,
    pub(crate) body_bytes_max: usize,
}

/// When a timer fires.
#[derive(Clone, Debug)]
pub(crate) enum When {
    /// Again and again, for the first time at `next_unix_ms`.
    Every {
        cron: Box<Cron>,
        next_unix_ms: u64,
    },
    At(u64),
}

impl When {
    /// Reads a cron expression. Days are tried one after another until one fits: where none does, that takes up to some
    /// tenths of a second.
    pub(crate) fn every(text: &str, now_ms: u64) -> Result<Self, TimerError> {
        let bad = |error: String| {
            let cron = text.get(..text.floor_char_boundary(TOLD_BYTES_MAX)).unwrap_or_default().to_owned();
            TimerError::BadCron { cron, error }
        };
        let cron = Cron::parse(text).map_err(bad)?;
        let next_unix_ms = cron.after(now_ms).ok_or_else(|| bad("there is no such time".to_owned()))?;
        Ok(Self::Every { cron: Box::new(cron), next_unix_ms })
    }
}

/// What somebody wants of its timers.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Only to be told of them.
    None,
    Put {
        id: String,
        when: When,
        body: Vec<u8>,
    },
    Remove {
        id: String,
    },
}

/// A timer that lasts.
#[derive(Clone, Debug)]
pub(crate) struct Timer {
    /// Absent on one that fires once.
    pub(crate) cron: Option<Cron>,
    pub(crate) next_unix_ms: u64,
    pub(crate) body: Vec<u8>,
}

/// Names a timer.
pub(crate) type Key = (ProcessId, String);

/// All timers that last.
///
/// `order` has exactly one entry for each timer, under its next time.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    timers: BTreeMap<Key, Timer>,
    order: BTreeSet<(u64, Key)>,
}

/// Whether there was room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The process has too many.
    Process(usize),
    /// The node has.
    Node(usize),
    /// What it is to send is too large.
    Body(usize),
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Limit(Full),
    Other(TimerError),
}

impl Schedule {
    pub(crate) fn len(&self) -> usize {
        self.timers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &Timer)> {
        self.timers.iter()
    }

    /// Everybody who has timers.
    pub(crate) fn processes(&self) -> BTreeSet<ProcessId> {
        self.timers.keys().map(|(process, _)| process.clone()).collect()
    }

    fn of(&self, process: &ProcessId) -> impl Iterator<Item = (&Key, &Timer)> {
        let from = (process.clone(), String::new());
        self.timers.range(from..).take_while(move |((owner, _), _)| owner == process)
    }

    pub(crate) fn list(&self, process: &ProcessId) -> Vec<ScheduledTimer> {
        let told = |((_, id), timer): (&Key, &Timer)| ScheduledTimer {
            id: id.clone(),
            cron: timer.cron.as_ref().map(ToString::to_string),
            next_unix_ms: timer.next_unix_ms,
        };
        self.of(process).map(told).collect()
    }

    /// Adds or replaces a timer, within the bounds of its owner and of the node.
    pub(crate) fn set(
        &mut self,
        owner: &Owner,
        id: String,
        when: When,
        body: Vec<u8>,
        all_max: usize,
    ) -> Result<(), Refused> {
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            return Err(Refused::Other(TimerError::BadId { max: ID_BYTES_MAX }));
        }
        if body.len() > owner.body_bytes_max {
            return Err(Refused::Limit(Full::Body(owner.body_bytes_max)));
        }
        let (cron, next_unix_ms) = match when {
            When::At(unix_ms) => (None, unix_ms),
            When::Every { cron, next_unix_ms } => (Some(*cron), next_unix_ms),
        };
        let key = (owner.process.clone(), id);
        if !self.timers.contains_key(&key) {
            if self.of(&owner.process).count() >= owner.timers_max {
                return Err(Refused::Limit(Full::Process(owner.timers_max)));
            }
            if self.timers.len() >= all_max {
                return Err(Refused::Limit(Full::Node(all_max)));
            }
        }
        self.put(key, Timer { cron, next_unix_ms, body });
        Ok(())
    }

    pub(crate) fn put(&mut self, key: Key, timer: Timer) {
        self.remove(&key);
        self.order.insert((timer.next_unix_ms, key.clone()));
        self.timers.insert(key, timer);
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Timer> {
        let timer = self.timers.remove(key)?;
        self.order.remove(&(timer.next_unix_ms, key.clone()));
        Some(timer)
    }

    /// Forgets the timers of a process. Tells whether there were any.
    pub(crate) fn remove_all(&mut self, process: &ProcessId) -> bool {
        let keys: Vec<Key> = self.of(process).map(|(key, _)| key.clone()).collect();
        keys.iter().for_each(|key| drop(self.remove(key)));
        !keys.is_empty()
    }

    /// The first in order of processes for which `wanted` holds.
    fn first(&self, wanted: impl Fn(&ProcessId) -> bool) -> Option<(u64, &Key)> {
        self.order.iter().find(|(_, (process, _))| wanted(process)).map(|(next, key)| (*next, key))
    }

    /// When the first timer of those processes fires.
    pub(crate) fn next(&self, wanted: impl Fn(&ProcessId) -> bool) -> Option<u64> {
        self.first(wanted).map(|(next, _)| next)
    }

    /// The first timer of those processes, if it is due. It stays until [`Schedule::fired`].
    pub(crate) fn due(&self, now_ms: u64, wanted: impl Fn(&ProcessId) -> bool) -> Option<(Key, Timer)> {
        let (_, key) = self.first(wanted).filter(|(next, _)| *next <= now_ms)?;
        Some((key.clone(), self.timers.get(key)?.clone()))
    }

    /// It was sent. One with an expression goes on after `now_ms`: of times that were missed, one is enough.
    pub(crate) fn fired(&mut self, key: &Key, now_ms: u64) {
        let Some(mut timer) = self.remove(key) else { return };
        let next = timer.cron.as_ref().and_then(|cron| cron.after(now_ms.max(timer.next_unix_ms)));
        if let Some(next) = next {
            timer.next_unix_ms = next;
            self.put(key.clone(), timer);
        }
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
