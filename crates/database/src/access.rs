//! Who may do what with a database.
//!
//! Making and removing one is for processes of its package. Reading and writing takes the capability for that, which the
//! process that opens a database gets; being of the package is not enough. The node's owner may do all of it.
//!
//! Every request asks, so what the capabilities for a database are is worked out once (`Keys`); who holds them is looked up
//! each time.

use std::sync::OnceLock;

use serde_json::json;
use wharf_kernel::module::{Caller, speaks_for_owner};
use wharf_types::CapabilityKey;

use crate::name::DatabaseId;

/// Params of the capability, issued by the module, to do everything with every database of it.
const ROOT: &str = r#"{"root":true}"#;

/// What something takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The capability to read.
    Read,
    /// The capability to write.
    Write,
    /// To be of the package.
    Package,
    /// To be the node's owner.
    Owner,
}

/// Why it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No capability to read.
    Read,
    /// No capability to write.
    Write,
    /// It is of another package.
    Package,
    /// It is for the node's owner.
    Owner,
}

/// Whether the caller acts for the node's owner.
fn is_owner(caller: &Caller) -> bool {
    speaks_for_owner(caller.source().process()) || caller.holds(ROOT)
}

/// The capabilities for one database, as they are looked up.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    read: OnceLock<Option<CapabilityKey>>,
    write: OnceLock<Option<CapabilityKey>>,
}

impl Keys {
    fn are_held(key: &OnceLock<Option<CapabilityKey>>, kind: &str, caller: &Caller, id: &DatabaseId) -> bool {
        let key = key.get_or_init(|| caller.key(&params(kind, id)));
        key.as_ref().is_some_and(|key| caller.holds_key(key))
    }
}

/// Checks that the caller may. `keys` are those of the database.
pub(crate) fn check(caller: &Caller, id: &DatabaseId, keys: &Keys, need: Need) -> Result<(), Denied> {
    let (may, denied) = match need {
        Need::Read => (Keys::are_held(&keys.read, "read", caller, id), Denied::Read),
        Need::Write => (Keys::are_held(&keys.write, "write", caller, id), Denied::Write),
        Need::Package => (caller.source().process().is_in(id.package()), Denied::Package),
        Need::Owner => (false, Denied::Owner),
    };
    if may || is_owner(caller) { Ok(()) } else { Err(denied) }
}

/// Gives the caller the capabilities for a database of its package that it does not hold yet. Whether it holds them then.
pub async fn grant(caller: &Caller, id: &DatabaseId) -> bool {
    let both = ["read", "write"].map(|kind| params(kind, id));
    let missing: Vec<_> = both.iter().filter(|params| !caller.holds(params)).cloned().collect();
    // The owner needs none.
    if missing.is_empty() || !caller.source().process().is_in(id.package()) {
        return true;
    }
    if let Err(error) = caller.grant(missing).await {
        tracing::warn!(%error, process = %caller.source(), "the capabilities of a database were not granted");
        return false;
    }
    both.iter().all(|params| caller.holds(params))
}

/// The params of a capability for a database, as guests know them.
fn params(kind: &str, id: &DatabaseId) -> String {
    json!({ "kind": kind, "db_key": [id.package(), id.name()] }).to_string()
}
