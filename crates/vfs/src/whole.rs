//! Whole files of the storage core: read, replaced and copied in one go.

use std::io;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use rustix::io::Errno;
use wharf_types::vfs::FileType;

use crate::core::{Vfs, not_a_drive};
use crate::error::{Doing, Failure, OverLimit};
use crate::file::VfsFile;
use crate::ledger::Ledger;
use crate::limits::Durability;
use crate::path::VfsPath;
use crate::storage::{OpenHow, StagedFile, SyncScope, Usage};

/// How much of a file is in memory at a time when nobody needs all of it.
const CHUNK_BYTES: usize = 64 << 10;

impl Vfs {
    /// Replaces or makes a whole file. Whatever ends the node leaves the old one or the new one; what a loss of power
    /// leaves is the matter of [`VfsLimits::write_durability`](crate::VfsLimits::write_durability).
    pub fn write(&self, path: &VfsPath, bytes: &[u8]) -> Result<(), Failure> {
        let len = bytes.len() as u64;
        let write = || self.replace(path, len, |staged| staged.write_all(bytes).map(|()| len));
        write().doing("write", path)
    }

    /// Copies a file; as with [`Vfs::write`], what was at `to` is replaced whole or not at all.
    pub fn copy(&self, from: &VfsPath, to: &VfsPath) -> Result<(), Failure> {
        let source = self.open_file(from, OpenHow::READ)?;
        let len = source.metadata()?.len;
        let fill = |staged: &mut dyn StagedFile| source.each_chunk(len, |chunk| staged.write_all(chunk));
        self.replace(to, len, fill).doing("copy a file to", to)
    }

    /// Puts a new file of at most `len` bytes, which `fill` writes and counts, at `path`.
    fn replace(
        &self,
        path: &VfsPath,
        len: u64,
        fill: impl FnOnce(&mut dyn StagedFile) -> io::Result<u64>,
    ) -> io::Result<()> {
        not_a_drive(path)?;
        let ledger = self.ledger(path);
        if len > ledger.limits().file_bytes_max {
            return Err(OverLimit::file_bytes().into());
        }
        // Looked at first, so that what has no room is not written at all, and settled when nothing changes any more.
        drop(ledger.grow()?);
        let room = Usage { bytes: len, files: 1 };
        let replaced = self.storage.metadata(path.segments()).ok();
        drop(ledger.reserve_in_place_of(room, replaced.as_ref())?);
        let mut staged = self.storage.stage()?;
        let bytes = fill(&mut *staged)?;
        let durability = ledger.limits().write_durability;
        if durability == Durability::Power {
            staged.sync()?;
        }
        self.put(&ledger, path, Usage { bytes, files: 1 }, staged)?;
        if durability == Durability::Power {
            self.sync_above(path)?;
        }
        Ok(())
    }

    fn put(
        &self,
        ledger: &Arc<Ledger>,
        path: &VfsPath,
        room: Usage,
        staged: Box<dyn StagedFile + '_>,
    ) -> io::Result<()> {
        let _names = ledger.change()?;
        let replaced = self.storage.metadata(path.segments()).ok();
        let room = ledger.reserve_in_place_of(room, replaced.as_ref())?;
        self.replace_by(ledger, path, || {
            staged.place(path.segments())?;
            room.keep_all();
            Ok(())
        })
    }

    /// Makes a file or folder, and the names that lead to it, durable.
    pub fn sync(&self, path: &VfsPath) -> Result<(), Failure> {
        let sync = || match self.storage.metadata(path.segments())?.kind {
            FileType::Directory => self.storage.sync_dir(path.segments()),
            _ => self.storage.open(path.segments(), OpenHow::WRITE)?.sync(SyncScope::All),
        };
        sync().and_then(|()| self.sync_above(path)).doing("sync", path)
    }

    /// Makes the names that lead to `path` durable. Those of folders that have not changed cost next to nothing.
    fn sync_above(&self, path: &VfsPath) -> io::Result<()> {
        let way = path.segments();
        (0..way.len()).rev().try_for_each(|depth| self.storage.sync_dir(way.get(..depth).unwrap_or_default()))
    }

    /// The whole file. Fails when it is larger than one answer may be.
    pub fn read(&self, path: &VfsPath) -> Result<Vec<u8>, Failure> {
        let file = self.open_file(path, OpenHow::READ)?;
        file.read_to_end(0, self.ledger(path).limits().read_bytes_max)
    }

    /// SHA-256 of the whole file, and its length.
    pub fn hash(&self, path: &VfsPath) -> Result<([u8; 32], u64), Failure> {
        let file = self.open_file(path, OpenHow::READ)?;
        let mut context = Context::new(&SHA256);
        let mut len: u64 = 0;
        let hash = || {
            len = file.each_chunk(u64::MAX, |chunk| {
                context.update(chunk);
                Ok(())
            })?;
            <[u8; 32]>::try_from(context.finish().as_ref()).map_err(io::Error::other)
        };
        hash().doing("read", path).map(|hash| (hash, len))
    }
}

impl VfsFile {
    /// The file from `offset` to its end; nothing when `offset` lies beyond. Fails when that is more than `bytes_max`.
    pub fn read_to_end(&self, offset: u64, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let read = || {
            let len = self.stored().metadata()?.len.saturating_sub(offset);
            if len > bytes_max {
                return Err(Errno::FBIG.into());
            }
            // One byte of room beyond the end shows that it is the end, without another allocation.
            let mut room = usize::try_from(len.saturating_add(1)).map_err(|_| Errno::FBIG)?;
            let mut bytes = Vec::new();
            loop {
                let at = offset.saturating_add(bytes.len() as u64);
                let read = self.fill_onto(&mut bytes, at, room)?;
                if bytes.len() as u64 > bytes_max {
                    return Err(Errno::FBIG.into());
                }
                if read < room {
                    return Ok(bytes);
                }
                // It grows while it is read.
                room = CHUNK_BYTES;
            }
        };
        read().doing("read", self.path())
    }

    /// Exactly `len` bytes from `offset`. What is announced is compared with the file before memory is taken.
    pub fn read_exact(&self, offset: u64, len: u64, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let read = || {
            let too_short = || io::Error::new(io::ErrorKind::UnexpectedEof, "failed to fill whole buffer");
            if len > self.stored().metadata()?.len.saturating_sub(offset) {
                return Err(too_short());
            }
            if len > bytes_max {
                return Err(Errno::FBIG.into());
            }
            let (mut bytes, len) = (Vec::new(), usize::try_from(len).map_err(|_| Errno::FBIG)?);
            let read = self.fill_onto(&mut bytes, offset, len)?;
            if read < len { Err(too_short()) } else { Ok(bytes) }
        };
        read().doing("read", self.path())
    }

    /// At most `len` bytes from `offset`, fewer only at the end. No more memory is taken than there are.
    pub fn read_most(&self, offset: u64, len: u64) -> Result<Vec<u8>, Failure> {
        let there = self.metadata()?.len.saturating_sub(offset);
        let read = || {
            let mut bytes = Vec::new();
            self.fill_onto(&mut bytes, offset, usize::try_from(len.min(there)).map_err(|_| Errno::FBIG)?)?;
            Ok(bytes)
        };
        read().doing("read", self.path())
    }

    /// Reads `most` bytes, or what there is to the end of the file, behind what is in `bytes`.
    fn fill_onto(&self, bytes: &mut Vec<u8>, offset: u64, most: usize) -> io::Result<usize> {
        let mut filled: usize = 0;
        while filled < most {
            match self.stored().read_onto(bytes, offset.saturating_add(filled as u64), most - filled)? {
                0 => break,
                read => filled = filled.saturating_add(read),
            }
        }
        Ok(filled)
    }

    /// Reads until the buffer is full or the file ends.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled: usize = 0;
        while let Some(left) = buffer.get_mut(filled..).filter(|left| !left.is_empty()) {
            match self.stored().read_at(left, offset.saturating_add(filled as u64))? {
                0 => break,
                read => filled = filled.saturating_add(read),
            }
        }
        Ok(filled)
    }

    /// Shows the first `len` bytes, or as many as there are, chunk by chunk, and returns how many.
    fn each_chunk(&self, len: u64, mut visit: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut offset: u64 = 0;
        while offset < len {
            let most = usize::try_from(len - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
            let read = self.fill(buffer.get_mut(..most).unwrap_or_default(), offset)?;
            visit(buffer.get(..read).unwrap_or_default())?;
            offset = offset.saturating_add(read as u64);
            if read < most {
                break;
            }
        }
        Ok(offset)
    }
}
