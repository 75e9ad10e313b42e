//! What the vfs needs of the place where files are: the one interface that every provider of storage has.
//!
//! A provider knows names, bytes and nothing else: who may do what, how much a package may keep and what goes over the
//! wire is decided above it, in [`Vfs`](crate::Vfs), and is the same for all. A path here is a way down from the
//! provider's root, one checked [`Segment`] for each name; the empty way is the root.
//!
//! All calls may block. They are made from threads that may, and from several at a time.
//!
//! | file | what |
//! |---|---|
//! | `local` | a folder of the host |
//! | `memory` | memory, for tests and for what need not last |
//! | `conformance` (tests) | what every provider must do; a new one is added to its list |
//! | `faulty` (tests) | a provider around another that fails the n-th call |

pub mod local;
pub mod memory;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
pub(crate) mod faulty;

use std::fmt::Debug;
use std::io;
use std::time::SystemTime;

use wharf_types::vfs::FileType;

use crate::path::Segment;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// Whether it includes writing.
    pub fn writes(self) -> bool {
        self != Self::Read
    }
}

/// What happens when there is no file, or is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Create {
    /// The file must exist.
    Never,
    /// It is made when it is missing.
    IfMissing,
    /// It must not exist, not even as a symbolic link, and is made.
    New,
}

/// What becomes of what is in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It stays.
    Keep,
    /// It goes; needs an access that writes.
    Truncate,
}

/// How a file is opened. The folder it is in must exist.
///
/// ```
/// use wharf_vfs::storage::{Create, OpenHow};
/// let how = OpenHow { create: Create::IfMissing, ..OpenHow::READ_WRITE };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenHow {
    /// For what.
    pub access: Access,
    /// When it is missing, or is not.
    pub create: Create,
    /// What becomes of what is in it.
    pub content: Content,
}

impl OpenHow {
    /// An existing file, for reading.
    pub const READ: Self = Self { access: Access::Read, create: Create::Never, content: Content::Keep };
    /// An existing file, for writing.
    pub const WRITE: Self = Self { access: Access::Write, ..Self::READ };
    /// An existing file, for both.
    pub const READ_WRITE: Self = Self { access: Access::ReadWrite, ..Self::READ };
}

/// A file or folder, told from all others for as long as it exists or is open, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The file system, or what a provider has in its place.
    pub volume: u64,
    /// The file or folder in it.
    pub file: u64,
}

/// What is known of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Kind.
    pub kind: FileType,
    /// Bytes in it. Of a folder, nothing that means anything.
    pub len: u64,
    /// When its content changed.
    pub modified: SystemTime,
    /// When it was read, as far as the provider keeps that.
    pub accessed: SystemTime,
    /// Which it is.
    pub identity: Identity,
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: String,
    /// What it is the name of; a symbolic link is not followed.
    pub kind: FileType,
}

/// What a folder and all below it take up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Lengths of the files together, holes included.
    pub bytes: u64,
    /// Files and folders.
    pub files: u64,
}

/// A place where files are kept.
///
/// Errors are those of the operating system for the same call on a local disk, so that guests see the same text
/// wherever a file is: `ENOENT`, `EEXIST`, `ENOTDIR`, `EISDIR`, `ENOTEMPTY`, `EINVAL` (a folder moved into itself),
/// `ELOOP` (a symbolic link, anywhere on the way), `ENOSPC`, `EFBIG`. A name that is not text has no path, and is neither
/// listed nor found. What a provider cannot do at all, such as writing in the middle of a file or setting times, fails with
/// [`io::ErrorKind::Unsupported`] and changes nothing.
pub trait Storage: Debug + Send + Sync {
    /// Opens a regular file.
    fn open(&self, way: &[Segment], how: OpenHow) -> io::Result<Box<dyn StoredFile>>;

    /// What is at `way`. Fails on a symbolic link.
    fn metadata(&self, way: &[Segment]) -> io::Result<Metadata>;

    /// The entries of a folder, sorted by name. Fails when there are more than `entries_max`.
    fn list(&self, way: &[Segment], entries_max: usize) -> io::Result<Vec<Entry>>;

    /// Makes a folder in an existing one.
    fn create_dir(&self, way: &[Segment]) -> io::Result<()>;

    /// Removes an entry that is not a folder. A symbolic link goes itself.
    fn remove_file(&self, way: &[Segment]) -> io::Result<()>;

    /// Removes an empty folder.
    fn remove_dir(&self, way: &[Segment]) -> io::Result<()>;

    /// Takes a folder with all in it out of sight, in one step. What is removed is removed by [`Detached::remove`].
    fn detach(&self, way: &[Segment]) -> io::Result<Box<dyn Detached + '_>>;

    /// Moves a file or folder; replaces the file, or the empty folder, that is at `to`.
    fn rename(&self, from: &[Segment], to: &[Segment]) -> io::Result<()>;

    /// A new file that nobody sees until it is placed.
    fn stage(&self) -> io::Result<Box<dyn StagedFile + '_>>;

    /// Counts what a folder has, itself not included. A folder that is missing has nothing.
    fn measure(&self, way: &[Segment]) -> io::Result<Usage>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, way: &[Segment]) -> io::Result<()>;

    /// Makes everything that was written so far durable.
    fn sync_all(&self) -> io::Result<()>;
}

/// An open file. It stays the same file when it is moved, replaced or removed.
pub trait StoredFile: Debug + Send + Sync {
    /// Reads from `offset` on; less than asked for, at the end 0.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads at most `most` bytes from `offset` on, behind what is in `bytes`; at the end 0.
    ///
    /// For providers that can fill memory which was never written, as all of it is going to be.
    fn read_onto(&self, bytes: &mut Vec<u8>, offset: u64, most: usize) -> io::Result<usize> {
        let start = bytes.len();
        bytes.resize(start.saturating_add(most), 0);
        let read = self.read_at(bytes.get_mut(start..).unwrap_or_default(), offset);
        bytes.truncate(start.saturating_add(*read.as_ref().unwrap_or(&0)));
        read
    }

    /// Writes all of `bytes` at `offset`, which may lie beyond the end: what is between reads as zeros.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at the end, wherever that is at the time.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// What is known of it.
    fn metadata(&self) -> io::Result<Metadata>;

    /// Sets when it was read and written; `None` leaves a time as it is.
    fn set_times(&self, accessed: Option<SystemTime>, modified: Option<SystemTime>) -> io::Result<()>;

    /// Makes its content durable.
    fn sync(&self, what: SyncScope) -> io::Result<()>;
}

/// What a sync makes durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncScope {
    /// The bytes, and what is needed to read them.
    Data,
    /// Also the times.
    All,
}

/// A file that nobody sees. Goes away with this value unless it is placed.
pub trait StagedFile: io::Write + Send {
    /// Makes its content durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Gives back what an open file takes; it cannot be written any more, but still be placed.
    fn close(&mut self);

    /// Lets it appear at `way`, in place of the file there. A crash of the node leaves the one or the other.
    fn place(self: Box<Self>, way: &[Segment]) -> io::Result<()>;
}

/// A folder that is out of sight.
pub trait Detached {
    /// Removes it, and tells of each file and folder that went. When it fails, the rest goes at the next start.
    fn remove(self: Box<Self>, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()>;
}

/// The error of [`Storage::list`] for a folder that is too large.
pub(crate) fn too_many_entries(entries_max: usize) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, format!("the folder has more than {entries_max} entries"))
}
