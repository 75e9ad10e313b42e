//! Open files of the storage core.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use crate::core::{Vfs, not_a_drive};
use crate::error::{Doing, Failure, OverLimit};
use crate::ledger::{Ledger, OpenFile};
use crate::path::VfsPath;
use crate::storage::{Content, Create, Identity, Metadata, OpenHow, StoredFile, SyncScope, Usage};

impl Vfs {
    /// Opens a file. It stays the same file when it is moved, replaced or removed.
    ///
    /// A handle takes one of the operating system's open files, and there is no bound on them here: whoever keeps handles
    /// for others has one.
    ///
    /// ```
    /// # let home = tempfile::tempdir()?;
    /// use wharf_vfs::storage::{Create, OpenHow};
    /// use wharf_vfs::{Vfs, VfsLimits, VfsPath};
    /// let vfs = Vfs::open(home.path().to_owned(), VfsLimits::default())?;
    /// let path: VfsPath = "/chess:alice.os/games/1".parse()?;
    /// vfs.create_drive(&path)?;
    /// let file = vfs.open_file(&path, OpenHow { create: Create::IfMissing, ..OpenHow::READ_WRITE })?;
    /// file.append(b"e4 e5")?;
    /// let mut buffer = [0; 8];
    /// assert_eq!(file.read_at(&mut buffer, 3)?, 2);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_file(&self, path: &VfsPath, how: OpenHow) -> Result<VfsFile, Failure> {
        let file = self.open_kept(path, how).doing("open", path)?;
        // One that is empty, as a new one is, is spared the trouble.
        if how.content == Content::Truncate && file.metadata()?.len > 0 {
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// Opens, and keeps what is in the file: cutting it is counted in [`VfsFile::set_len`].
    fn open_kept(&self, path: &VfsPath, how: OpenHow) -> io::Result<VfsFile> {
        not_a_drive(path)?;
        if how.content == Content::Truncate && !how.access.writes() {
            return Err(rustix::io::Errno::INVAL.into());
        }
        let ledger = self.ledger(path);
        let existing = OpenHow { create: Create::Never, content: Content::Keep, ..how };
        if how.create != Create::New {
            let _names = ledger.look();
            match self.storage.open(path.segments(), existing) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && how.create == Create::IfMissing => {}
                opened => return VfsFile::new(opened?, path, &ledger),
            }
        }
        let _names = ledger.change()?;
        let room = ledger.reserve(Usage { bytes: 0, files: 1 });
        if room.is_err() && self.storage.metadata(path.segments()).is_ok() {
            // There is something after all, and nothing to be made.
            return match how.create {
                Create::New => Err(rustix::io::Errno::EXIST.into()),
                _ => VfsFile::new(self.storage.open(path.segments(), existing)?, path, &ledger),
            };
        }
        let room = room?;
        match self.storage.open(path.segments(), OpenHow { create: Create::New, ..existing }) {
            // Another request made it since.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && how.create == Create::IfMissing => {
                VfsFile::new(self.storage.open(path.segments(), existing)?, path, &ledger)
            }
            opened => {
                let opened = opened?;
                room.keep_all();
                VfsFile::new(opened, path, &ledger)
            }
        }
    }
}

/// An open file, whose growth counts for the package in whose drive it was opened.
#[derive(Debug)]
pub struct VfsFile {
    stored: Box<dyn StoredFile>,
    identity: Identity,
    shared: Arc<OpenFile>,
    ledger: Arc<Ledger>,
    path: VfsPath,
}

impl VfsFile {
    /// The caller holds [`Ledger::look`] or more since before the file was opened.
    fn new(stored: Box<dyn StoredFile>, path: &VfsPath, ledger: &Arc<Ledger>) -> io::Result<Self> {
        let identity = stored.metadata()?.identity;
        let shared = ledger.opened(identity);
        Ok(Self { stored, identity, shared, ledger: Arc::clone(ledger), path: path.clone() })
    }

    pub(crate) fn stored(&self) -> &dyn StoredFile {
        &*self.stored
    }

    /// Where it was when it was opened.
    pub fn path(&self) -> &VfsPath {
        &self.path
    }

    /// Reads from `offset` on; less than asked for, at the end 0.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Failure> {
        self.stored.read_at(buffer, offset).doing("read", &self.path)
    }

    /// Reads at most `most` bytes from `offset` on, behind what is in `bytes`; at the end 0.
    pub fn read_onto(&self, bytes: &mut Vec<u8>, offset: u64, most: usize) -> Result<usize, Failure> {
        self.stored.read_onto(bytes, offset, most).doing("read", &self.path)
    }

    /// Writes all of `bytes` at `offset`, which may lie beyond the end; returns the offset behind what was written.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> Result<u64, Failure> {
        let write = || {
            let end = self.end(offset, bytes.len())?;
            // Writing nothing beyond the end does not extend the file.
            let reaches = if bytes.is_empty() { 0 } else { end };
            self.changing(|old| old.max(reaches), || self.stored.write_at(bytes, offset))?;
            Ok(end)
        };
        write().doing("write", &self.path)
    }

    /// Writes all of `bytes` at the end, or nothing; returns the length that the file has then.
    pub fn append(&self, bytes: &[u8]) -> Result<u64, Failure> {
        let append = || {
            let _names = self.ledger.grow()?;
            let _size = self.shared.lock_size();
            let old = self.stored.metadata()?.len;
            let end = self.end(old, bytes.len())?;
            self.resized(old, end, || {
                self.stored.append(bytes).inspect_err(|_| {
                    // Half a line in a log is worse than none. Failing at that, too, is no other error.
                    let _ = self.stored.set_len(old);
                })
            })?;
            Ok(end)
        };
        append().doing("append to", &self.path)
    }

    /// Cuts it or extends it with zeros.
    pub fn set_len(&self, len: u64) -> Result<(), Failure> {
        let cut = || {
            self.end(len, 0)?;
            self.changing(|_| len, || self.stored.set_len(len))
        };
        cut().doing("set the length of", &self.path)
    }

    /// What is known of it.
    pub fn metadata(&self) -> Result<Metadata, Failure> {
        self.stored.metadata().doing("look at", &self.path)
    }

    /// Sets when it was read and written; `None` leaves a time as it is.
    pub fn set_times(&self, accessed: Option<SystemTime>, modified: Option<SystemTime>) -> Result<(), Failure> {
        self.stored.set_times(accessed, modified).doing("set the times of", &self.path)
    }

    /// Makes it durable: it survives a loss of power. What was written survives the end of the node without it.
    pub fn sync(&self, what: SyncScope) -> Result<(), Failure> {
        self.stored.sync(what).doing("sync", &self.path)
    }

    fn end(&self, offset: u64, len: usize) -> io::Result<u64> {
        match offset.checked_add(len as u64) {
            Some(end) if end <= self.ledger.limits().file_bytes_max => Ok(end),
            _ => Err(OverLimit::file_bytes().into()),
        }
    }

    /// Does what makes `new_len` of the length.
    fn changing(&self, new_len: impl FnOnce(u64) -> u64, change: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let _names = self.ledger.grow()?;
        let _size = self.shared.lock_size();
        let old = self.stored.metadata()?.len;
        self.resized(old, new_len(old), change)
    }

    /// Does what changes the length from `old` to `new`, and counts what came of it. The caller holds the locks.
    fn resized(&self, old: u64, new: u64, change: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let room = Usage { bytes: new.saturating_sub(old), files: 0 };
        let mut room = self.ledger.reserve(room)?;
        let changed = change();
        // What failed halfway has changed the length all the same.
        let now = if changed.is_ok() { new } else { self.stored.metadata().map_or(new, |metadata| metadata.len) };
        room.keep(Usage { bytes: now.saturating_sub(old), files: 0 });
        self.ledger.credit(Usage { bytes: old.saturating_sub(now), files: 0 });
        changed
    }
}

impl Drop for VfsFile {
    fn drop(&mut self) {
        self.ledger.closing(self.identity, || self.stored.metadata().map_or(0, |metadata| metadata.len));
    }
}
