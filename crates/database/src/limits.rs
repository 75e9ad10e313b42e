//! Bounds of databases.

use std::time::Duration;

use serde::Deserialize;

/// Bounds of the databases of each of the two modules. In `wharf.toml` they are the table `[database_limits]`, by the same
/// names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseLimits {
    /// Databases of one module that are open at the same time.
    pub open_max: usize,
    /// Databases of one package.
    pub package_databases_max: usize,
    /// Bytes of one database.
    pub database_bytes_max: u64,
    /// Changes that wait for one database; further ones wait outside.
    pub queue_changes_max: usize,
    /// Bytes of those.
    pub queue_bytes_max: u32,
    /// Requests of one module that read at the same time.
    pub readers_max: usize,
    /// The same, of one database; it keeps a connection for each.
    pub database_readers_max: usize,
    /// Transactions that one process has begun and not ended.
    pub process_transactions_max: usize,
    /// Transactions of all processes.
    pub transactions_max: usize,
    /// Bytes that one transaction gathers.
    pub transaction_bytes_max: usize,
    /// Milliseconds after which a transaction that was not ended is forgotten.
    pub transaction_ms_max: u64,
}

impl DatabaseLimits {
    /// Those that hold for the node as a whole, so that a package cannot have others.
    pub const NODE_WIDE: &[&str] = &["open_max", "readers_max", "transactions_max"];

    pub(crate) fn transaction_age_max(&self) -> Duration {
        Duration::from_millis(self.transaction_ms_max)
    }
}

impl Default for DatabaseLimits {
    fn default() -> Self {
        Self {
            open_max: 32,
            package_databases_max: 64,
            database_bytes_max: 4 << 30,
            queue_changes_max: 1_024,
            queue_bytes_max: 256 << 20,
            readers_max: 16,
            database_readers_max: 4,
            process_transactions_max: 64,
            transactions_max: 4_096,
            transaction_bytes_max: 64 << 20,
            transaction_ms_max: 60_000,
        }
    }
}
