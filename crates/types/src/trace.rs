//! The live messages of one process: the answer to [`crate::kernel::KernelCommand::Trace`].
//!
//! Like events, they are pulled: see [`crate::events`]. Tracing a process begins with the first request for it and ends
//! by itself when nobody has asked for a while.

use serde::{Deserialize, Serialize};

use crate::metrics::FailureReason;

/// Messages after the one that was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracePage {
    /// Messages that were dropped before this reader asked for them. They came right before the first of `lines`.
    pub lost: u64,
    /// The messages, the oldest first; at most [`TracePage::LINES_MAX`], the rest with the next request.
    pub lines: Vec<TraceLine>,
    /// What to name as `after` in the next request.
    pub next: u64,
}

impl TracePage {
    /// Most messages in one answer.
    pub const LINES_MAX: usize = 1_000;
}

/// One message of the process that is traced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// Its number. Each has the next.
    pub seq: u64,
    /// Microseconds since 1970.
    pub at_us: u64,
    /// Whether it came in or went out.
    pub direction: Direction,
    /// What it is.
    pub kind: TracedKind,
    /// Who sent it, or whom it was sent to.
    pub peer: String,
    /// Public id of the request that it belongs to: 16 hex digits, the same in every process that the request is passed
    /// on to with `inherit`, in the log, and in the header `x-request-id`.
    pub request: String,
    /// Bytes of its body.
    pub body_bytes: u64,
    /// Bytes of its blob, if it has one.
    pub blob_bytes: Option<u64>,
    /// Capabilities attached to it.
    pub capabilities: u64,
    /// The beginning of its body, if that was asked for.
    pub body: Option<TracedBody>,
    /// Of a response or a failure: microseconds since its request was seen here, where that is known.
    pub took_us: Option<u64>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// To the process that is traced.
    In,
    /// From it.
    Out,
}

/// What a line of a trace is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracedKind {
    /// A request, and how many seconds its sender waits for a response, if at all.
    Request {
        /// Seconds.
        expects_response: Option<u64>,
    },
    /// A response.
    Response,
    /// No message, but the end of a request that went out before: it failed.
    Failed(FailureReason),
}

/// The beginning of a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TracedBody {
    /// It is text.
    Text(String),
    /// It is not: two hex digits a byte.
    Hex(String),
}
