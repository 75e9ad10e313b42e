//! Every bound of the kernel, in one place. Reaching one gives an error to whoever caused it.

use std::time::Duration;

use serde::Deserialize;

/// Bounds that hold for each process. In `wharf.toml` they are the table `[limits]`, by the same names.
#[derive(Clone, Debug, Deserialize)]
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
    /// Capabilities attached to one message.
    pub attached_capabilities_max: usize,
    /// Bytes of one process's saved state.
    pub state_bytes_max: usize,
    /// Guest processes on the node.
    pub processes_max: usize,
    /// Requests a module works on or has taken in, over all callers.
    pub module_requests_max: usize,
    /// Requests of one caller that wait while a module handles an earlier one of it.
    pub module_requests_per_caller_max: usize,
    /// Timers of one process that run at the same time.
    pub timers_per_process_max: usize,
    /// Timers of all processes.
    pub timers_max: usize,
    /// Milliseconds a sender that expects no response waits for room in a full mailbox.
    pub full_mailbox_wait_ms: u64,
}

impl Limits {
    pub(crate) fn full_mailbox_wait(&self) -> Duration {
        Duration::from_millis(self.full_mailbox_wait_ms)
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
            attached_capabilities_max: 256,
            state_bytes_max: 64 << 20,
            processes_max: 20_000,
            module_requests_max: 16_384,
            module_requests_per_caller_max: 1_024,
            timers_per_process_max: 4_096,
            timers_max: 262_144,
            full_mailbox_wait_ms: 1_000,
        }
    }
}
