//! A capability as a manifest writes it.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;
use wharf_types::{Capability, ProcessId};

/// One item of `request_capabilities` or `grant_capabilities`.
///
/// In a request `process` issues the capability to the entry's process; in a grant it receives one that the entry's
/// process issues. JSON: a process id, or `{"process":"…","params":…}`, which is the same with the params `"messaging"`:
/// written the long way, it must not look like another right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CapabilityEntry {
    /// The right to send messages.
    Messaging(ProcessId),
    /// A right that only its issuer understands.
    Custom {
        /// The other process.
        process: ProcessId,
        /// What the right is.
        params: Value,
    },
}

impl CapabilityEntry {
    /// The other process.
    pub fn process(&self) -> &ProcessId {
        match self {
            Self::Messaging(process) | Self::Custom { process, .. } => process,
        }
    }

    /// The params as the capability carries them: compact JSON text.
    pub fn params(&self) -> String {
        match self {
            Self::Messaging(_) => Capability::MESSAGING.to_owned(),
            Self::Custom { params, .. } => params.to_string(),
        }
    }

    /// Reads one item; the error completes the sentence "`field[n]` …".
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        let id = |text: &str| text.parse::<ProcessId>().map_err(|error| format!("is wrong: {error}"));
        match value {
            Value::String(text) => id(text).map(Self::Messaging),
            Value::Object(map) => match (map.get("process"), map.get("params")) {
                (Some(Value::String(process)), Some(params)) if is_messaging(params) => {
                    id(process).map(Self::Messaging)
                }
                (Some(Value::String(process)), Some(params)) => {
                    Ok(Self::Custom { process: id(process)?, params: params.clone() })
                }
                (Some(Value::String(_)), None) => Err("has no `params`".to_owned()),
                _ => Err("has no `process` that is a text".to_owned()),
            },
            _ => Err("is neither a process id nor an object with `process` and `params`".to_owned()),
        }
    }
}

impl Serialize for CapabilityEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Messaging(process) => process.serialize(serializer),
            Self::Custom { process, params } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("process", process)?;
                map.serialize_entry("params", params)?;
                map.end()
            }
        }
    }
}

/// Whether params are those of the messaging capability, which an entry may also say by its issuer alone.
fn is_messaging(params: &Value) -> bool {
    serde_json::from_str::<Value>(Capability::MESSAGING).is_ok_and(|messaging| messaging == *params)
}
