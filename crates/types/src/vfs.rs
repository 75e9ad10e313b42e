//! What `vfs:distro:sys` is asked and answers.
//!
//! A path is `/package:publisher/drive/…`; the leading slash may be left out. Entry paths in
//! [`VfsResponse::ReadDir`] have none: guests rely on it.
//!
//! # Who may
//!
//! A process may do everything in the drives of its own package. Elsewhere, `read` and `write` below are the capabilities
//! `{"kind":"read","drive":"/package:publisher/drive"}` and `"write"`, issued by this module; whoever lacks them is answered
//! `NoReadCap` or `NoWriteCap`. Root is its capability `{"root":true}`, which stands for all of them.
//!
//! # Cursors
//!
//! Each process has a place of its own in each file, at the start until it reads or writes. It lasts for one life of the
//! process. `Read`, `Write`, `ReadAt` and `WriteAt` have nothing to do with it.
//!
//! # Refusals
//!
//! Besides what an action names: `MalformedRequest` for what is no request or no path. `IOError` carries the text of the
//! operating system, `No such file or directory (os error 2)`, also for limits that are reached.

use serde::{Deserialize, Serialize};

/// A request to the vfs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VfsRequest {
    /// What it is about.
    pub path: String,
    /// What to do with it.
    pub action: VfsAction,
}

/// What to do with a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VfsAction {
    /// Make a drive; the caller gets its read and write capabilities.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`.
    /// * Refuses: `NoWriteCap`, `AddCapFailed`, `IOError`.
    CreateDrive,
    /// Make a folder in an existing one.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    CreateDir,
    /// Make a folder and those above it.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    CreateDirAll,
    /// Make an empty file, or empty an existing one.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    CreateFile,
    /// Open a file and put the cursor at its start.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    OpenFile {
        /// Make it when it does not exist.
        create: bool,
    },
    /// Forget the cursor.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    CloseFile,
    /// Replace the whole file by the blob.
    ///
    /// * Blob: the bytes.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoBlob`, `IOError`.
    Write,
    /// Write the blob at the cursor.
    ///
    /// * Blob: the bytes.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoBlob`, `IOError`.
    WriteAll,
    /// Write the blob at the end.
    ///
    /// * Blob: the bytes.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoBlob`, `IOError`.
    Append,
    /// Make what was written durable.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    SyncAll,
    /// The whole file, as blob.
    ///
    /// * Takes: `read`.
    /// * Answers: `Read`, with the bytes as blob.
    /// * Refuses: `IOError`.
    Read,
    /// The entries of a folder; for `/package:publisher`, the drives of one's own package, and with the root capability
    /// those of any (our addition); for `/`, with the root capability, the packages that have files.
    ///
    /// * Takes: `read`; beneath no drive what is said above.
    /// * Answers: `ReadDir`.
    /// * Refuses: `IOError`.
    ReadDir,
    /// From the cursor to the end, as blob.
    ///
    /// * Takes: `read`.
    /// * Answers: `Read`, with the bytes as blob.
    /// * Refuses: `IOError`.
    ReadToEnd,
    /// Exactly this many bytes from the cursor, as blob.
    ///
    /// * Takes: `read`.
    /// * Answers: `Read`, with the bytes as blob.
    /// * Refuses: `IOError`, also when there are fewer; nothing is read then.
    ReadExact {
        /// How many.
        length: u64,
    },
    /// From the cursor to the end, as text.
    ///
    /// * Takes: `read`.
    /// * Answers: `ReadToString`.
    /// * Refuses: `IOError`, also when it is not UTF-8; the cursor stays then.
    ReadToString,
    /// Move the cursor.
    ///
    /// * Takes: `read`.
    /// * Answers: `SeekFrom`.
    /// * Refuses: `IOError`.
    Seek(SeekFrom),
    /// Remove a file.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    RemoveFile,
    /// Remove an empty folder.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    RemoveDir,
    /// Remove a folder with all in it.
    ///
    /// * Takes: `write`; of a package, root.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    RemoveDirAll,
    /// Move to another path.
    ///
    /// * Takes: `write`, at both ends.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    Rename {
        /// Where to.
        new_path: String,
    },
    /// Kind and length.
    ///
    /// * Takes: `read`.
    /// * Answers: `Metadata`.
    /// * Refuses: `IOError`.
    Metadata,
    /// Unpack the zip in the blob into this folder.
    ///
    /// * Blob: the zip.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoBlob`, `ParseError`, `UnzipError`, `IOError`.
    AddZip,
    /// Copy to another path.
    ///
    /// * Takes: `write`, at both ends.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    CopyFile {
        /// Where to.
        new_path: String,
    },
    /// Length in bytes.
    ///
    /// * Takes: `read`.
    /// * Answers: `Len`.
    /// * Refuses: `IOError`.
    Len,
    /// Cut or extend with zeros.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    SetLen(u64),
    /// SHA-256 of the whole file.
    ///
    /// * Takes: `read`.
    /// * Answers: `Hash`.
    /// * Refuses: `IOError`.
    Hash,
    /// Make an empty file; fails when there is anything at the path. An addition of Wharf's, like all below.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `IOError`.
    CreateNew,
    /// At most this many bytes from an offset, as blob; fewer only at the end of the file. No cursor has to do with it.
    ///
    /// * Takes: `read`.
    /// * Answers: `Read`, with the bytes as blob.
    /// * Refuses: `IOError`.
    ReadAt {
        /// From where, in bytes.
        offset: u64,
        /// How many at most.
        length: u64,
    },
    /// Write the blob at an offset. No cursor has to do with it.
    ///
    /// * Blob: the bytes.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoBlob`, `IOError`.
    WriteAt {
        /// Where, in bytes.
        offset: u64,
    },
}

/// Where a cursor moves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeekFrom {
    /// Bytes from the start.
    Start(u64),
    /// Bytes from the end.
    End(i64),
    /// Bytes from here.
    Current(i64),
}

/// Kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileType {
    /// A file.
    File,
    /// A folder.
    Directory,
    /// A symbolic link; never followed.
    Symlink,
    /// Anything else.
    Other,
}

/// Kind and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMetadata {
    /// Kind.
    pub file_type: FileType,
    /// Bytes.
    pub len: u64,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirEntry {
    /// `package:publisher/drive/…`, without a leading slash.
    pub path: String,
    /// Kind.
    pub file_type: FileType,
}

/// The vfs module's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VfsResponse {
    /// Done.
    Ok,
    /// Not done.
    Err(VfsError),
    /// The bytes are in the blob.
    Read,
    /// The cursor moved.
    SeekFrom {
        /// Bytes from the start.
        new_offset: u64,
    },
    /// The entries.
    ReadDir(Vec<DirEntry>),
    /// The text.
    ReadToString(String),
    /// Kind and length.
    Metadata(FileMetadata),
    /// Bytes.
    Len(u64),
    /// SHA-256.
    Hash([u8; 32]),
}

/// Why the vfs refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum VfsError {
    /// The caller may not write there.
    #[error("no capability to write there")]
    NoWriteCap,
    /// The caller may not read there.
    #[error("no capability to read there")]
    NoReadCap,
    /// The capabilities of a new drive could not be given to the caller.
    #[error("the capabilities of the drive could not be granted")]
    AddCapFailed,
    /// Not a request, or a path that cannot be one.
    #[error("malformed request or path")]
    MalformedRequest,
    /// The action needs bytes in the blob.
    #[error("the action needs a blob")]
    NoBlob,
    /// The blob is not what the action needs.
    #[error("{path}: {error}")]
    ParseError {
        /// What is wrong.
        error: String,
        /// Where.
        path: String,
    },
    /// The operating system said no; its message, as `std::io::Error` prints it.
    #[error("{0}")]
    IOError(String),
    /// An entry of the zip is not a plain file or folder beneath the target.
    #[error("the zip has an entry that is not a plain file or folder beneath the target")]
    UnzipError,
}
