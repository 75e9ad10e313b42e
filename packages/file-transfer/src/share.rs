//! The files of one process: a drive of the package, in which each process has one for itself.

use serde::{Deserialize, Serialize};
use wharf_process_lib::service::WithBlob;
use wharf_process_lib::vfs::{self, File};
use wharf_process_lib::{LazyLoadBlob, ProcessId};

use crate::ShareRequest;

/// Most bytes of a piece: little memory on either side, and few messages.
pub(crate) const PIECE_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of a name.
const NAME_BYTES_MAX: usize = 100;

/// What a file is, to know whether it is still the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Described {
    pub(crate) bytes: u64,
    /// SHA-256, in hex digits.
    pub(crate) hash: String,
}

/// What is shared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Shared {
    Described(Described),
    /// How many bytes there are, which are the blob.
    Piece(usize),
}

/// A name that cannot be one, or a file that cannot be read.
#[derive(Debug)]
pub(crate) struct ShareError(String);

impl std::fmt::Display for ShareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ShareError {}

impl From<vfs::Error> for ShareError {
    fn from(error: vfs::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for ShareError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// The files of a process.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    drive: String,
}

impl Share {
    /// Those of `process`, in a drive that is made if there is none.
    pub(crate) fn open(process: &ProcessId) -> Result<Self, ShareError> {
        let drive = vfs::create_drive(&process.package_id(), &format!("{}-files", process.process()))?;
        Ok(Self { drive })
    }

    /// Where a file is. Names come from anyone, so they lead nowhere else.
    pub(crate) fn path(&self, name: &str) -> Result<String, ShareError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.starts_with('.') || !name.chars().all(is_plain) {
            let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
            return Err(ShareError(format!("{shown:?} is no name of a file here: letters, digits, `-`, `_` and `.`")));
        }
        Ok(format!("{}/{name}", self.drive))
    }

    /// Where the part of a file is that has come so far; the hash says of which.
    pub(crate) fn part(&self, name: &str, described: &Described) -> Result<String, ShareError> {
        self.path(name)?;
        let hash = described.hash.get(..16).filter(|hash| hash.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let hash = hash.ok_or_else(|| ShareError(format!("{:?} is no hash", described.hash)))?;
        Ok(format!("{}/.part-{hash}-{name}", self.drive))
    }

    /// What anyone may ask.
    pub(crate) fn answer(&self, asked: &ShareRequest) -> Result<WithBlob<Shared>, ShareError> {
        match asked {
            ShareRequest::Describe { name } => Ok(WithBlob(Shared::Described(describe(&self.path(name)?)?), None)),
            ShareRequest::Read { name, offset } => {
                let mut bytes = vec![0; PIECE_BYTES_MAX];
                let read = File::open(&self.path(name)?)?.read_at(&mut bytes, *offset)?;
                bytes.truncate(read);
                Ok(WithBlob(Shared::Piece(read), Some(LazyLoadBlob { mime: None, bytes })))
            }
        }
    }
}

/// What the file at a path is.
pub(crate) fn describe(path: &str) -> Result<Described, ShareError> {
    let hash: String = vfs::hash(path)?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Described { bytes: vfs::metadata(path)?.len, hash })
}
