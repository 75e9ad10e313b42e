//! What `kv:distro:sys` and `sqlite:distro:sys` have in common.

use serde::{Deserialize, Serialize};

/// What an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Durability {
    /// The end of the node, also by `kill -9`. The last changes before a power failure may be lost, never a part of one.
    #[default]
    #[serde(rename = "process")]
    Process,
    /// A power failure too: it is on the disk before it is acknowledged.
    #[serde(rename = "power")]
    Power,
}
