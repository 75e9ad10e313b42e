//! How a package in a registry is named: `publisher/name`, and `publisher/name@version` for one release.

use std::fmt;
use std::str::FromStr;

use semver::Version;
use serde::{Deserialize, Serialize};
use wharf_types::{NodeName, PackageId};

/// Longest version. A tag of an OCI registry is not longer either.
const VERSION_BYTES_MAX: usize = 128;

/// A package, `publisher/name`. It can be created on a node, and both parts are plain: safe in a path and in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackageRef {
    publisher: String,
    name: String,
}

/// Why a text names no package of a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not of this form.
    #[error("`{0}` is not `publisher/name`, as in `alice.os/chat`")]
    Shape(String),
    /// A part has characters that no package has.
    #[error("`{0}` cannot be a package: a publisher has only a-z, 0-9, `-` and `.`, a name only a-z, 0-9 and `-`")]
    Name(String),
    /// What follows the `@`.
    #[error("`{text}` is not a version like 1.2.3: {why}")]
    Version {
        /// What was read.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl PackageRef {
    /// Of a package with this id.
    pub fn of(id: &PackageId) -> Result<Self, ReferenceError> {
        let refused = || ReferenceError::Name(format!("{}/{}", id.publisher_node, id.package_name));
        // A node's name is never made of dots alone.
        if !id.is_creatable() || NodeName::new(&id.publisher_node).is_err() {
            return Err(refused());
        }
        Ok(Self { publisher: id.publisher_node.clone(), name: id.package_name.clone() })
    }

    /// First part.
    pub fn publisher(&self) -> &str {
        &self.publisher
    }

    /// Second part.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id that it has on a node.
    pub fn id(&self) -> PackageId {
        PackageId { package_name: self.name.clone(), publisher_node: self.publisher.clone() }
    }
}

impl FromStr for PackageRef {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (publisher, name) = text.split_once('/').ok_or_else(|| ReferenceError::Shape(text.to_owned()))?;
        Self::of(&PackageId { package_name: name.to_owned(), publisher_node: publisher.to_owned() })
    }
}

impl TryFrom<String> for PackageRef {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<PackageRef> for String {
    fn from(package: PackageRef) -> Self {
        package.to_string()
    }
}

impl fmt::Display for PackageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.publisher, self.name)
    }
}

impl fmt::Debug for PackageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What someone wants: a package, and perhaps which version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The package.
    pub package: PackageRef,
    /// The version; without one, the newest that is not a pre-release.
    pub version: Option<Version>,
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (package, version) = match text.split_once('@') {
            Some((package, version)) => (package, Some(parse_version(version)?)),
            None => (text, None),
        };
        Ok(Self { package: package.parse()?, version })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{}@{version}", self.package),
            None => fmt::Display::fmt(&self.package, f),
        }
    }
}

pub(crate) fn parse_version(text: &str) -> Result<Version, ReferenceError> {
    let refused = |why: String| ReferenceError::Version { text: text.chars().take(VERSION_BYTES_MAX).collect(), why };
    if text.len() > VERSION_BYTES_MAX {
        return Err(refused(format!("it is longer than {VERSION_BYTES_MAX} characters")));
    }
    Version::parse(text).map_err(|error| refused(error.to_string()))
}

/// The newest of these that is not a pre-release.
pub fn newest<'a>(versions: impl IntoIterator<Item = &'a Version>) -> Option<&'a Version> {
    versions.into_iter().filter(|version| version.pre.is_empty()).max()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for text in [
            "",
            "chat",
            "/chat",
            "alice.os/",
            "../chat",
            "./chat",
            "alice.os/..",
            "alice.os/a/b",
            "alice.os/a%2fb",
            "a b/c",
            "Alice.os/chat",
            "alice.os/Chat",
            "alice.os\\x/chat",
            "alice.os/chat?x",
            "alice.os/chat#x",
            "a:b/c",
            "…/chat",
        ] {
            assert!(text.parse::<PackageRef>().is_err(), "{text}");
        }
        assert!(format!("{}/chat", "a".repeat(121)).parse::<PackageRef>().is_err());
        assert_eq!("alice.os/chat".parse::<PackageRef>().unwrap().id().to_string(), "chat:alice.os");
    }

    #[test]
    fn a_version_is_one_of_semantic_versioning() {
        let reference: Reference = "alice.os/chat@1.2.3-rc.1+b".parse().unwrap();
        assert_eq!(reference.to_string(), "alice.os/chat@1.2.3-rc.1+b");
        for version in ["", "1", "1.2", "01.2.3", "v1.2.3", "1.2.3/..", &format!("1.2.3-{}", "a".repeat(200))] {
            assert!(format!("alice.os/chat@{version}").parse::<Reference>().is_err(), "{version}");
        }
    }

    #[test]
    fn the_newest_is_by_number_and_no_pre_release() {
        let versions: Vec<Version> =
            ["0.9.0", "0.10.0", "0.10.1-rc.1", "0.2.0"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(newest(&versions).unwrap().to_string(), "0.10.0");
        assert_eq!(newest(versions.iter().filter(|version| !version.pre.is_empty())), None);
    }
}
