//! Files of the storage core.
//!
//! Each operation opens the file anew: a file that was moved, replaced or removed meanwhile is seen as it is now, and
//! no guest can use up the node's open files.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;

use ring::digest::{Context, SHA256};
use rustix::io::Errno;

use crate::beneath::FileUse;
use crate::core::Vfs;
use crate::error::{Doing, Failure};
use crate::limits::VfsLimits;
use crate::path::VfsPath;
use crate::staging::StagedFile;

const COPY_BUFFER_BYTES: usize = 64 << 10;

/// What `open` does when there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Fail.
    Fail,
    /// Make it.
    Create,
}

impl Vfs {
    pub(crate) fn open_file(&self, path: &VfsPath, purpose: FileUse) -> io::Result<File> {
        self.drive(path)?.file(path.rest(), purpose)
    }

    /// Checks that a file can be read and written, and makes it if asked to.
    pub fn ensure_file(&self, path: &VfsPath, missing: Missing) -> Result<(), Failure> {
        let purpose = match missing {
            Missing::Fail => FileUse::Write,
            Missing::Create => FileUse::Create,
        };
        self.open_file(path, purpose).map(drop).doing("open", path)
    }

    /// Makes an empty file, or empties an existing one.
    pub fn create_file(&self, path: &VfsPath) -> Result<(), Failure> {
        self.open_file(path, FileUse::Truncate).map(drop).doing("create", path)
    }

    /// Replaces or makes a whole file. A crash, of the node or of the machine, leaves the old one or the new one.
    pub fn write(&self, path: &VfsPath, bytes: &[u8], limits: &VfsLimits) -> Result<(), Failure> {
        end_within(0, bytes, limits).doing("write", path)?;
        self.replace(path, |file| file.write_all(bytes)).doing("write", path)
    }

    /// Copies a file; as with [`Vfs::write`], what was at `to` is replaced whole or not at all.
    pub fn copy(&self, from: &VfsPath, to: &VfsPath) -> Result<(), Failure> {
        let mut source = self.open_file(from, FileUse::Read).doing("copy", from)?;
        self.replace(to, |file| io::copy(&mut source, file).map(drop)).doing("copy a file to", to)
    }

    fn replace(&self, path: &VfsPath, fill: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
        // A file in the place of a drive would be out of every listing's and every capability's reach.
        if path.is_drive() {
            return Err(Errno::ISDIR.into());
        }
        let (parent, name) = self.drive(path)?.parent(path.rest())?;
        parent.check_replaceable(name)?;
        let mut staged: StagedFile<'_> = self.staging.file()?;
        fill(staged.file()?)?;
        staged.file()?.sync_all()?;
        staged.place(&parent, name)?;
        parent.sync()
    }

    /// Writes at `offset`, which may lie beyond the end; returns the offset behind what was written.
    pub fn write_at(&self, path: &VfsPath, offset: u64, bytes: &[u8], limits: &VfsLimits) -> Result<u64, Failure> {
        let write = || {
            let end = end_within(offset, bytes, limits)?;
            self.open_file(path, FileUse::Write)?.write_all_at(bytes, offset)?;
            Ok(end)
        };
        write().doing("write", path)
    }

    /// Writes at the end of an existing file; returns its new length.
    pub fn append(&self, path: &VfsPath, bytes: &[u8], limits: &VfsLimits) -> Result<u64, Failure> {
        let append = || {
            let mut file = self.open_file(path, FileUse::Append)?;
            end_within(file.metadata()?.len(), bytes, limits)?;
            file.write_all(bytes)?;
            Ok(file.metadata()?.len())
        };
        append().doing("append to", path)
    }

    /// Makes what was written to the file durable.
    pub fn sync(&self, path: &VfsPath) -> Result<(), Failure> {
        self.open_file(path, FileUse::Write).and_then(|file| file.sync_all()).doing("sync", path)
    }

    /// The whole file.
    pub fn read(&self, path: &VfsPath, limits: &VfsLimits) -> Result<Vec<u8>, Failure> {
        self.read_from(path, 0, limits.read_bytes_max)
    }

    /// The file from `offset` to its end; nothing when `offset` lies beyond. Fails when that is more than `bytes_max`.
    pub fn read_from(&self, path: &VfsPath, offset: u64, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let read = || {
            let mut file = self.open_file(path, FileUse::Read)?;
            let length = file.metadata()?.len().saturating_sub(offset);
            if length == 0 {
                // Some file systems refuse to go to offsets where no file could ever end.
                return Ok(Vec::new());
            }
            let too_large = || io::Error::from(Errno::FBIG);
            if length > bytes_max {
                return Err(too_large());
            }
            io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
            let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| too_large())?);
            // The file may grow while it is read.
            file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
        };
        read().doing("read", path)
    }

    /// Exactly `length` bytes from `offset`. What is announced is compared with the file before memory is taken.
    pub fn read_exact(&self, path: &VfsPath, offset: u64, length: u64, limits: &VfsLimits) -> Result<Vec<u8>, Failure> {
        let read = || {
            let file = self.open_file(path, FileUse::Read)?;
            if length > file.metadata()?.len().saturating_sub(offset) {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer"));
            }
            if length > limits.read_bytes_max {
                return Err(Errno::FBIG.into());
            }
            let mut bytes = vec![0; usize::try_from(length).map_err(|_| Errno::FBIG)?];
            file.read_exact_at(&mut bytes, offset)?;
            Ok(bytes)
        };
        read().doing("read", path)
    }

    /// Length of a file.
    pub fn len(&self, path: &VfsPath) -> Result<u64, Failure> {
        let length = || Ok(self.open_file(path, FileUse::Read)?.metadata()?.len());
        length().doing("look at", path)
    }

    /// Cuts a file or extends it with zeros.
    pub fn set_len(&self, path: &VfsPath, length: u64, limits: &VfsLimits) -> Result<(), Failure> {
        let cut = || {
            let file = self.open_file(path, FileUse::Write)?;
            if length > limits.file_bytes_max { Err(Errno::FBIG.into()) } else { file.set_len(length) }
        };
        cut().doing("set the length of", path)
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &VfsPath) -> Result<(), Failure> {
        let remove = || {
            if path.is_drive() {
                return Err(Errno::ISDIR.into());
            }
            let (parent, name) = self.drive(path)?.parent(path.rest())?;
            parent.remove_file(name)
        };
        remove().doing("remove", path)
    }

    /// SHA-256 of the whole file, and its length.
    pub fn hash(&self, path: &VfsPath) -> Result<([u8; 32], u64), Failure> {
        self.open_file(path, FileUse::Read).and_then(|file| hash(&file)).doing("read", path)
    }
}

fn hash(mut file: &File) -> io::Result<([u8; 32], u64)> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    let mut length: u64 = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        context.update(buffer.get(..read).unwrap_or_default());
        length = length.saturating_add(read as u64);
    }
    let digest = <[u8; 32]>::try_from(context.finish().as_ref()).map_err(io::Error::other)?;
    Ok((digest, length))
}

fn end_within(offset: u64, bytes: &[u8], limits: &VfsLimits) -> io::Result<u64> {
    match offset.checked_add(bytes.len() as u64) {
        Some(end) if end <= limits.file_bytes_max => Ok(end),
        _ => Err(Errno::FBIG.into()),
    }
}
