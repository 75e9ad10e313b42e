//! What `vfs:distro:sys` is asked and answers.
//!
//! A path is `/package:publisher/drive/…`; the leading slash may be left out. Entry paths in
//! [`VfsResponse::ReadDir`] have none: guests rely on it.

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
    CreateDrive,
    /// Make a folder in an existing one.
    CreateDir,
    /// Make a folder and those above it.
    CreateDirAll,
    /// Make an empty file, or empty an existing one.
    CreateFile,
    /// Open a file and put the cursor at its start.
    OpenFile {
        /// Make it when it does not exist.
        create: bool,
    },
    /// Forget the cursor.
    CloseFile,
    /// Replace the whole file by the blob.
    Write,
    /// Write the blob at the cursor.
    WriteAll,
    /// Write the blob at the end.
    Append,
    /// Make what was written durable.
    SyncAll,
    /// The whole file, as blob.
    Read,
    /// The entries of a folder; for `/package:publisher`, the drives of one's own package, and with the root capability
    /// those of any (our addition); for `/`, with the root capability, the packages that have files.
    ReadDir,
    /// From the cursor to the end, as blob.
    ReadToEnd,
    /// Exactly this many bytes from the cursor, as blob.
    ReadExact {
        /// How many.
        length: u64,
    },
    /// From the cursor to the end, as text.
    ReadToString,
    /// Move the cursor.
    Seek(SeekFrom),
    /// Remove a file.
    RemoveFile,
    /// Remove an empty folder.
    RemoveDir,
    /// Remove a folder with all in it.
    RemoveDirAll,
    /// Move to another path.
    Rename {
        /// Where to.
        new_path: String,
    },
    /// Kind and length.
    Metadata,
    /// Unpack the zip in the blob into this folder.
    AddZip,
    /// Copy to another path.
    CopyFile {
        /// Where to.
        new_path: String,
    },
    /// Length in bytes.
    Len,
    /// Cut or extend with zeros.
    SetLen(u64),
    /// SHA-256 of the whole file.
    Hash,
    /// Make an empty file; fails when there is anything at the path. An addition of Wharf's, like all below.
    CreateNew,
    /// At most this many bytes from an offset, as blob; fewer only at the end of the file. No cursor has to do with it.
    ReadAt {
        /// From where, in bytes.
        offset: u64,
        /// How many at most.
        length: u64,
    },
    /// Write the blob at an offset. No cursor has to do with it.
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
