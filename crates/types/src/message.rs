//! Requests, responses, blobs and on-exit behaviour, as they appear in JSON.
//!
//! These are the shapes that module APIs and manifests carry. A message on its way through the kernel has its own
//! form there (`wharf-kernel`), with shared buffers and checked capabilities.

use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::id::Address;

/// Bytes that travel beside a message and cost a guest nothing until it asks for them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LazyLoadBlob {
    /// Media type, if the sender named one.
    pub mime: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A request as JSON carries it, inside [`OnExit::Requests`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Request {
    /// Whether id, blob and reply address of the message being handled are passed on.
    pub inherit: bool,
    /// Seconds to wait for a response; `None` when none is wanted.
    pub expects_response: Option<u64>,
    /// Opaque bytes, usually JSON.
    pub body: Vec<u8>,
    /// Free text that modules echo.
    pub metadata: Option<String>,
    /// Attached capabilities. Read with or without signatures, written without: guests know only that form.
    #[serde(deserialize_with = "with_or_without_signatures")]
    pub capabilities: Vec<Capability>,
}

/// Accepts `[cap, …]` and `[[cap, [signature bytes]], …]`.
pub(crate) fn with_or_without_signatures<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Capability>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Bare(Capability),
        Signed(Capability, IgnoredAny),
    }
    let list = Vec::<Either>::deserialize(deserializer)?;
    Ok(list.into_iter().map(|(Either::Bare(cap) | Either::Signed(cap, _))| cap).collect())
}

/// What the kernel does when a process returns or traps.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum OnExit {
    /// Nothing: the process is gone.
    #[default]
    None,
    /// Start it again, after a pause that grows while it keeps failing.
    Restart,
    /// Send these in the name of the process, then it is gone.
    Requests(Vec<(Address, Request, Option<LazyLoadBlob>)>),
}

/// Why an operation failed, for people. It travels as JSON in the `metadata` of a response whose body is fixed by the
/// protocol and has no room for a reason: `{"error":"…"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was tried, on what, and why it failed.
    pub error: String,
}

impl Failure {
    /// Wraps a reason.
    pub fn new(error: impl std::fmt::Display) -> Self {
        Self { error: error.to_string() }
    }

    /// The JSON text that goes into `metadata`.
    pub fn to_metadata(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what [`Self::to_metadata`] wrote; `None` for any other metadata.
    pub fn from_metadata(metadata: Option<&str>) -> Option<Self> {
        serde_json::from_str(metadata?).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_and_without_signatures_and_written_without() {
        let cap = r#"{"issuer":"a.os@vfs:distro:sys","params":"{\"root\":true}"}"#;
        for list in [format!("[{cap}]"), format!("[[{cap},[1,2,3]]]")] {
            let json = format!(
                r#"{{"inherit":false,"expects_response":5,"body":[114,117,110],"metadata":null,"capabilities":{list}}}"#
            );
            let request: Request = serde_json::from_str(&json).unwrap();
            assert_eq!(request.body, b"run");
            assert_eq!(
                serde_json::to_value(&request).unwrap()["capabilities"],
                serde_json::from_str::<serde_json::Value>(&format!("[{cap}]")).unwrap()
            );
        }
    }

    #[test]
    fn on_exit_is_externally_tagged() {
        assert_eq!(serde_json::to_string(&OnExit::Restart).unwrap(), "\"Restart\"");
        let json = r#"{"Requests":[["a.os@x:y:z",{"inherit":false,"expects_response":null,"body":[],"metadata":null,"capabilities":[]},null]]}"#;
        let on_exit: OnExit = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&on_exit).unwrap(), json);
    }
}
