//! Why the storage core refused, for the log and for the wire.

use std::io;

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

/// Says what was tried when a system call fails.
pub(crate) trait Doing<T> {
    fn doing(self, action: &'static str, path: &VfsPath) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &VfsPath) -> Result<T, Failure> {
        self.map_err(|source| Failure::Io { action, path: path.to_string(), source })
    }
}
