//! `scripts.json`: programs that the terminal runs on demand.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::capability::CapabilityEntry;
use crate::error::ManifestError;
use crate::fields::{Fields, parse_file};
use crate::name;

/// Where the scripts are listed in a package.
pub const FILE_NAME: &str = "scripts.json";
/// Most scripts in one package.
const SCRIPTS_MAX: usize = 1024;

/// The scripts of a package, by the name of their component in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scripts {
    scripts: BTreeMap<String, Script>,
}

/// What a script is given when it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Whether it gets everything the terminal has.
    pub root: bool,
    /// Whether every process of the node may send it messages.
    pub public: bool,
    /// Whether it may reach other nodes.
    pub request_networking: bool,
    /// Capabilities it asks for.
    pub request_capabilities: Vec<CapabilityEntry>,
    /// Capabilities it gives to others.
    pub grant_capabilities: Vec<CapabilityEntry>,
    /// Version of the guest interface it was built for.
    pub wit_version: Option<u32>,
}

impl Scripts {
    /// Reads and checks the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let Value::Object(map) = parse_file(FILE_NAME, bytes)? else {
            return Err(ManifestError::Shape { file: FILE_NAME, expected: "an object with one field for each script" });
        };
        if map.len() > SCRIPTS_MAX {
            return Err(ManifestError::TooMany { file: FILE_NAME, count: map.len(), max: SCRIPTS_MAX });
        }
        let mut scripts = BTreeMap::new();
        for (file, value) in &map {
            let wasm = file.strip_prefix('/').unwrap_or(file);
            let fields = Fields::new(FILE_NAME, format!("script {}", file.escape_debug()), value)?;
            name::check(wasm).map_err(|problem| fields.wrong("name", format!("is not a plain path: {problem}")))?;
            if scripts.insert(wasm.to_owned(), Script::read(&fields)?).is_some() {
                return Err(fields.wrong("name", "is the name of another script of this package"));
            }
        }
        Ok(Self { scripts })
    }

    /// A script by the name of its component.
    pub fn get(&self, wasm: &str) -> Option<&Script> {
        self.scripts.get(wasm)
    }

    /// The scripts, by the name of their component.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Script)> {
        self.scripts.iter().map(|(wasm, script)| (wasm.as_str(), script))
    }
}

impl Script {
    fn read(fields: &Fields<'_>) -> Result<Self, ManifestError> {
        Ok(Self {
            root: fields.required("root")?,
            public: fields.required("public")?,
            request_networking: fields.required("request_networking")?,
            request_capabilities: fields.capabilities("request_capabilities")?.unwrap_or_default(),
            grant_capabilities: fields.capabilities("grant_capabilities")?.unwrap_or_default(),
            wit_version: fields.optional("wit_version")?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn the_optional_lists_may_be_left_out() {
        let json = br#"{"send.wasm":{"root":false,"public":false,"request_networking":true,"wit_version":1}}"#;
        let scripts = Scripts::parse(json).unwrap();
        let (wasm, script) = scripts.iter().next().unwrap();
        assert_eq!((wasm, script.wit_version, script.request_networking), ("send.wasm", Some(1), true));
    }

    #[test]
    fn a_missing_or_hostile_field_is_named() {
        let error = Scripts::parse(br#"{"send.wasm":{"root":false}}"#).unwrap_err();
        assert_eq!(error.to_string(), "scripts.json, script send.wasm: `public` is missing");
        assert!(Scripts::parse(br#"{"../x.wasm":{"root":false,"public":false,"request_networking":true}}"#).is_err());
        assert!(Scripts::parse(b"[]").is_err());
    }
}
