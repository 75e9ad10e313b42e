//! `manifest.json`: the processes of a package and what they ask for.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::Value;
use wharf_types::{IdError, OnExit, PackageId, ProcessId};

use crate::capability::CapabilityEntry;
use crate::error::ManifestError;
use crate::fields::{Fields, located, parse_file};
use crate::locate::Step;
use crate::name;

/// Where the manifest lies in a package.
pub const FILE_NAME: &str = "manifest.json";
/// Most processes in one package.
const PROCESSES_MAX: usize = 256;

/// A checked manifest: names are unique and may be created, paths are plain. Serializes to the file's own form.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Manifest {
    entries: Vec<ManifestEntry>,
}

/// One process.
#[derive(Clone, Debug, Serialize)]
pub struct ManifestEntry {
    /// First part of the process's id.
    pub process_name: String,
    /// Its component, relative to the root of the package; a leading `/` is customary.
    pub process_wasm_path: String,
    /// What happens when it ends.
    pub on_exit: OnExit,
    /// Whether it asks to reach other nodes.
    pub request_networking: bool,
    /// Capabilities it asks for.
    pub request_capabilities: Vec<CapabilityEntry>,
    /// Capabilities it gives to others.
    pub grant_capabilities: Vec<CapabilityEntry>,
    /// Whether every process of the node may send it messages.
    pub public: bool,
}

impl Manifest {
    /// Reads and checks the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let Value::Array(list) = parse_file(FILE_NAME, bytes)? else {
            return Err(ManifestError::Shape { file: FILE_NAME, expected: "a list with one object for each process" });
        };
        if list.len() > PROCESSES_MAX {
            return Err(ManifestError::TooMany { file: FILE_NAME, count: list.len(), max: PROCESSES_MAX });
        }
        let mut names = HashSet::new();
        let mut entries = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let entry = Fields::new(FILE_NAME, label(index, value), value).and_then(|fields| {
                let entry = ManifestEntry::read(&fields)?;
                match names.insert(entry.process_name.clone()) {
                    true => Ok(entry),
                    false => Err(fields.wrong("process_name", "is the name of another process of this package")),
                }
            });
            entries.push(entry.map_err(|error| located(error, bytes, Step::Item(index)))?);
        }
        Ok(Self { entries })
    }

    /// The processes, in the file's order.
    pub fn entries(&self) -> &[ManifestEntry] {
        &self.entries
    }

    /// The ids its processes have in `package`, in the file's order.
    pub fn process_ids(&self, package: &PackageId) -> Result<Vec<ProcessId>, IdError> {
        self.entries.iter().map(|entry| entry.process_id(package)).collect()
    }
}

/// `entry 2 (chat)`: people count from one.
fn label(index: usize, value: &Value) -> String {
    let number = index + 1;
    match value.get("process_name").and_then(Value::as_str) {
        Some(name) => format!("entry {number} ({})", name.escape_debug()),
        None => format!("entry {number}"),
    }
}

impl ManifestEntry {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        let entry = Self {
            process_name: fields.required("process_name")?,
            process_wasm_path: fields.required("process_wasm_path")?,
            on_exit: fields.required("on_exit")?,
            request_networking: fields.required("request_networking")?,
            request_capabilities: fields.required_capabilities("request_capabilities")?,
            grant_capabilities: fields.required_capabilities("grant_capabilities")?,
            public: fields.required("public")?,
        };
        // The rest of the id belongs to the package; any that may be created will do for the check.
        if !ProcessId::new(&entry.process_name, "p", "p").is_ok_and(|id| id.is_creatable()) {
            return Err(fields.wrong("process_name", "is wrong: a name has only a-z, 0-9 and `-`, at most 120 of them"));
        }
        name::check(entry.wasm_name())
            .map_err(|problem| fields.wrong("process_wasm_path", format!("is not a plain path: {problem}")))?;
        Ok(entry)
    }

    /// The id of this process in `package`.
    pub fn process_id(&self, package: &PackageId) -> Result<ProcessId, IdError> {
        ProcessId::new(&self.process_name, &package.package_name, &package.publisher_node)
    }

    /// Name of the component in the package: the path without its leading `/`.
    pub fn wasm_name(&self) -> &str {
        self.process_wasm_path.strip_prefix('/').unwrap_or(&self.process_wasm_path)
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
