//! What a package asks for, as data: what the owner is shown before it is installed, and what an upgrade is compared by.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::ProcessId;

/// One thing that a process of a package asks for or offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Who: the name of a process, or `script <file>`.
    pub process: String,
    /// What.
    pub what: AskedFor,
    /// How far it reaches.
    pub weight: Weight,
    /// The same in plain words, without the subject; printable ASCII only.
    pub text: String,
}

impl Ask {
    /// Whether it is the same thing. Words may change from one version of Wharf to the next, rights do not.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.process == other.process && self.what == other.what
    }
}

/// What is asked for or offered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AskedFor {
    /// To reach other nodes, and be reached by them.
    Network,
    /// To send messages to a process.
    Message {
        /// Which.
        to: ProcessId,
    },
    /// A right that only its issuer understands.
    Right {
        /// Who gives it.
        issuer: ProcessId,
        /// What it is.
        params: Value,
    },
    /// Everything that the terminal holds; only scripts ask for that.
    TerminalRights,
    /// A process may send messages to it.
    BeMessaged {
        /// Which.
        by: ProcessId,
    },
    /// Every process of the node may.
    BePublic,
    /// It gives a right of its own.
    Give {
        /// To whom.
        to: ProcessId,
        /// Which.
        params: Value,
    },
    /// To be started again whenever it ends.
    Restart,
    /// To send a message when it ends.
    LastMessage {
        /// To whom.
        to: ProcessId,
    },
}

/// How far something reaches; what reaches furthest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Power over the node, or over what other packages keep.
    Danger,
    /// It leads out of the node, or to what belongs to others.
    Care,
    /// What packages usually need.
    Usual,
}
