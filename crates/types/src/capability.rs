//! Capabilities: what a process may do, as its issuer wrote it down.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::Address;

/// The right to do `params` with `issuer`. Only the issuer knows what `params` mean.
///
/// JSON: `{"issuer":"node@process:package:publisher","params":"<JSON text>"}`.
///
/// There is no `==`: two capabilities are the same when their [`CapabilityKey`]s are, and one whose params are not
/// JSON has none, so it is never the same as anything.
#[derive(Clone, Serialize, Deserialize)]
pub struct Capability {
    /// Who gave it, and whom it is shown to.
    pub issuer: Address,
    /// JSON text. `"messaging"` (with its quotes) is the right to send the issuer messages.
    pub params: String,
}

/// A capability in normal form: blanks and key order in the params do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CapabilityKey {
    issuer: Address,
    params: String,
}

impl CapabilityKey {
    /// Who gave it.
    pub fn issuer(&self) -> &Address {
        &self.issuer
    }

    /// The params in normal form.
    pub fn params(&self) -> &str {
        &self.params
    }
}

impl Capability {
    /// Params of the right to send messages to the issuer.
    pub const MESSAGING: &'static str = "\"messaging\"";
    /// Params of the right to reach, and be reached by, other nodes; issued by the kernel.
    pub const NETWORK: &'static str = "\"network\"";

    /// Joins issuer and params. `params` should be JSON; nothing accepts the capability otherwise.
    pub fn new(issuer: Address, params: impl Into<String>) -> Self {
        Self { issuer, params: params.into() }
    }

    /// The right to send messages to `issuer`.
    pub fn messaging(issuer: Address) -> Self {
        Self::new(issuer, Self::MESSAGING)
    }

    /// The normal form, or `None` when the params are not JSON.
    pub fn key(&self) -> Option<CapabilityKey> {
        let params = if self.params == Self::MESSAGING || self.params == Self::NETWORK {
            self.params.clone()
        } else {
            let value: serde_json::Value = serde_json::from_str(&self.params).ok()?;
            serde_json::to_string(&value).ok()?
        };
        Some(CapabilityKey { issuer: self.issuer.clone(), params })
    }
}

impl fmt::Debug for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} from {}", self.params, self.issuer)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn cap(params: &str) -> Capability {
        Capability::new("a.os@vfs:distro:sys".parse().unwrap(), params)
    }

    #[test]
    fn blanks_and_key_order_do_not_matter() {
        let a = cap(r#"{"kind":"read","drive":"/a:b/c"}"#).key().unwrap();
        let b = cap(r#"{ "drive" : "/a:b/c", "kind":"read" }"#).key().unwrap();
        assert_eq!(a, b);
        assert_ne!(a, cap(r#"{"kind":"write","drive":"/a:b/c"}"#).key().unwrap());
    }

    /// S18: in the reference every unparsable params text is equal to every other, and to `null`.
    #[test]
    fn params_that_are_not_json_are_equal_to_nothing() {
        assert!(cap("not json").key().is_none());
        assert!(cap("").key().is_none());
        assert!(cap(&"[".repeat(100_000)).key().is_none());
        assert!(cap("null").key().is_some());
    }

    #[test]
    fn the_same_params_of_another_issuer_are_another_capability() {
        let other = Capability::new("a.os@vfs:other:sys".parse().unwrap(), "\"messaging\"");
        assert_ne!(cap("\"messaging\"").key(), other.key());
    }
}
