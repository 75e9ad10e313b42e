//! One browser that is logged in.

use serde::{Deserialize, Serialize};

use super::arrival::Scheme;
use super::secret::Digest;

/// Longest text about a browser that is kept.
pub(crate) const AGENT_CHARS_MAX: usize = 160;
/// Characters of a digest that name a session to the owner. They open nothing.
const ID_CHARS: usize = 12;

/// One browser that is logged in, at one origin of the node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// Of the secret that the browser has.
    pub(crate) digest: Digest,
    /// The subdomain that it is good for; without one, the node's own names.
    pub(crate) label: Option<Box<str>>,
    /// The session that it was made from, with which it ends.
    pub(crate) parent: Option<Digest>,
    /// When it was made, in seconds since 1970.
    pub(crate) created_s: u64,
    /// When it ends, in seconds since 1970.
    pub(crate) expires_s: u64,
    /// Address of the browser.
    pub(crate) from: String,
    /// What the browser calls itself.
    pub(crate) agent: String,
    /// Whether its cookie may go over plain HTTP.
    pub(crate) secure: bool,
}

impl Session {
    /// What the owner calls it.
    pub(crate) fn id(&self) -> String {
        self.digest.hex().chars().take(ID_CHARS).collect()
    }

    /// Whether it is good: at this time, on this subdomain, over this kind of connection.
    pub(crate) fn is_good(&self, now_s: u64, label: Option<&str>, scheme: Scheme) -> bool {
        let carried_well = !self.secure || scheme == Scheme::Https;
        now_s < self.expires_s && self.label.as_deref() == label && carried_well
    }

    /// The session that somebody logged in with.
    pub(crate) fn root(&self) -> Digest {
        self.parent.unwrap_or(self.digest)
    }
}
