//! Ids and their parsing rules.
//!
//! An id is shared text: cloning one counts a reference, comparing two clones compares two pointers. Text is
//! compared only between ids that were built separately.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest accepted segment of an id, in bytes. Ids become file names, and file names end at 255.
pub const SEGMENT_BYTES_MAX: usize = 120;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has the wrong number of parts.
    #[error("`{text}` is not {expected}")]
    Shape {
        /// What was read.
        text: String,
        /// The form that was expected, for people.
        expected: &'static str,
    },
    /// One part is empty, too long, or has a character that no id may have.
    #[error("`{segment}` cannot be part of an id: {reason}")]
    Segment {
        /// The part.
        segment: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

fn check_segment(segment: &str) -> Result<(), IdError> {
    // Nearly every id there is; the rest is looked at letter by letter.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if !segment.is_empty() && segment.len() <= SEGMENT_BYTES_MAX && segment.bytes().all(plain) {
        return Ok(());
    }
    let reason = if segment.is_empty() {
        "it is empty"
    } else if segment.len() > SEGMENT_BYTES_MAX {
        "it is longer than 120 bytes"
    } else if segment.chars().any(|c| matches!(c, ':' | '@' | '/' | '\\') || c.is_control() || c.is_whitespace()) {
        "it has a `:`, `@`, slash, blank or control character"
    } else {
        return Ok(());
    };
    Err(IdError::Segment { segment: segment.chars().take(SEGMENT_BYTES_MAX).collect(), reason })
}

/// `[a-z0-9-]+`: what the name of a process or package that is *created* here must be.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// `[a-z0-9.-]+`: what a node or publisher must be.
fn is_dotted_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
}

/// The name of a node, `[a-z0-9.-]+`, for example `alice.os`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The alias that means "this node" wherever a guest writes an address.
    pub const OUR: &'static str = "our";

    /// Checks and keeps a node name.
    pub fn new(text: &str) -> Result<Self, IdError> {
        check_segment(text)?;
        if !is_dotted_name(text) || text.bytes().all(|b| b == b'.') {
            return Err(IdError::Segment {
                segment: text.to_owned(),
                reason: "a node name has only a-z, 0-9, `-` and `.`",
            });
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The shared text, for handing on without a copy.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct ProcessIdParts {
    process: Arc<str>,
    package: Arc<str>,
    publisher: Arc<str>,
}

/// `process:package:publisher`, the id of a process on a node.
#[derive(Clone)]
pub struct ProcessId(Arc<ProcessIdParts>);

impl ProcessId {
    /// Builds an id from its three parts. Each must be non-empty and free of `:`, `@`, slashes and blanks, so that
    /// two different triples never have the same text.
    pub fn new(process: &str, package: &str, publisher: &str) -> Result<Self, IdError> {
        for segment in [process, package, publisher] {
            check_segment(segment)?;
        }
        Ok(Self(Arc::new(ProcessIdParts {
            process: process.into(),
            package: package.into(),
            publisher: publisher.into(),
        })))
    }

    /// The id of one of the system's own modules, `name:distro:sys`.
    pub fn system(name: &'static str) -> Self {
        Self(Arc::new(ProcessIdParts { process: name.into(), package: "distro".into(), publisher: "sys".into() }))
    }

    /// First part.
    pub fn process(&self) -> &str {
        &self.0.process
    }

    /// Second part.
    pub fn package(&self) -> &str {
        &self.0.package
    }

    /// Third part.
    pub fn publisher(&self) -> &str {
        &self.0.publisher
    }

    /// The three parts as shared text.
    pub fn shared_parts(&self) -> [Arc<str>; 3] {
        [Arc::clone(&self.0.process), Arc::clone(&self.0.package), Arc::clone(&self.0.publisher)]
    }

    /// The package this process belongs to.
    pub fn package_id(&self) -> PackageId {
        PackageId { package_name: self.package().to_owned(), publisher_node: self.publisher().to_owned() }
    }

    /// True when the id belongs to `package`.
    pub fn is_in(&self, package: &PackageId) -> bool {
        self.package() == package.package_name && self.publisher() == package.publisher_node
    }

    /// Whether a process with this id may be created here: process and package `[a-z0-9-]+`, publisher `[a-z0-9.-]+`.
    /// Ids of others' making are carried without this rule.
    pub fn is_creatable(&self) -> bool {
        is_name(self.process()) && self.package_id().is_creatable()
    }

    /// True when the parts are exactly these; compares text.
    pub fn has_parts(&self, process: &str, package: &str, publisher: &str) -> bool {
        self.process() == process && self.package() == package && self.publisher() == publisher
    }
}

impl PartialEq for ProcessId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}
impl Eq for ProcessId {}
impl Hash for ProcessId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl PartialOrd for ProcessId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for ProcessId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl FromStr for ProcessId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut parts = text.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(process), Some(package), Some(publisher), None) => Self::new(process, package, publisher),
            _ => {
                Err(IdError::Shape { text: text.to_owned(), expected: "a process id like `process:package:publisher`" })
            }
        }
    }
}

/// `package:publisher`. In JSON an object, `{"package_name":"p","publisher_node":"n"}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageId {
    /// Name of the package.
    pub package_name: String,
    /// Its publisher.
    pub publisher_node: String,
}

impl PackageId {
    /// Builds an id from its two parts, with the rules of [`ProcessId::new`].
    pub fn new(package: &str, publisher: &str) -> Result<Self, IdError> {
        check_segment(package)?;
        check_segment(publisher)?;
        Ok(Self { package_name: package.to_owned(), publisher_node: publisher.to_owned() })
    }

    /// Whether a package with this id may be created here: name `[a-z0-9-]+`, publisher `[a-z0-9.-]+`.
    pub fn is_creatable(&self) -> bool {
        is_name(&self.package_name)
            && is_dotted_name(&self.publisher_node)
            && check_segment(&self.package_name).is_ok()
            && check_segment(&self.publisher_node).is_ok()
    }
}

impl fmt::Debug for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.package_name, self.publisher_node)
    }
}

impl FromStr for PackageId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match text.split_once(':') {
            Some((package, publisher)) => Self::new(package, publisher),
            None => Err(IdError::Shape { text: text.to_owned(), expected: "a package id like `package:publisher`" }),
        }
    }
}

/// `node@process:package:publisher`, where a message goes to or comes from.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    node: NodeName,
    process: ProcessId,
}

impl Address {
    /// Joins a node and a process.
    pub fn new(node: NodeName, process: ProcessId) -> Self {
        Self { node, process }
    }

    /// The node.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// The process on it.
    pub fn process(&self) -> &ProcessId {
        &self.process
    }
}

impl FromStr for Address {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let shape =
            || IdError::Shape { text: text.to_owned(), expected: "an address like `node@process:package:publisher`" };
        let (node, process) = text.split_once('@').ok_or_else(shape)?;
        if process.contains('@') {
            return Err(shape());
        }
        Ok(Self { node: NodeName::new(node)?, process: process.parse()? })
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.process(), self.package(), self.publisher())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.node, self.process)
    }
}

impl FromStr for NodeName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::new(text)
    }
}

/// Ids whose JSON form is their text.
macro_rules! text_form {
    ($($id:ident),*) => {$(
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    )*};
}
text_form!(NodeName, ProcessId, Address);

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
