//! Bounds and choices about logging in.

use std::time::Duration;

use serde::Deserialize;

/// Whether processes share the node's own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origins {
    /// Paths are served at the node's own name, as existing processes expect, but for those that were bound to a
    /// secure subdomain.
    Shared,
    /// The paths of each process, but for the homepage, are served at a subdomain of that process alone. Browsers are
    /// sent there.
    Own,
}

/// Bounds of logging in. In `wharf.toml` they are the table `[login]`, times in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoginSettings {
    /// Whether processes share the node's own origin.
    pub origins: Origins,
    /// How long a session lasts.
    pub session_s_max: u64,
    /// Sessions that are kept; the oldest ends for the next one.
    pub sessions_max: usize,
    /// How long a one-time link is good.
    pub link_s_max: u64,
    /// One-time links that wait to be used; the oldest ends for the next one.
    pub links_max: usize,
    /// Passwords that are hashed at the same time. Each takes 19 MiB and a thread.
    pub hashes_max: usize,
    /// Passwords that wait to be hashed; a further one is refused.
    pub hashes_waiting_max: usize,
    /// Passwords that one address may try in a minute.
    pub address_attempts_per_minute: u32,
    /// Passwords that all may try in a minute.
    pub attempts_per_minute: u32,
    /// Addresses whose attempts are remembered.
    pub addresses_max: usize,
}

impl LoginSettings {
    /// How long a one-time link is good.
    pub(crate) fn link_wait(&self) -> Duration {
        Duration::from_secs(self.link_s_max)
    }
}

impl Default for LoginSettings {
    fn default() -> Self {
        Self {
            origins: Origins::Shared,
            session_s_max: 30 * 24 * 3_600,
            sessions_max: 64,
            link_s_max: 600,
            links_max: 64,
            hashes_max: 2,
            hashes_waiting_max: 16,
            address_attempts_per_minute: 6,
            attempts_per_minute: 60,
            addresses_max: 1_024,
        }
    }
}
