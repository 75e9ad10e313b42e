//! What happened to processes and capabilities, kept for whoever asks; see [`wharf_types::events`] for why it is pulled.
//!
//! Telling of an event is one push into a ring under a short lock. No message causes one by itself: only what changes
//! the process table or who holds what, and limits, each of them at most once a second for each process.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use wharf_types::Capability;
use wharf_types::ProcessId;
use wharf_types::events::{Event, EventPage, Happening, WrittenCapability};
use wharf_types::kernel::{Crash, Exit};

use crate::kernel::Kernel;
use crate::ring::{Page, Ring, Watched};

/// The events of this boot.
#[derive(Debug)]
pub(crate) struct Events(Watched<Event>);

impl Events {
    /// Keeps the last `capacity` of them.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Watched::new(Ring::new(capacity, 0)))
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.0.last()
    }

    /// Tells whoever watches that something happened to a process.
    pub(crate) fn emit(&self, process: &ProcessId, what: Happening) {
        let (process, at_ms) = (process.clone(), since_epoch().as_millis());
        let at_ms = u64::try_from(at_ms).unwrap_or(u64::MAX);
        self.0.push(|seq| Event { seq, at_ms, process, what });
    }
}

impl Kernel {
    /// Events after the number `after`, waiting for the first of them until `deadline`, if there is one.
    pub(crate) async fn events_after(&self, after: Option<u64>, deadline: Option<Instant>) -> EventPage {
        let events = &self.seen().events.0;
        let Page { lost, items, next } = match deadline {
            None => events.page(after, EventPage::EVENTS_MAX),
            Some(deadline) => events.wait(after, EventPage::EVENTS_MAX, deadline).await,
        };
        EventPage { boot: self.boot().to_string(), lost, events: items, next }
    }
}

/// The beginning of a text, within the bound of events.
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(Happening::TEXT_BYTES_MAX)).unwrap_or_default().to_owned()
}

/// The end of a text, within the same bound.
fn cut_to_end(text: &str) -> String {
    let from = text.len().saturating_sub(Happening::TEXT_BYTES_MAX);
    text.get(text.ceil_char_boundary(from)..).unwrap_or_default().to_owned()
}

/// An exit as events show it. Of what a guest wrote, the end says most; of its stack, the innermost functions.
pub(crate) fn cut_exit(exit: &Exit) -> Exit {
    let cut_crash = |crash: &Crash| {
        let mut room = Happening::TEXT_BYTES_MAX;
        let fits = |frame: &&String| {
            let left = room.checked_sub(frame.len());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let stack = crash.stack.iter().take_while(fits).cloned().collect();
        Crash { message: cut(&crash.message), stderr: cut_to_end(&crash.stderr), stack }
    };
    match exit {
        Exit::Returned => Exit::Returned,
        Exit::Killed => Exit::Killed,
        Exit::Trapped(crash) => Exit::Trapped(cut_crash(crash)),
        Exit::OutOfMemory(crash) => Exit::OutOfMemory(cut_crash(crash)),
        Exit::OutOfCpu(crash) => Exit::OutOfCpu(cut_crash(crash)),
        Exit::FailedToStart(crash) => Exit::FailedToStart(cut_crash(crash)),
        Exit::NodeFault(reason) => Exit::NodeFault(cut(reason)),
    }
}

/// A capability as events show it.
pub(crate) fn written(capability: &Capability) -> WrittenCapability {
    WrittenCapability { issuer: capability.issuer.clone(), params: cut(&capability.params) }
}

/// Time since 1970; none on a machine whose clock is set before that.
pub(crate) fn since_epoch() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_cut_to_what_says_most() {
        let long = format!("{}{}", "ä".repeat(5_000), "the end");
        let stack = vec!["f".repeat(300); 12];
        let crash = Crash { message: format!("boom {long}"), stderr: long.clone(), stack };
        let Exit::OutOfMemory(cut) = cut_exit(&Exit::OutOfMemory(crash)) else { unreachable!() };
        assert!(cut.message.starts_with("boom") && cut.stderr.ends_with("the end"));
        assert!(cut.message.len().max(cut.stderr.len()) <= Happening::TEXT_BYTES_MAX);
        assert_eq!(cut.stack.len(), Happening::TEXT_BYTES_MAX / 300);
        let Exit::NodeFault(reason) = cut_exit(&Exit::NodeFault(long)) else { unreachable!() };
        assert!(reason.len() <= Happening::TEXT_BYTES_MAX);
    }
}
