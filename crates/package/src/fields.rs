//! Reads the fields of one JSON object, so that every error names the file, the entry and the field.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::capability::CapabilityEntry;
use crate::error::ManifestError;
use crate::locate::{Step, line_of};

/// Largest `manifest.json` or `scripts.json` that is parsed.
const FILE_BYTES_MAX: usize = 1 << 20;
/// Most capabilities in one list.
const CAPABILITIES_MAX: usize = 1024;

/// Parses a whole file, within its size.
pub(crate) fn parse_file(file: &'static str, bytes: &[u8]) -> Result<Value, ManifestError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ManifestError::TooBig { file, size: bytes.len(), max: FILE_BYTES_MAX });
    }
    serde_json::from_slice(bytes).map_err(|error| ManifestError::NotJson { file, reason: error.to_string() })
}

/// Adds to an error about `entry` the line that it is about.
pub(crate) fn located(error: ManifestError, bytes: &[u8], entry: Step<'_>) -> ManifestError {
    let ManifestError::Field { file, entry: name, field, reason, line: None } = error else { return error };
    // `request_capabilities[2]` is an item of a list.
    let (list, item) = field.split_once('[').map_or((field.as_str(), None), |(list, item)| {
        (list, item.strip_suffix(']').and_then(|item| item.parse().ok()))
    });
    let path: Vec<_> = [entry, Step::Field(list)].into_iter().chain(item.map(Step::Item)).collect();
    let line = Some(line_of(bytes, &path));
    ManifestError::Field { file, entry: name, field, reason, line }
}

/// The fields of one entry of `file`.
pub(crate) struct Fields<'a> {
    file: &'static str,
    entry: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// `entry` says which one it is, for people.
    pub(crate) fn new(file: &'static str, entry: String, value: &'a Value) -> Result<Self, ManifestError> {
        match value {
            Value::Object(map) => Ok(Self { file, entry, map }),
            _ => Err(ManifestError::Field {
                file,
                entry,
                field: "{}".to_owned(),
                reason: "is missing: the entry is not a JSON object".to_owned(),
                line: None,
            }),
        }
    }

    /// The error that `field` is wrong because of `reason`.
    pub(crate) fn wrong(&self, field: impl Into<String>, reason: impl Into<String>) -> ManifestError {
        ManifestError::Field {
            file: self.file,
            entry: self.entry.clone(),
            field: field.into(),
            reason: reason.into(),
            line: None,
        }
    }

    /// Names of the fields that are there, in the file's order or another.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// A field that has to be there.
    pub(crate) fn required<T: Deserialize<'a>>(&self, field: &'static str) -> Result<T, ManifestError> {
        self.optional(field)?.ok_or_else(|| self.wrong(field, "is missing"))
    }

    /// A field that may be left out.
    pub(crate) fn optional<T: Deserialize<'a>>(&self, field: &'static str) -> Result<Option<T>, ManifestError> {
        self.map
            .get(field)
            .map(|value| T::deserialize(value).map_err(|error| self.wrong(field, format!("is wrong: {error}"))))
            .transpose()
    }

    /// A list of capabilities that may be left out.
    pub(crate) fn capabilities(&self, field: &'static str) -> Result<Option<Vec<CapabilityEntry>>, ManifestError> {
        let Some(value) = self.map.get(field) else { return Ok(None) };
        let Value::Array(list) = value else {
            return Err(self.wrong(field, "is wrong: it is not a list"));
        };
        if list.len() > CAPABILITIES_MAX {
            return Err(self.wrong(field, format!("has {} items; at most {CAPABILITIES_MAX} are accepted", list.len())));
        }
        let read = |(index, value)| {
            CapabilityEntry::read(value).map_err(|reason| self.wrong(format!("{field}[{index}]"), reason))
        };
        list.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// A list of capabilities that has to be there.
    pub(crate) fn required_capabilities(&self, field: &'static str) -> Result<Vec<CapabilityEntry>, ManifestError> {
        self.capabilities(field)?.ok_or_else(|| self.wrong(field, "is missing"))
    }
}
