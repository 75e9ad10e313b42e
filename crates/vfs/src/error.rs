//! Why the storage core refused, for the log and for the wire.

use std::fmt;
use std::io;

use rustix::io::Errno;
use wharf_kernel::Limit;
use wharf_types::vfs::VfsError;

use crate::path::{PathError, VfsPath};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The text is not a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The operating system said no.
    #[error("could not {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
        /// Why not.
        source: io::Error,
    },
    /// The bytes are not a zip that is accepted.
    #[error("the zip for `{path}` is refused: {reason}")]
    BadZip {
        /// Where it was to be unpacked.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// An entry of the zip is not a plain file or folder of its own beneath the target.
    #[error("entry `{entry}` of the zip for `{path}` is refused: {reason}")]
    BadZipEntry {
        /// Where it was to be unpacked.
        path: String,
        /// The entry's name.
        entry: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// What was asked is done to files and folders in a drive, not to the drive.
    #[error("could not {action} `{path}`: it is a drive")]
    DriveItself {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: String,
    },
}

impl Failure {
    /// What the operating system said, or would have said.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            _ => io::ErrorKind::InvalidInput,
        }
    }

    /// The number of the error, for those who speak of errors by number.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Io { source, .. } => source.raw_os_error().or_else(|| Some(over(source)?.errno.raw_os_error())),
            _ => None,
        }
    }

    /// The limit that was reached, if it is one that is counted.
    pub fn limit(&self) -> Option<Limit> {
        match self {
            Self::Io { source, .. } => over(source).map(|over| over.limit),
            _ => None,
        }
    }

    /// The same as guests are told.
    pub fn to_wire(&self) -> VfsError {
        match self {
            Self::Path(_) | Self::DriveItself { .. } => VfsError::MalformedRequest,
            Self::Io { source, .. } => VfsError::IOError(source.to_string()),
            Self::BadZip { path, reason } => VfsError::ParseError { error: reason.clone(), path: path.clone() },
            Self::BadZipEntry { .. } => VfsError::UnzipError,
        }
    }
}

/// A limit of the node was reached. Guests see the operating system's error for the same thing.
#[derive(Debug)]
pub(crate) struct OverLimit {
    limit: Limit,
    errno: Errno,
}

impl OverLimit {
    pub(crate) fn new(limit: Limit, errno: Errno) -> Self {
        Self { limit, errno }
    }

    /// What a package may have on disk.
    pub(crate) fn quota(limit: Limit) -> Self {
        Self::new(limit, Errno::DQUOT)
    }

    /// The size of one file.
    pub(crate) fn file_bytes() -> Self {
        Self::new(Limit::FileBytes, Errno::FBIG)
    }
}

impl fmt::Display for OverLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from(self.errno).fmt(f)
    }
}

impl std::error::Error for OverLimit {}

impl From<OverLimit> for io::Error {
    fn from(over: OverLimit) -> Self {
        Self::new(Self::from(over.errno).kind(), over)
    }
}

fn over(error: &io::Error) -> Option<&OverLimit> {
    error.get_ref()?.downcast_ref()
}

/// Says what was tried when a system call fails.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, path: &VfsPath) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &VfsPath) -> Result<T, Failure> {
        self.map_err(|source| Failure::Io { action, path: path.to_string(), source })
    }
}

/// Why a request was refused: what the guest is told, and the limit that is to be counted.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: VfsError,
    pub(crate) limit: Option<Limit>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { error: failure.to_wire(), limit: failure.limit() }
    }
}

impl From<VfsError> for Refused {
    fn from(error: VfsError) -> Self {
        Self { error, limit: None }
    }
}

impl From<OverLimit> for Refused {
    fn from(over: OverLimit) -> Self {
        Self { error: VfsError::IOError(over.to_string()), limit: Some(over.limit) }
    }
}
