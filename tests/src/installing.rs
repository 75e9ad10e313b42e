//! Versions of one package, in files to be installed.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::Ran;
use crate::node::Node;
use crate::packages::{changed, metadata, read_entry};
use crate::paths;

/// The package of the probers.
pub const PROBER: &str = "prober:test.os";

/// A folder of packages.
#[derive(Debug)]
pub struct Shelf {
    folder: TempDir,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl Shelf {
    /// Puts a zip there, under the name that says what it is.
    pub fn put(&self, package: &str, label: &str, zip: &[u8]) -> PathBuf {
        let folder = self.folder.path().join(label);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{package}.zip"));
        std::fs::write(&path, zip).unwrap();
        path
    }

    /// The probers as `version`, with the manifest changed by `change`, and with these files.
    pub fn prober(&self, version: &str, change: impl FnOnce(&mut Value), files: &[(&str, Vec<u8>)]) -> PathBuf {
        let original = paths::test_package(PROBER);
        let mut manifest: Value = serde_json::from_slice(&read_entry(&original, "manifest.json")).unwrap();
        change(&mut manifest);
        let mut about = metadata(PROBER);
        about["properties"]["current_version"] = json!(version);
        let mut all = vec![
            ("manifest.json", manifest.to_string().into_bytes()),
            ("metadata.json", about.to_string().into_bytes()),
            ("version", version.as_bytes().to_vec()),
        ];
        all.extend_from_slice(files);
        self.put(PROBER, version, &changed(&original, &all))
    }
}

impl Node {
    /// `wharf install`, with these arguments after the file.
    pub fn try_install(&self, zip: &std::path::Path, args: &[&str]) -> Ran {
        let mut all = vec!["install", zip.to_str().unwrap()];
        all.extend_from_slice(args);
        self.wharf(&all)
    }

    /// An installed package, as `wharf list` has it.
    pub fn installed(&self, package: &str) -> Option<Value> {
        let list: Value = serde_json::from_str(&self.wharf(&["list", "--json"]).ok()).unwrap();
        let (name, publisher) = package.split_once(':').unwrap();
        let id = json!({ "package_name": name, "publisher_node": publisher });
        list.as_array().unwrap().iter().find(|one| one["package_id"] == id).cloned()
    }

    /// The version of an installed package.
    pub fn version(&self, package: &str) -> Option<String> {
        self.installed(package)?["version"].as_str().map(str::to_owned)
    }
}
