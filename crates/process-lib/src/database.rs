//! What calls to `kv` and `sqlite` have in common. Both are made often, so nothing is copied, and no text is written, that is
//! not sent.

use std::fmt::{Display, Formatter, Result};

use serde::Serialize;
use wharf_types::PackageId;

/// A request about a database of a package: a `KvRequest` or `SqliteRequest` of what lies here already.
#[derive(Serialize)]
pub(crate) struct Asked<'a, A> {
    pub(crate) package_id: &'a PackageId,
    pub(crate) db: &'a str,
    pub(crate) action: A,
}

/// What was tried, for errors.
pub(crate) struct Tried<'a> {
    pub(crate) verb: &'a str,
    pub(crate) db: &'a str,
    pub(crate) package_id: &'a PackageId,
}

impl Display for Tried<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} database {} of {}", self.verb, self.db, self.package_id)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::kv::{KvAction, KvRequest};

    use super::*;

    #[test]
    fn what_is_asked_reads_as_the_request_that_it_stands_for() {
        let package_id: PackageId = "app:test.os".parse().unwrap();
        let action = KvAction::Set { key: b"key".to_vec(), tx_id: Some(7) };
        let asked = Asked { package_id: &package_id, db: "visits", action: action.clone() };
        let json = serde_json::to_vec(&asked).unwrap();
        let request = KvRequest { package_id: package_id.clone(), db: "visits".to_owned(), action };
        assert_eq!(json, serde_json::to_vec(&request).unwrap());
        let tried = Tried { verb: "open", db: "visits", package_id: &package_id };
        assert_eq!(tried.to_string(), "open database visits of app:test.os");
    }
}
