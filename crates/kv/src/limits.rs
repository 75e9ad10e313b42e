//! Bounds of keys, values and answers.

use serde::Deserialize;

/// Bounds of the kv module. In `wharf.toml` they are the table `[kv_limits]`, by the same names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KvLimits {
    /// Bytes of one key.
    pub key_bytes_max: usize,
    /// Bytes of one value.
    pub value_bytes_max: usize,
    /// Changes in one batch.
    pub batch_changes_max: usize,
    /// Keys that one scan answers.
    pub scan_entries_max: usize,
    /// Bytes of keys and values that one scan answers; the first entry always fits.
    pub scan_bytes_max: usize,
    /// Bytes of keys and values that are kept in memory for each open database.
    pub cache_bytes_max: usize,
}

impl KvLimits {
    /// All of them can be different for a package.
    pub const NODE_WIDE: &[&str] = &[];
}

impl Default for KvLimits {
    fn default() -> Self {
        Self {
            key_bytes_max: 64 << 10,
            value_bytes_max: 64 << 20,
            batch_changes_max: 10_000,
            scan_entries_max: 1_000,
            scan_bytes_max: 8 << 20,
            cache_bytes_max: 4 << 20,
        }
    }
}
