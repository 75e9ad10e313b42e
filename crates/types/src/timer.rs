//! What `timer:distro:sys` is asked. It answers with an empty body when the time has come.

use serde::{Deserialize, Serialize};

/// A request to the timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerAction {
    /// Show the timers in the node's log.
    Debug,
    /// Answer after this many milliseconds, never earlier.
    SetTimer(u64),
}
