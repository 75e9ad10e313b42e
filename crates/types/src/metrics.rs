//! What a node counts: the answer to [`crate::kernel::KernelCommand::Metrics`].
//!
//! Everything named `_total`, and every count in a [`Histogram`], only grows while the node runs and begins at zero with
//! it; the rest says how things stand now. Rates are the difference of two answers over the difference of their
//! [`NodeMetrics::uptime_ms`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ProcessId;
use crate::kernel::ProcessPhase;

/// Everything that is counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeMetrics {
    /// Name of the node.
    pub node: String,
    /// Id of this boot: totals of another boot cannot be compared with these.
    pub boot: String,
    /// Milliseconds since the node came up.
    pub uptime_ms: u64,
    /// How many processes are in each phase.
    pub phases: BTreeMap<ProcessPhase, u64>,
    /// Capabilities held, over all processes.
    pub capabilities: u64,
    /// What was written to the store.
    pub store: StoreMetrics,
    /// Events since the node came up: see [`crate::events`].
    pub events_total: u64,
    /// How often each limit refused something since the node came up, by the name of its setting.
    pub limit_hits: BTreeMap<String, u64>,
    /// Each runtime module.
    pub modules: Vec<ModuleMetrics>,
    /// What modules count on their own account.
    pub families: Vec<Family>,
    /// Each process and module, the oldest first.
    pub processes: Vec<ProcessMetrics>,
}

/// What was written to the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreMetrics {
    /// Transactions that were made durable.
    pub commits_total: u64,
    /// Writes in them: those that wait at the same time share one.
    pub writes_total: u64,
    /// Most writes that shared one.
    pub batch_max: u64,
}

/// One runtime module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleMetrics {
    /// Its id.
    pub id: ProcessId,
    /// Requests it has handled or refused.
    pub requests_total: u64,
    /// Those of them that it refused, answered with the reason of a failure, or panicked in.
    pub failures_total: u64,
    /// Requests it works on now.
    pub in_work: u64,
    /// How long handling took.
    pub time: Histogram,
}

/// How often which duration occurred, in fixed steps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Steps, the shortest first. What was longer than the last is only in [`Histogram::count`].
    pub buckets: Vec<Bucket>,
    /// How many there were.
    pub count: u64,
    /// Microseconds of all together.
    pub sum_us: u64,
}

/// One step of a [`Histogram`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its upper bound in microseconds, which belongs to it.
    pub le_us: u64,
    /// How many were within it, and not within the step before.
    pub count: u64,
}

/// Counters of one kind, told apart by one label. Name, help and label are the module's own words and fixed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family {
    /// Its name, `[a-z_]+`, for example `http_requests`.
    pub name: String,
    /// What is counted, for people.
    pub help: String,
    /// What tells the counters apart, `[a-z_]+`.
    pub label: String,
    /// The counters by the label's value.
    pub values: BTreeMap<String, u64>,
}

/// One process or module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMetrics {
    /// Its id.
    pub id: ProcessId,
    /// Where it is in its life.
    pub phase: ProcessPhase,
    /// Milliseconds since it was created. A process that is created again begins to count anew; one that is restarted
    /// goes on.
    pub age_ms: u64,
    /// What it received.
    pub received: Traffic,
    /// What it sent.
    pub sent: Traffic,
    /// Messages waiting for it.
    pub mailbox: u64,
    /// Most messages that ever waited for it at once.
    pub mailbox_peak: u64,
    /// Requests to it that found its mailbox full, each time they were tried.
    pub mailbox_full_total: u64,
    /// Its own requests that failed, by reason; reasons that never occurred are left out.
    pub failed: BTreeMap<FailureReason, u64>,
    /// How often it was started again.
    pub restarts_total: u64,
    /// Milliseconds that it spent computing, over all its lives; of a module, `None`.
    pub cpu_ms_total: Option<u64>,
    /// Bytes of its linear memories; of a module, `None`.
    pub memory_bytes: Option<u64>,
    /// Capabilities it holds.
    pub capabilities: u64,
}

/// Messages in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests and responses.
    pub messages_total: u64,
    /// Bytes of their bodies and blobs.
    pub bytes_total: u64,
}

/// Why a request of a process failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// It was taken, but no response came in time.
    Timeout,
    /// The target's node cannot be reached.
    Offline,
    /// There is no such process, or it ended.
    NoSuchProcess,
    /// The sender holds no messaging capability for it, or none for the network.
    NotAllowed,
    /// Its mailbox stayed full.
    MailboxFull,
    /// Body, blob or message are over a limit.
    TooLarge,
    /// The sender waits for too many responses, or for too many bytes.
    TooManyOutstanding,
    /// The target is no address.
    BadAddress,
}

impl FailureReason {
    /// Every reason, in the order of their declaration.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Offline,
        Self::NoSuchProcess,
        Self::NotAllowed,
        Self::MailboxFull,
        Self::TooLarge,
        Self::TooManyOutstanding,
        Self::BadAddress,
    ];

    /// As it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Offline => "offline",
            Self::NoSuchProcess => "no_such_process",
            Self::NotAllowed => "not_allowed",
            Self::MailboxFull => "mailbox_full",
            Self::TooLarge => "too_large",
            Self::TooManyOutstanding => "too_many_outstanding",
            Self::BadAddress => "bad_address",
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_written_as_they_say_and_stand_at_their_place() {
        for (at, reason) in FailureReason::ALL.into_iter().enumerate() {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
            assert_eq!(reason as usize, at);
        }
    }
}
