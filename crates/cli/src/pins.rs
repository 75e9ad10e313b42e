//! `packages.lock` in a node's home: what was installed there from registries, with its hash.
//!
//! A version that was installed once has the same content for ever, whichever registry it comes from: another content is
//! refused until the owner says otherwise. The file also says where a package came from, which is where its updates are
//! looked for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use wharf_home::Home;
use wharf_registry::{Digest, PackageRef, Version};

use crate::errors::{CliError, CliResult};

const HEAD: &str =
    "# What `wharf` installed from registries. A version with other content than is written here is refused.\n\n";

/// What is known of all packages.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    #[serde(default)]
    packages: BTreeMap<PackageRef, Pinned>,
}

/// What is known of one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    registry: String,
    #[serde(default)]
    versions: BTreeMap<String, Digest>,
}

/// A release that is about to be installed.
#[derive(Clone, Debug)]
pub(crate) struct Pin {
    /// Where it came from.
    pub(crate) registry: String,
    /// What it is.
    pub(crate) package: PackageRef,
    /// Which version.
    pub(crate) version: Version,
    /// What it has in it.
    pub(crate) digest: Digest,
}

impl Pins {
    /// Of the node with this home.
    pub(crate) fn read(home: &Home) -> CliResult<Self> {
        let path = home.packages_lock();
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                CliError::bad_input(format_args!("{}: {error}", path.display())).hint(
                    "mend it, or move it away: then the packages of registries are taken as if seen for the first time",
                )
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(CliError::file("read", &path, &error)),
        }
    }

    /// Where a package came from, if it came from a registry.
    pub(crate) fn registry(&self, package: &PackageRef) -> Option<&str> {
        Some(self.packages.get(package)?.registry.as_str())
    }

    /// What a version had in it, if that is another content than this.
    pub(crate) fn other(&self, package: &PackageRef, version: &Version, digest: &Digest) -> Option<&Digest> {
        self.packages.get(package)?.versions.get(&version.to_string()).filter(|known| *known != digest)
    }
}

impl Pin {
    /// Remembers it, for the node with this home.
    pub(crate) fn keep(&self, home: &Home) -> CliResult<()> {
        let path = home.packages_lock();
        let failed = |error: io::Error| CliError::file("write", &path, &error);
        // The folder is what two commands at once wait for each other at: the file itself is replaced.
        let folder = File::open(home.root()).map_err(failed)?;
        flock(&folder, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        let mut pins = Pins::read(home)?;
        let new = || Pinned { registry: String::new(), versions: BTreeMap::new() };
        let pinned = pins.packages.entry(self.package.clone()).or_insert_with(new);
        pinned.registry.clone_from(&self.registry);
        pinned.versions.insert(self.version.to_string(), self.digest.clone());
        let text =
            toml::to_string(&pins).map_err(|error| CliError::bad_input(format_args!("packages.lock: {error}")))?;
        replace(home.root(), &path, &format!("{HEAD}{text}")).map_err(failed)
    }
}

fn replace(folder: &Path, path: &PathBuf, text: &str) -> io::Result<()> {
    let mut draft = NamedTempFile::new_in(folder)?;
    draft.write_all(text.as_bytes())?;
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn what_was_installed_is_known_again_and_other_content_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let pin = |version: &str, bytes: &[u8]| Pin {
            registry: "/srv/packages".to_owned(),
            package: "alice.os/chat".parse().unwrap(),
            version: version.parse().unwrap(),
            digest: Digest::of(bytes),
        };
        assert_eq!(Pins::read(&home).unwrap().registry(&pin("0.1.0", b"").package), None);
        pin("0.1.0", b"one").keep(&home).unwrap();
        pin("0.2.0", b"two").keep(&home).unwrap();
        let pins = Pins::read(&home).unwrap();
        let package = pin("0.1.0", b"").package;
        assert_eq!(pins.registry(&package), Some("/srv/packages"));
        let other = |version: &str, bytes: &[u8]| pins.other(&package, &version.parse().unwrap(), &Digest::of(bytes));
        assert_eq!((other("0.1.0", b"one"), other("0.2.0", b"one")), (None, Some(&Digest::of(b"two"))));
        assert_eq!(other("0.3.0", b"three"), None);
        fs::write(home.packages_lock(), "[packages.'../x']\nregistry = ''\n").unwrap();
        assert!(Pins::read(&home).is_err());
    }
}
