//! How much of a registry is taken, and for how long it is waited for.

use serde::{Deserialize, Serialize};

/// Bounds for all that a registry says. Each can be set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time until there is a connection.
    pub connect_ms: u64,
    /// Longest pause of a registry that is answering.
    pub quiet_ms: u64,
    /// Time for one request with its whole answer.
    pub total_ms: u64,
    /// Size of a list: of packages, of the releases of one, an OCI manifest.
    pub list_bytes_max: u64,
    /// Size of a zip.
    pub zip_bytes_max: u64,
    /// Requests that one list may take, where registries give it in pages.
    pub pages_max: usize,
    /// Redirects that are followed for one request.
    pub redirects_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_ms: 10_000,
            quiet_ms: 30_000,
            total_ms: 600_000,
            list_bytes_max: 4 << 20,
            zip_bytes_max: 256 << 20,
            pages_max: 100,
            redirects_max: 5,
        }
    }
}
