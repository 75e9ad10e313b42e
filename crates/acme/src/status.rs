//! What is shown of the certificate, by `wharf status` and `wharf doctor`.

use serde::Serialize;

/// A JSON document; times in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Names that a certificate is wanted for.
    pub names: Vec<String>,
    /// Who is asked.
    pub directory: String,
    /// Until when the certificate in use is good; `None`: none was issued yet, and the node's own is in use.
    pub valid_until: Option<i64>,
    /// When it is to be renewed.
    pub renewal: Option<i64>,
    /// What went wrong the last time; `None`: nothing.
    pub problem: Option<String>,
    /// When it is tried again.
    pub next_try: Option<i64>,
}
