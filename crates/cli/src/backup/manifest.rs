//! `manifest.json`: what an archive has to have in it.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{ArchiveError, FORMAT};

/// Marks a manifest as one of ours.
const KIND: &str = "wharf-backup";

/// Files that every archive has.
const REQUIRED: [&str; 3] = ["version", "node.key", "kernel.db"];

/// Files at the top that an archive may have besides; all else is in [`FOLDERS`].
const OPTIONAL: [&str; 5] = ["wharf.toml", "login.json", "packages.lock", "tls/certificate.pem", "tls/key.pem"];

/// Folders of what packages keep.
const FOLDERS: [&str; 3] = ["vfs/", "kv/", "sqlite/"];

/// What an archive is, and what has to be in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    kind: String,
    format: u32,
    /// Name of the node.
    pub(crate) node: String,
    /// Version of `wharf` that made it.
    pub(crate) wharf: String,
    /// When it was made, in milliseconds since 1970.
    pub(crate) created_ms: u64,
    /// Every file, by its name in the archive.
    pub(crate) files: BTreeMap<String, FileEntry>,
    /// Every folder below `vfs/`, also the empty ones.
    pub(crate) folders: Vec<String>,
}

/// What a file has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hex.
    pub(crate) sha256: String,
}

/// What is read first: it is the same in every format.
#[derive(Deserialize)]
struct Head {
    kind: String,
    format: u32,
}

impl Manifest {
    /// An empty one for a backup that is made now.
    pub(crate) fn new(node: String) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            kind: KIND.to_owned(),
            format: FORMAT,
            node,
            wharf: env!("CARGO_PKG_VERSION").to_owned(),
            created_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            files: BTreeMap::new(),
            folders: Vec::new(),
        }
    }

    /// Reads one, and checks that a home can be made of what it names.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ArchiveError> {
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|error| ArchiveError::Foreign(format!("its manifest.json is another one ({error})")))?;
        if head.kind != KIND {
            return Err(ArchiveError::Foreign(format!("its manifest.json is for {:?}", head.kind)));
        }
        if head.format > FORMAT {
            return Err(ArchiveError::Newer { found: head.format });
        }
        let damaged = |error| ArchiveError::Damaged(format!("its manifest.json cannot be read: {error}"));
        let manifest: Self = serde_json::from_slice(bytes).map_err(damaged)?;
        if let Some(missing) = REQUIRED.iter().find(|name| !manifest.files.contains_key(**name)) {
            return Err(ArchiveError::Damaged(format!("it has no {missing}")));
        }
        for name in manifest.files.keys().chain(&manifest.folders) {
            if !is_ours(name) {
                return Err(ArchiveError::Damaged(format!("{name:?} does not belong into a node's home")));
            }
        }
        Ok(manifest)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

/// Whether a name is one that an archive may have: inside the home, whatever the host makes of it.
fn is_ours(name: &str) -> bool {
    if REQUIRED.contains(&name) || OPTIONAL.contains(&name) {
        return true;
    }
    let good = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
    let rest = FOLDERS.iter().find_map(|folder| name.strip_prefix(folder));
    rest.is_some_and(|rest| rest.split('/').all(good))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn manifest(names: &[&str]) -> Manifest {
        let entry = FileEntry { bytes: 0, sha256: String::new() };
        let files = names.iter().map(|name| ((*name).to_owned(), entry.clone())).collect();
        Manifest { files, ..Manifest::new("a.os".to_owned()) }
    }

    fn read(manifest: &Manifest) -> Result<Manifest, ArchiveError> {
        Manifest::read(&serde_json::to_vec(manifest).unwrap())
    }

    #[test]
    fn names_that_lead_out_of_a_home_are_refused() {
        let good = [
            "version",
            "node.key",
            "kernel.db",
            "wharf.toml",
            "login.json",
            "tls/key.pem",
            "vfs/a:b/pkg/x",
            "kv/a:b/x/x.db",
            "sqlite/a:b/x/x.db",
        ];
        let whole = manifest(&good);
        assert_eq!(read(&whole).unwrap(), whole);
        for bad in [
            "../x",
            "/etc/passwd",
            "vfs/../x",
            "vfs//x",
            "vfs/",
            "vfs/./x",
            "run/lock",
            "tls/other",
            "vfs/a\\..\\x",
            "vfs/\0",
            "kv/../x",
            "sqlite/",
            "kvx/a",
        ] {
            let error = read(&manifest(&[&good[..], &[bad]].concat())).unwrap_err();
            assert!(error.to_string().contains("does not belong"), "{bad}: {error}");
        }
    }

    #[test]
    fn what_is_foreign_newer_or_lacks_something_is_refused() {
        let error = Manifest::read(b"[{\"process_name\":\"x\"}]").unwrap_err();
        assert!(matches!(error, ArchiveError::Foreign(_)), "{error}");
        let error = Manifest::read(br#"{"kind":"wharf-backup","format":4,"else":1}"#).unwrap_err();
        assert!(matches!(error, ArchiveError::Newer { found: 4 }), "{error}");
        let error = read(&manifest(&["version", "node.key"])).unwrap_err();
        assert!(error.to_string().contains("it has no kernel.db"), "{error}");
    }
}
