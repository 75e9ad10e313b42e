//! Every bound of the kernel, in one place. Reaching one gives an error to whoever caused it, and is counted, see
//! [`crate::LimitHits`].

use std::time::Duration;

use serde::Deserialize;

use crate::persistence::StateRoom;

/// Bounds that hold for each process, and those of the node. In `wharf.toml` they are the table `[limits]`, by the same
/// names; `[packages."<package>:<publisher>".limits]` has others for the processes of one package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests waiting in one mailbox.
    pub mailbox_messages_max: usize,
    /// Bytes (bodies, blobs, envelopes) waiting in one mailbox.
    pub mailbox_bytes_max: usize,
    /// Requests of one process that wait for a response.
    pub outstanding_max: usize,
    /// Bytes of the requests of one process that wait for a response. They are kept for the error, should there be one.
    pub outstanding_bytes_max: usize,
    /// Bytes in one body.
    pub body_bytes_max: usize,
    /// Bytes in one blob.
    pub blob_bytes_max: usize,
    /// Capabilities one process may hold.
    pub capabilities_max: usize,
    /// Hands a capability may go through before somebody keeps it.
    pub capability_path_max: usize,
    /// Capabilities attached to one message.
    pub attached_capabilities_max: usize,
    /// Bytes of one process's saved state.
    pub state_bytes_max: usize,
    /// Bytes that the processes of one package have saved, those that are gone included.
    pub package_state_bytes_max: usize,
    /// Processes of one package that have saved something, those that are gone included.
    pub package_states_max: usize,
    /// Guest processes on the node.
    pub processes_max: usize,
    /// Guest processes of one package.
    pub package_processes_max: usize,
    /// Children of one process that run at the same time, of those it started since the node came up.
    pub children_max: usize,
    /// Requests that one process may leave to be sent when it ends.
    pub on_exit_requests_max: usize,
    /// Bytes that one process may print in a second. Lines over it are dropped, and the log says how many.
    pub printed_bytes_per_s_max: u64,
    /// Lines about one process, caused by what it does, that the node itself writes to the log in a second.
    pub notices_per_s_max: u64,
    /// Processes that are gone of which the end is remembered.
    pub ended_max: usize,
    /// Requests a module works on or has taken in, over all callers.
    pub module_requests_max: usize,
    /// Requests of one caller that wait while a module handles an earlier one of it.
    pub module_requests_per_caller_max: usize,
    /// Timers of one process that run at the same time.
    pub timers_per_process_max: usize,
    /// Timers of all processes.
    pub timers_max: usize,
    /// Scheduled timers of one process: those that are kept over restarts.
    pub scheduled_per_process_max: usize,
    /// Scheduled timers of all processes.
    pub scheduled_max: usize,
    /// Bytes that a scheduled timer sends when it fires.
    pub scheduled_body_bytes_max: usize,
    /// Milliseconds a sender that expects no response waits for room in a full mailbox.
    pub full_mailbox_wait_ms: u64,
    /// Events that are kept for readers.
    pub events_max: usize,
    /// Processes that are traced at the same time.
    pub traces_max: usize,
    /// Messages that are kept of each traced process.
    pub trace_lines_max: usize,
    /// Bytes that are kept of each body in a trace.
    pub trace_body_bytes_max: usize,
    /// Readers that wait for an event or a traced message at the same time.
    pub watchers_max: usize,
}

impl Limits {
    /// Those that hold for the node as a whole, so that a package cannot have others.
    pub const NODE_WIDE: &[&str] = &[
        "processes_max",
        "ended_max",
        "module_requests_max",
        "timers_max",
        "scheduled_max",
        "events_max",
        "traces_max",
        "trace_lines_max",
        "trace_body_bytes_max",
        "watchers_max",
    ];

    pub(crate) fn full_mailbox_wait(&self) -> Duration {
        Duration::from_millis(self.full_mailbox_wait_ms)
    }
}

impl Limits {
    /// What a package may have saved.
    pub fn state_room(&self) -> StateRoom {
        StateRoom { bytes_max: self.package_state_bytes_max, states_max: self.package_states_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_messages_max: 1_024,
            mailbox_bytes_max: 512 << 20,
            outstanding_max: 4_096,
            outstanding_bytes_max: 512 << 20,
            body_bytes_max: 16 << 20,
            blob_bytes_max: 256 << 20,
            capabilities_max: 4_096,
            capability_path_max: 32,
            attached_capabilities_max: 256,
            state_bytes_max: 64 << 20,
            package_state_bytes_max: 1 << 30,
            package_states_max: 32_768,
            processes_max: 20_000,
            package_processes_max: 16_384,
            children_max: 16_384,
            on_exit_requests_max: 256,
            printed_bytes_per_s_max: 128 << 10,
            notices_per_s_max: 20,
            ended_max: 256,
            module_requests_max: 16_384,
            module_requests_per_caller_max: 1_024,
            timers_per_process_max: 4_096,
            timers_max: 262_144,
            scheduled_per_process_max: 64,
            scheduled_max: 1_024,
            scheduled_body_bytes_max: 1_024,
            full_mailbox_wait_ms: 1_000,
            events_max: 4_096,
            traces_max: 16,
            trace_lines_max: 1_024,
            trace_body_bytes_max: 4_096,
            watchers_max: 256,
        }
    }
}
