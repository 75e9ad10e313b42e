//! What is counted of each process.
//!
//! Counting a message costs a load and a store beside the message itself: what the task of the process counts is written
//! by that task alone, so nothing has to be locked or read back. What others count in its name is rare and kept apart.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use wharf_types::metrics::{FailureReason, Traffic};

use crate::envelope::Envelope;
use crate::limit_hits::Limit;

/// A counter that one task at a time adds to. Anyone may read it.
#[derive(Debug, Default)]
struct Own(AtomicU64);

impl Own {
    /// Not an atomic addition: with two tasks that add at once, one of them would be lost.
    #[inline]
    fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct OwnTraffic {
    messages: Own,
    bytes: Own,
}

#[derive(Debug, Default)]
struct SharedTraffic {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl SharedTraffic {
    fn add(&self, bytes: u64) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn total(own: &OwnTraffic, shared: &SharedTraffic) -> Traffic {
    Traffic {
        messages_total: own.messages.get() + shared.messages.load(Ordering::Relaxed),
        bytes_total: own.bytes.get() + shared.bytes.load(Ordering::Relaxed),
    }
}

/// What the task of a process writes with each message: on a cache line that nobody else writes.
#[derive(Debug, Default)]
#[repr(align(64))]
struct OwnCounters {
    sent: OwnTraffic,
    received: OwnTraffic,
}

/// Who counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    /// The one task that runs the process: its session, or its runner.
    ByOwnTask,
    /// Any task that sends or receives in its name.
    ByOthers,
}

/// Counters of one process over all its lives.
#[derive(Debug)]
pub(crate) struct Counters {
    own: OwnCounters,
    others_sent: SharedTraffic,
    others_received: SharedTraffic,
    failed: [AtomicU64; FailureReason::ALL.len()],
    /// The mailbox counts under its own lock. These are the figures of the lives that ended.
    mailbox_peak: AtomicU64,
    mailbox_full: AtomicU64,
    created: Instant,
    limits_told: Mutex<LimitsTold>,
}

/// Which limits were told of in one second.
#[derive(Debug, Default)]
struct LimitsTold {
    /// Counted from when the counters were made.
    second: u64,
    /// One bit for each limit.
    limits: u64,
}

const _: () = assert!(Limit::COUNT <= u64::BITS as usize);

impl Default for Counters {
    fn default() -> Self {
        Self {
            own: OwnCounters::default(),
            others_sent: SharedTraffic::default(),
            others_received: SharedTraffic::default(),
            failed: Default::default(),
            mailbox_peak: AtomicU64::new(0),
            mailbox_full: AtomicU64::new(0),
            created: Instant::now(),
            limits_told: Mutex::default(),
        }
    }
}

impl Counters {
    #[inline]
    pub(crate) fn sent(&self, by: Counted, bytes: u64) {
        match by {
            Counted::ByOwnTask => {
                self.own.sent.messages.add(1);
                self.own.sent.bytes.add(bytes);
            }
            Counted::ByOthers => self.others_sent.add(bytes),
        }
    }

    #[inline]
    pub(crate) fn received(&self, by: Counted, envelope: &Envelope) {
        let bytes = envelope.bytes();
        match by {
            Counted::ByOwnTask => {
                self.own.received.messages.add(1);
                self.own.received.bytes.add(bytes);
            }
            Counted::ByOthers => self.others_received.add(bytes),
        }
    }

    pub(crate) fn failed(&self, reason: FailureReason) {
        if let Some(counter) = self.failed.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn all_sent(&self) -> Traffic {
        total(&self.own.sent, &self.others_sent)
    }

    pub(crate) fn all_received(&self) -> Traffic {
        total(&self.own.received, &self.others_received)
    }

    pub(crate) fn failures(&self) -> BTreeMap<FailureReason, u64> {
        let counted = FailureReason::ALL.into_iter().zip(&self.failed);
        let counted = counted.map(|(reason, count)| (reason, count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// Adds what the mailbox of a life that ended had counted.
    pub(crate) fn mailbox_ended(&self, figures: MailboxFigures) {
        self.mailbox_peak.fetch_max(figures.peak, Ordering::Relaxed);
        self.mailbox_full.fetch_add(figures.full, Ordering::Relaxed);
    }

    /// The figures of all lives, given those of the present one.
    pub(crate) fn mailbox(&self, present: MailboxFigures) -> MailboxFigures {
        MailboxFigures {
            depth: present.depth,
            peak: present.peak.max(self.mailbox_peak.load(Ordering::Relaxed)),
            full: present.full + self.mailbox_full.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// Whether a limit may be told of now: each once a second, so that one process cannot fill the ring of events, and
    /// what it reaches all the time does not hide what it reaches once.
    pub(crate) fn may_tell(&self, limit: Limit) -> bool {
        let second = self.created.elapsed().as_secs();
        let bit = 1 << (limit as u32);
        let mut told = self.limits_told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.second != second {
            *told = LimitsTold { second, limits: 0 };
        }
        let is_new = told.limits & bit == 0;
        told.limits |= bit;
        is_new
    }
}

/// What a mailbox counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MailboxFigures {
    /// Messages waiting.
    pub(crate) depth: u64,
    /// Most that waited at once.
    pub(crate) peak: u64,
    /// Requests that found it full.
    pub(crate) full: u64,
}
