//! Bounds of statements and answers.

use std::time::Duration;

use serde::Deserialize;

/// Bounds of the sqlite module. In `wharf.toml` they are the table `[sqlite_limits]`, by the same names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SqliteLimits {
    /// Bytes of one statement.
    pub statement_bytes_max: usize,
    /// Bytes of the parameters of one statement, as JSON.
    pub params_bytes_max: usize,
    /// Bytes of one text or blob, and of one row.
    pub value_bytes_max: usize,
    /// Milliseconds that one statement may take.
    pub statement_ms_max: u64,
    /// Rows that one query answers.
    pub rows_max: usize,
    /// Bytes of the JSON that one query answers.
    pub answer_bytes_max: usize,
    /// Statements in one transaction.
    pub transaction_statements_max: usize,
}

impl SqliteLimits {
    /// All of them can be different for a package.
    pub const NODE_WIDE: &[&str] = &[];

    pub(crate) fn statement_time(&self) -> Duration {
        Duration::from_millis(self.statement_ms_max)
    }
}

impl Default for SqliteLimits {
    fn default() -> Self {
        Self {
            statement_bytes_max: 1 << 20,
            params_bytes_max: 64 << 20,
            value_bytes_max: 32 << 20,
            statement_ms_max: 10_000,
            rows_max: 100_000,
            answer_bytes_max: 64 << 20,
            transaction_statements_max: 10_000,
        }
    }
}
