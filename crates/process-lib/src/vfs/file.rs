//! A file that is read and written piece by piece.

use std::io::{self, Read, Seek, SeekFrom, Write};

use wharf_types::vfs::{FileMetadata, VfsAction};

use super::{Error, bytes, done, metadata, sync_all};
use crate::error::CallError;

/// How a file is opened, as with `std::fs::OpenOptions`.
///
/// ```no_run
/// use wharf_process_lib::vfs::{Error, File, OpenOptions};
///
/// fn open(path: &str) -> Result<File, Error> {
///     OpenOptions::new().read(true).write(true).create(true).open(path)
/// }
/// ```
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "the options of std::fs, which are any combination of these")]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// Nothing is allowed, and nothing made.
    pub fn new() -> Self {
        Self::default()
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// For writing, always at the end. What others append at the same time is not overwritten.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.append = append;
        self
    }

    /// Empties the file. Needs writing.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
        self
    }

    /// Makes the file when it is missing. Needs writing.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// Makes the file, which must be missing. Needs writing.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.create_new = create_new;
        self
    }

    /// Opens a file.
    pub fn open(&self, path: &str) -> Result<File, Error> {
        let writes = self.write || self.append;
        let changes = self.truncate || self.create || self.create_new;
        let is_possible = writes || self.read && !changes;
        if !is_possible || self.truncate && self.append {
            let error = "the options contradict each other".to_owned();
            return Err(CallError::Malformed { tried: format!("open {path}"), error });
        }
        let file = File { path: path.to_owned(), offset: 0, options: self.clone() };
        match (self.create_new, self.create, self.truncate) {
            (true, _, _) => done("create", path, VfsAction::CreateNew, None)?,
            (_, true, true) => done("create", path, VfsAction::CreateFile, None)?,
            (_, create, false) if writes => done("open", path, VfsAction::OpenFile { create }, None)?,
            (_, _, true) => file.set_len(0)?,
            _ => file.check_readable()?,
        }
        Ok(file)
    }
}

/// A file: a path, and a place in it that is this value's own. Any number may be open, and closing one does nothing.
///
/// Each call is a message to the node. For many small pieces there is [`std::io::BufReader`] and
/// [`std::io::BufWriter`].
///
/// ```no_run
/// use std::io::{Read, Seek, SeekFrom, Write};
/// use wharf_process_lib::vfs::File;
///
/// fn stamp(path: &str) -> std::io::Result<[u8; 4]> {
///     let mut file = File::create(path)?;
///     file.write_all(b"head and body")?;
///     file.seek(SeekFrom::Start(9))?;
///     let mut body = [0; 4];
///     File::open(path)?.read_at(&mut body, 9)?;
///     Ok(body)
/// }
/// ```
#[derive(Debug)]
pub struct File {
    path: String,
    offset: u64,
    options: OpenOptions,
}

impl File {
    /// Opens an existing file for reading.
    pub fn open(path: &str) -> Result<Self, Error> {
        OpenOptions::new().read(true).open(path)
    }

    /// Makes an empty file, or empties an existing one, for writing.
    pub fn create(path: &str) -> Result<Self, Error> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Its path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Kind and length.
    pub fn metadata(&self) -> Result<FileMetadata, Error> {
        metadata(&self.path)
    }

    /// Cuts it or extends it with zeros.
    pub fn set_len(&self, len: u64) -> Result<(), Error> {
        done("set the length of", &self.path, VfsAction::SetLen(len), None)
    }

    /// Makes it survive a loss of power.
    pub fn sync_all(&self) -> Result<(), Error> {
        sync_all(&self.path)
    }

    /// Reads from `offset` on, wherever the file stands; less than asked for only at the end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        let action = VfsAction::ReadAt { offset, length: buffer.len() as u64 };
        let read = bytes("read", &self.path, action)?;
        let len = read.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..len), read.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }

    /// Writes all of `bytes` at `offset`, wherever the file stands.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        done("write", &self.path, VfsAction::WriteAt { offset }, Some(bytes.to_vec()))
    }

    fn check_readable(&self) -> Result<(), Error> {
        self.read_at(&mut [], 0).map(drop)
    }

    fn allows(&self, allowed: bool) -> io::Result<()> {
        let error = || io::Error::new(io::ErrorKind::PermissionDenied, "the file was not opened for that");
        if allowed { Ok(()) } else { Err(error()) }
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.allows(self.options.read)?;
        let read = self.read_at(buffer, self.offset)?;
        self.offset = self.offset.saturating_add(read as u64);
        Ok(read)
    }

    fn read_to_end(&mut self, to: &mut Vec<u8>) -> io::Result<usize> {
        self.allows(self.options.read)?;
        let mut total: usize = 0;
        loop {
            // As much as one answer carries; nothing at the end.
            let action = VfsAction::ReadAt { offset: self.offset, length: u64::MAX };
            let read = bytes("read", &self.path, action)?;
            if read.is_empty() {
                return Ok(total);
            }
            self.offset = self.offset.saturating_add(read.len() as u64);
            total = total.saturating_add(read.len());
            if to.is_empty() { *to = read } else { to.extend_from_slice(&read) }
        }
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.allows(self.options.write || self.options.append)?;
        if self.options.append {
            done("append to", &self.path, VfsAction::Append, Some(bytes.to_vec()))?;
            return Ok(bytes.len());
        }
        self.write_at(bytes, self.offset)?;
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    /// Does nothing: what was written is with the node already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.metadata()?.len.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.offset.checked_add_signed(distance),
        };
        self.offset =
            offset.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the start of the file"))?;
        Ok(self.offset)
    }
}
