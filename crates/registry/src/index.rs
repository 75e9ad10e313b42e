//! The two lists of a registry that is a folder: its packages, and the releases of one of them.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reference::{PackageRef, parse_version};

/// The format that is written, and the only one that is read.
const FORMAT: u32 = 1;

/// A list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or not of this shape.
    #[error("it is malformed: {0}")]
    Json(String),
    /// Written by something newer.
    #[error("it has format {0}, and this version knows format {FORMAT}")]
    Format(u32),
    /// It is about something else.
    #[error("it is about {found}, and not about {wanted}")]
    OtherPackage {
        /// What was asked for.
        wanted: PackageRef,
        /// What it says.
        found: PackageRef,
    },
}

/// `registry.json`: which packages there are. Unknown fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    format: u32,
    /// The packages, by name.
    pub packages: BTreeSet<PackageRef>,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { format: FORMAT, packages: BTreeSet::new() }
    }
}

impl Catalogue {
    /// Where it is in a registry.
    pub const FILE: &'static str = "registry.json";

    /// Reads it.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let catalogue: Self = parse(bytes)?;
        known(catalogue.format)?;
        Ok(catalogue)
    }

    /// The file.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

/// `index.json`: the releases of a package. Unknown fields are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    format: u32,
    package: PackageRef,
    /// The releases.
    #[serde(with = "by_version")]
    pub versions: BTreeMap<Version, Release>,
}

/// One version of a package, as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// SHA-256 of the zip.
    pub sha256: Digest,
    /// Size of the zip.
    pub bytes: u64,
    /// The key that signed it, 64 hex digits, as whoever published it said: the zip itself is what counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Index {
    /// Of a package without releases.
    pub fn new(package: PackageRef) -> Self {
        Self { format: FORMAT, package, versions: BTreeMap::new() }
    }

    /// Where it is in a registry.
    pub fn path(package: &PackageRef) -> String {
        format!("{}/index.json", folder(package))
    }

    /// Where the zip of a release is in a registry.
    pub fn zip_path(package: &PackageRef, zip: &Digest) -> String {
        format!("{}/{zip}.zip", folder(package))
    }

    /// Reads the one of this package.
    pub fn parse(package: &PackageRef, bytes: &[u8]) -> Result<Self, FormatError> {
        let index: Self = parse(bytes)?;
        known(index.format)?;
        if index.package != *package {
            return Err(FormatError::OtherPackage { wanted: package.clone(), found: index.package });
        }
        Ok(index)
    }

    /// The file.
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

fn folder(package: &PackageRef) -> String {
    format!("packages/{}/{}", package.publisher(), package.name())
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FormatError> {
    serde_json::from_slice(bytes).map_err(|error| FormatError::Json(error.to_string()))
}

fn known(format: u32) -> Result<(), FormatError> {
    if format == FORMAT { Ok(()) } else { Err(FormatError::Format(format)) }
}

fn to_json(list: &impl Serialize) -> Vec<u8> {
    // Keys are text and values are plain: writing them cannot fail.
    let mut bytes = serde_json::to_vec_pretty(list).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Versions as the names of an object's fields.
mod by_version {
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::{BTreeMap, Deserialize, Release, Serialize, Version, parse_version};

    pub(super) fn serialize<S: Serializer>(releases: &BTreeMap<Version, Release>, to: S) -> Result<S::Ok, S::Error> {
        let by_text: BTreeMap<String, &Release> =
            releases.iter().map(|(version, release)| (version.to_string(), release)).collect();
        by_text.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<Version, Release>, D::Error> {
        let by_text = BTreeMap::<String, Release>::deserialize(from)?;
        let read = |(text, release): (String, Release)| {
            parse_version(&text).map(|version| (version, release)).map_err(D::Error::custom)
        };
        by_text.into_iter().map(read).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chat() -> PackageRef {
        "alice.os/chat".parse().unwrap()
    }

    fn index() -> Index {
        let release = Release {
            sha256: "ab".repeat(32).parse().unwrap(),
            bytes: 7,
            signed_by: None,
            title: Some("Chat".to_owned()),
            description: None,
        };
        let mut index = Index::new(chat());
        index.versions.insert(Version::new(0, 1, 0), release);
        index
    }

    #[test]
    fn an_index_is_read_as_it_was_written_and_unknown_fields_do_not_matter() {
        assert_eq!(Index::parse(&chat(), &index().to_json()), Ok(index()));
        let more = String::from_utf8(index().to_json()).unwrap().replacen('{', "{\"later\": [1],", 1);
        assert_eq!(Index::parse(&chat(), more.as_bytes()), Ok(index()));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let text = String::from_utf8(index().to_json()).unwrap();
        let other: PackageRef = "alice.os/other".parse().unwrap();
        assert!(matches!(Index::parse(&other, text.as_bytes()), Err(FormatError::OtherPackage { .. })));
        let newer = text.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(Index::parse(&chat(), newer.as_bytes()), Err(FormatError::Format(2)));
        for (from, to) in [("abab", "../a"), ("0.1.0", "../0.1.0"), ("alice.os/chat", "../../x"), ("7", "-7")] {
            let bad = text.replacen(from, to, 1);
            assert!(matches!(Index::parse(&chat(), bad.as_bytes()), Err(FormatError::Json(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Index::parse(&chat(), &bytes);
            let _ = Catalogue::parse(&bytes);
        }

        #[test]
        fn a_changed_index_is_read_or_refused(at in 0_usize..400, byte in any::<u8>()) {
            let mut bytes = index().to_json();
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(read) = Index::parse(&chat(), &bytes) {
                prop_assert!(read.versions.values().all(|release| release.sha256.as_str().len() == 64));
            }
        }
    }
}
