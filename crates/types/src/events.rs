//! What happened to processes and capabilities: the answer to [`crate::kernel::KernelCommand::Events`].
//!
//! Events are pulled, not pushed. The kernel keeps the last of them in a bounded ring with consecutive numbers; a reader
//! asks for what came after the last number it has seen, and waits in that request until there is something. So a slow
//! reader costs the kernel nothing, holds nobody up, and learns how many events it missed; and a reader needs no open
//! mailbox, no subscription that has to end with it, and nothing that survives a restart.

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::id::{Address, ProcessId};

/// Events after the one that was named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPage {
    /// Id of this boot. Numbers of another boot mean nothing in this one: begin again with `after: null`.
    pub boot: String,
    /// Events that were dropped before this reader asked for them. They came right before the first of `events`.
    pub lost: u64,
    /// The events, the oldest first; at most [`EventPage::EVENTS_MAX`], the rest with the next request.
    pub events: Vec<Event>,
    /// What to name as `after` in the next request.
    pub next: u64,
}

impl EventPage {
    /// Most events in one answer.
    pub const EVENTS_MAX: usize = 1_000;
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number: the first event of a boot is 1, each has the next.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// To whom.
    pub process: ProcessId,
    /// What.
    pub what: Happening,
}

/// What happened. Texts are cut to [`Happening::TEXT_BYTES_MAX`] bytes; the log has all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happening {
    /// The process was created.
    Created,
    /// Its `init` was called.
    Running,
    /// One life of it ended by itself.
    Exited {
        /// How. A life that never began is one too.
        exit: Exit,
    },
    /// It was started again, or that was tried.
    Restarted {
        /// How often that makes.
        restarts: u64,
    },
    /// It was ended from outside.
    Killed,
    /// It left the process table by itself: it ended and was not to be started again.
    Gone,
    /// Its component could not be loaded when the node came up, and it asked for nothing at its end: it waits for the
    /// next boot. Why was told as [`Happening::Exited`].
    Failed,
    /// It was given a capability: by the kernel, by whoever created it, or by another who holds it.
    CapabilityGranted(WrittenCapability),
    /// It kept a capability that it received or issues itself.
    CapabilitySaved(WrittenCapability),
    /// It lost a capability: it gave it up, or an administrator took it.
    CapabilityDropped(WrittenCapability),
    /// It lost a capability because that was revoked, from it or from somebody it came through, or because its issuer
    /// was killed.
    CapabilityRevoked(WrittenCapability),
    /// It is a module, and panicked while it handled a request.
    Panicked,
    /// It reached a bound. Told at most once a second for each process and bound.
    LimitHit {
        /// Name of the setting, for example `mailbox_messages_max`.
        limit: String,
    },
}

/// A capability for people: what it says, without the power of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenCapability {
    /// Who issued it.
    pub issuer: Address,
    /// What it says; cut when it is long.
    pub params: String,
}

impl Happening {
    /// Most bytes of a reason, or of the params of a capability.
    pub const TEXT_BYTES_MAX: usize = 1_024;
}
