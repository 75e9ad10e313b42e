//! Why a call failed, in the words of `std::io`.

use std::io;

use wharf_types::vfs::VfsError;

use crate::error::CallError;

/// Why a call failed.
pub type Error = CallError<VfsError>;

impl CallError<VfsError> {
    /// The kind of error that `std::fs` would have had.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Refused { source, .. } => kind_of(source),
            Self::Send { .. } => io::ErrorKind::TimedOut,
            Self::Malformed { .. } => io::ErrorKind::InvalidData,
        }
    }
}

impl From<CallError<VfsError>> for io::Error {
    fn from(error: CallError<VfsError>) -> Self {
        Self::new(error.kind(), error)
    }
}

fn kind_of(error: &VfsError) -> io::ErrorKind {
    match error {
        VfsError::NoReadCap | VfsError::NoWriteCap | VfsError::AddCapFailed => io::ErrorKind::PermissionDenied,
        VfsError::MalformedRequest | VfsError::NoBlob => io::ErrorKind::InvalidInput,
        VfsError::ParseError { .. } | VfsError::UnzipError => io::ErrorKind::InvalidData,
        VfsError::IOError(text) => number(text).map_or(io::ErrorKind::Other, kind_of_number),
    }
}

/// The vfs hands on the text of the node's operating system, `No such file or directory (os error 2)`.
fn number(text: &str) -> Option<i32> {
    let (_, number) = text.strip_suffix(')')?.rsplit_once("(os error ")?;
    number.parse().ok()
}

/// Numbers as Linux has them, where nodes run; this code runs in guests, where they are others.
fn kind_of_number(number: i32) -> io::ErrorKind {
    match number {
        2 => io::ErrorKind::NotFound,
        17 => io::ErrorKind::AlreadyExists,
        20 => io::ErrorKind::NotADirectory,
        21 => io::ErrorKind::IsADirectory,
        22 => io::ErrorKind::InvalidInput,
        27 => io::ErrorKind::FileTooLarge,
        28 => io::ErrorKind::StorageFull,
        39 => io::ErrorKind::DirectoryNotEmpty,
        122 => io::ErrorKind::QuotaExceeded,
        _ => io::ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_node_says_is_an_error_as_std_has_it() {
        let kind = |text: &str| kind_of(&VfsError::IOError(text.to_owned()));
        assert_eq!(kind("No such file or directory (os error 2)"), io::ErrorKind::NotFound);
        assert_eq!(kind("Is a directory (os error 21)"), io::ErrorKind::IsADirectory);
        assert_eq!(kind("Invalid argument (os error 22)"), io::ErrorKind::InvalidInput);
        assert_eq!(kind("failed to fill whole buffer"), io::ErrorKind::Other);
        assert_eq!(kind("os error 2"), io::ErrorKind::Other);
        assert_eq!(kind_of(&VfsError::NoReadCap), io::ErrorKind::PermissionDenied);
    }
}
