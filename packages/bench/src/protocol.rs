//! What the benchmark asks its guests and what they answer, as JSON. The guests and `wharf-bench` compile this file.

use serde::{Deserialize, Serialize};

/// What the web page of the guest says. Whoever it is compared with answers with as many bytes.
pub(crate) const PAGE: &str = "hello, wharf\n";

/// Keys, or rows, of the databases that are measured.
pub(crate) const DATABASE_KEYS: usize = 1_000;

/// Bytes of each value.
pub(crate) const DATABASE_VALUE_BYTES: usize = 100;

/// What a database is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DatabaseWork {
    /// Set a key.
    KvSet,
    /// Get the value of a key.
    KvGet,
    /// Read a row by its key.
    SqlRead,
}

/// A request to a process that drives a measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Send requests one after the other, each when the one before was answered. Answered with [`Reply::Summary`].
    RoundTrips {
        /// Name of the process that answers them.
        target: String,
        /// How they are sent.
        style: Style,
        /// What they carry.
        load: Load,
        /// Batches, each timed as a whole.
        batches: usize,
        /// Round trips in a batch.
        per_batch: usize,
    },
    /// Keep a number of requests on the way. Answered with [`Reply::ElapsedNs`].
    Pipelined {
        /// Name of the process that answers them.
        target: String,
        /// How they are sent.
        style: Style,
        /// Bytes of each body.
        body_bytes: usize,
        /// Requests on the way at a time.
        window: usize,
        /// Requests in all.
        count: usize,
    },
    /// Start pairs of a driver and an echo, if they are not there yet. Answered with [`Reply::Done`].
    MakePairs {
        /// How many.
        pairs: usize,
        /// How they are going to send.
        style: Style,
    },
    /// Let all pairs do round trips at once. Answered with [`Reply::ElapsedNs`].
    RunPairs {
        /// How many.
        pairs: usize,
        /// How they send.
        style: Style,
        /// Bytes of each body.
        body_bytes: usize,
        /// Round trips of each pair.
        per_pair: usize,
    },
    /// Start processes that say hello and end, one after the other, timed until the hello is here. Answered with
    /// [`Reply::Summary`].
    Starts {
        /// Which component.
        content: Content,
        /// How many processes.
        count: usize,
    },
    /// Start processes that wait. Answered with [`Reply::Done`] when each has answered one message.
    MakeIdle {
        /// How many.
        count: usize,
        /// Whether the next boot starts them again.
        lifetime: Lifetime,
    },
    /// Start processes that end at once, in several parents at the same time. Answered with [`Reply::ElapsedNs`].
    SpawnMany {
        /// Parents.
        parents: usize,
        /// Children of each.
        per_parent: usize,
    },
    /// Start children that end at once, one after the other. Answered with [`Reply::Done`].
    Spawn {
        /// How many.
        count: usize,
    },
    /// Start processes that nobody wants beside him: one that never reads, one that computes for ever, one that floods
    /// the others, and one that crashes whenever it is started. Answered with [`Reply::Done`].
    BadNeighbours,
    /// Let processes save their state at the same time, one change after the other each. Answered with
    /// [`Reply::ElapsedNs`].
    RunSavers {
        /// How many processes.
        processes: usize,
        /// Changes of each.
        per_process: usize,
    },
    /// Save the state again and again, as one of [`Command::RunSavers`]. Answered with [`Reply::Done`].
    SaveStates {
        /// How often.
        count: usize,
    },
    /// Work with files in the drive `tmp`. Answered with [`Reply::Summary`].
    Files {
        /// What is done again and again.
        work: FileWork,
        /// Batches, each timed as a whole.
        batches: usize,
        /// How often in a batch.
        per_batch: usize,
    },
    /// Call a database again and again. Answered with [`Reply::Summary`].
    Databases {
        /// What for.
        work: DatabaseWork,
        /// Batches, each timed as a whole.
        batches: usize,
        /// Calls in a batch.
        per_batch: usize,
    },
    /// Let processes set keys of one database at the same time, durably. Answered with [`Reply::ElapsedNs`].
    RunSetters {
        /// How many processes.
        processes: usize,
        /// Keys that each sets, one after the other.
        per_process: usize,
    },
    /// Set keys durably, as one of [`Command::RunSetters`]. Answered with [`Reply::Done`].
    SetDurably {
        /// How many.
        count: usize,
    },
    /// Write or read a file block by block through `std::fs`. Answered with [`Reply::Summary`], of one block.
    Blocks {
        /// Where, as the guest sees it.
        path: String,
        /// Which.
        access: Access,
        /// Bytes of a block.
        block_bytes: usize,
        /// How many.
        blocks: usize,
    },
    /// Time the reading of the clock. Answered with [`Reply::Summary`].
    Clock {
        /// Readings.
        count: usize,
    },
}

/// How a guest speaks with the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Style {
    /// Through the guest library, as processes do.
    Library,
    /// Through the generated bindings, with nothing built anew for a message that need not be.
    Bare,
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    /// It is made, and written.
    Write,
    /// It is there, and read.
    Read,
}

/// What a request and its response carry.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Load {
    /// A body of so many bytes.
    Body(usize),
    /// An empty body, and a blob of so many bytes.
    Blob(usize),
}

/// Bytes of a large file, and of what is appended to it.
pub(crate) const LARGE_BYTES: usize = 1 << 20;
/// Bytes of a small file.
pub(crate) const SMALL_BYTES: usize = 100;

/// What is done with files. Whoever it is compared with does the same with `std::fs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FileWork {
    /// Read all of a file of [`LARGE_BYTES`].
    Read,
    /// Append [`LARGE_BYTES`].
    Append,
    /// Create a file of [`SMALL_BYTES`], write it, and read it.
    Small,
}

/// Which component a process is started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// The one that runs already.
    Known,
    /// One that the node has never seen.
    New,
}

/// How long a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lifetime {
    /// Until the node stops.
    ThisBoot,
    /// Until it is killed.
    Kept,
}

/// An answer to a [`Command`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// It was done.
    Done,
    /// It took so many nanoseconds.
    ElapsedNs(f64),
    /// Many were done.
    Summary(Summary),
    /// It was not done, and why.
    Failed(String),
}

/// What is told of many samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Half of the samples took at most so many nanoseconds.
    pub(crate) p50_ns: f64,
    /// 99 of 100 samples took at most so many nanoseconds.
    pub(crate) p99_ns: f64,
}

impl Summary {
    /// Of samples in nanoseconds. Zero when there are none.
    pub(crate) fn of(mut samples_ns: Vec<f64>) -> Self {
        samples_ns.sort_by(f64::total_cmp);
        // The smallest sample that so many of a hundred do not pass.
        let at = |percent: usize| {
            let rank = (samples_ns.len() * percent).div_ceil(100).saturating_sub(1);
            samples_ns.get(rank).copied().unwrap_or_default()
        };
        Self { p50_ns: at(50), p99_ns: at(99) }
    }
}
