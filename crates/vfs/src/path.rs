//! Which texts are paths of the vfs.
//!
//! `/package:publisher/drive/rest`, where the leading slash may be left out. A path is resolved here, lexically and
//! once; what comes out has no `.`, no `..`, and no name that a system call would read in more than one way.

use std::fmt;
use std::str::FromStr;

use wharf_types::{IdError, PackageId};

/// Longest accepted path, in bytes: what the operating system takes.
pub(crate) const PATH_BYTES_MAX: usize = 4_095;
/// Longest accepted name, in bytes: what file systems take.
pub(crate) const SEGMENT_BYTES_MAX: usize = 255;

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It has less than a package and a drive.
    #[error("a path is `/package:publisher/drive/…`; this one has no drive")]
    TooShort,
    /// The path or one of its names is too long.
    #[error("the path, or a name in it, is too long")]
    TooLong,
    /// `..` leads out of the drive.
    #[error("`..` leads out of the drive")]
    Outside,
    /// A name that no file may have.
    #[error("a name in a path is not empty, `.` or `..`, and has no slash, backslash or zero character")]
    Name,
    /// The first part is not a package.
    #[error("the path does not begin with a package: {0}")]
    Package(#[from] IdError),
}

/// One name in a path: exactly one component for the operating system, never `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Segment(String);

impl Segment {
    /// Checks a name.
    pub fn new(text: &str) -> Result<Self, PathError> {
        if text.len() > SEGMENT_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        if matches!(text, "" | "." | "..") || text.contains(['/', '\\', '\0']) {
            return Err(PathError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// A name that the vfs made up itself, and that follows the rules of [`Segment::new`].
    pub(crate) fn internal(text: String) -> Self {
        Self(text)
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A place in a drive, or the drive itself when `rest` is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VfsPath {
    package: PackageId,
    /// Package, drive, and the way down: never less than two, and the first is the text of `package`.
    segments: Vec<Segment>,
}

impl VfsPath {
    /// The drive `drive` of `package`.
    pub fn drive_of(package: &PackageId, drive: &str) -> Result<Self, PathError> {
        // The fields of an id are public, so that one that was never parsed may come in here.
        let package: PackageId = package.to_string().parse()?;
        let first = Segment::new(&package.to_string())?;
        Ok(Self { package, segments: vec![first, Segment::new(drive)?] })
    }

    /// The package whose drive it is.
    pub fn package(&self) -> &PackageId {
        &self.package
    }

    /// The path of the drive.
    pub fn drive(&self) -> Self {
        Self { package: self.package.clone(), segments: self.segments.iter().take(2).cloned().collect() }
    }

    /// The way down from the drive.
    pub fn rest(&self) -> &[Segment] {
        self.segments.get(2..).unwrap_or_default()
    }

    /// Whether this is a drive, rather than something in one.
    pub fn is_drive(&self) -> bool {
        self.rest().is_empty()
    }

    /// The place that is `way` further down.
    pub(crate) fn below(&self, way: &[Segment]) -> Self {
        let segments = self.segments.iter().chain(way).cloned().collect();
        Self { package: self.package.clone(), segments }
    }

    /// Whether it is `folder`, or somewhere in it.
    pub(crate) fn is_below(&self, folder: &Self) -> bool {
        self.segments.starts_with(&folder.segments)
    }

    /// The way down from the root of the vfs.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The folder of the drive: package and drive.
    pub(crate) fn drive_segments(&self) -> &[Segment] {
        self.segments.get(..2).unwrap_or_default()
    }

    /// The path as guests are told it in listings, without the leading slash.
    pub fn without_slash(&self) -> String {
        join(&self.segments)
    }
}

impl fmt::Display for VfsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.without_slash())
    }
}

impl FromStr for VfsPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.len() > PATH_BYTES_MAX {
            return Err(PathError::TooLong);
        }
        let text = text.strip_prefix(['/', '\\']).unwrap_or(text);
        let mut segments = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                // Package and drive stay what they were: a path can not climb from one drive into another.
                ".." if segments.len() > 2 => drop(segments.pop()),
                ".." => return Err(PathError::Outside),
                name => segments.push(Segment::new(name)?),
            }
        }
        match segments.as_slice() {
            [package, _, ..] => Ok(Self { package: package.as_str().parse()?, segments }),
            _ => Err(PathError::TooShort),
        }
    }
}

/// The names with a slash between each two.
pub(crate) fn join(segments: &[Segment]) -> String {
    let mut text = String::with_capacity(segments.iter().map(|segment| segment.0.len() + 1).sum());
    for segment in segments {
        if !text.is_empty() {
            text.push('/');
        }
        text.push_str(&segment.0);
    }
    text
}
