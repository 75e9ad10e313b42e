//! A folder of the host as storage.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::Path;
use std::time::SystemTime;

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};
use rustix::io::{Errno, ReadWriteFlags};

use super::{Detached, Entry, Metadata, OpenHow, StagedFile, Storage, StoredFile, SyncScope, Usage};
use crate::beneath::{Folder, metadata_of};
use crate::path::Segment;
use crate::staging::{Staged, Staging};

/// A folder of the host. Everything is resolved beneath it by the operating system, see `beneath`.
#[derive(Debug)]
pub struct LocalStorage {
    root: Folder,
    staging: Staging,
}

impl LocalStorage {
    /// Storage in `root`, a folder of the host, which is made when it is missing.
    ///
    /// One process may have it open at a time: what is found half-written is removed.
    pub fn open(root: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(root)?;
        let root = Folder::open(root)?;
        root.folder(&[]).map_err(|error| {
            let text =
                format!("the system cannot resolve paths beneath a folder (openat2, Linux 5.6 or newer): {error}");
            io::Error::new(error.kind(), text)
        })?;
        let staging = Staging::open(&root)?;
        Ok(Self { root, staging })
    }
}

impl Storage for LocalStorage {
    fn open(&self, way: &[Segment], how: OpenHow) -> io::Result<Box<dyn StoredFile>> {
        Ok(Box::new(LocalFile(self.root.file(way, how)?)))
    }

    fn metadata(&self, way: &[Segment]) -> io::Result<Metadata> {
        self.root.metadata(way)
    }

    fn list(&self, way: &[Segment], entries_max: usize) -> io::Result<Vec<Entry>> {
        self.root.folder(way)?.entries(entries_max)
    }

    fn create_dir(&self, way: &[Segment]) -> io::Result<()> {
        let (parent, name) = self.root.parent(way)?;
        parent.make_folder(name)
    }

    fn remove_file(&self, way: &[Segment]) -> io::Result<()> {
        let (parent, name) = self.root.parent(way)?;
        parent.remove_file(name)
    }

    fn remove_dir(&self, way: &[Segment]) -> io::Result<()> {
        let (parent, name) = self.root.parent(way)?;
        parent.remove_folder(name)
    }

    fn detach(&self, way: &[Segment]) -> io::Result<Box<dyn Detached + '_>> {
        let (parent, name) = self.root.parent(way)?;
        // Fails on what is not a folder, a symbolic link to one included.
        drop(parent.folder(std::slice::from_ref(name))?);
        let name = self.staging.take(&parent, name)?;
        Ok(Box::new(OutOfSight { staging: &self.staging, name }))
    }

    fn rename(&self, from: &[Segment], to: &[Segment]) -> io::Result<()> {
        let (parent, name) = self.root.parent(from)?;
        let (new_parent, new_name) = self.root.parent(to)?;
        parent.rename(name, &new_parent, new_name)
    }

    fn stage(&self) -> io::Result<Box<dyn StagedFile + '_>> {
        Ok(Box::new(Placeable { root: &self.root, staged: self.staging.file()? }))
    }

    fn measure(&self, way: &[Segment]) -> io::Result<Usage> {
        match self.root.folder(way) {
            Ok(folder) => folder.measure(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Usage::default()),
            Err(error) => Err(error),
        }
    }

    fn sync_dir(&self, way: &[Segment]) -> io::Result<()> {
        self.root.folder(way)?.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.root.sync_all()
    }
}

#[derive(Debug)]
struct LocalFile(File);

impl StoredFile for LocalFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        // No file reaches that far, and the system refuses to look.
        if offset.checked_add(buffer.len() as u64).is_none_or(|end| i64::try_from(end).is_err()) {
            return Ok(0);
        }
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn read_onto(&self, bytes: &mut Vec<u8>, offset: u64, most: usize) -> io::Result<usize> {
        let start = bytes.len();
        bytes.try_reserve_exact(most).map_err(|_| Errno::NOMEM)?;
        if offset.checked_add(bytes.capacity() as u64).is_none_or(|end| i64::try_from(end).is_err()) {
            return Ok(0);
        }
        loop {
            match rustix::io::pread(&self.0, rustix::buffer::spare_capacity(bytes), offset) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        // There may be more room than was asked for.
        bytes.truncate(start.saturating_add(most));
        Ok(bytes.len().saturating_sub(start))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.0.write_all_at(bytes, offset) }
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            // The offset is not looked at: the system finds the end and writes there in one step.
            match rustix::io::pwritev2(&self.0, &[io::IoSlice::new(left)], 0, ReadWriteFlags::APPEND) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        Ok(metadata_of(&rustix::fs::fstat(&self.0)?))
    }

    fn set_times(&self, accessed: Option<SystemTime>, modified: Option<SystemTime>) -> io::Result<()> {
        let times = Timestamps { last_access: timespec(accessed)?, last_modification: timespec(modified)? };
        Ok(rustix::fs::futimens(&self.0, &times)?)
    }

    fn sync(&self, what: SyncScope) -> io::Result<()> {
        match what {
            SyncScope::Data => self.0.sync_data(),
            SyncScope::All => self.0.sync_all(),
        }
    }
}

fn timespec(time: Option<SystemTime>) -> io::Result<Timespec> {
    let Some(time) = time else { return Ok(Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT }) };
    let since = time.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| Errno::INVAL)?;
    let tv_sec = i64::try_from(since.as_secs()).map_err(|_| Errno::INVAL)?;
    Ok(Timespec { tv_sec, tv_nsec: since.subsec_nanos().into() })
}

/// A staged file that knows where it may appear.
struct Placeable<'a> {
    root: &'a Folder,
    staged: Staged<'a>,
}

impl Write for Placeable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.staged.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StagedFile for Placeable<'_> {
    fn sync(&mut self) -> io::Result<()> {
        self.staged.file()?.sync_all()
    }

    fn close(&mut self) {
        self.staged.close();
    }

    fn place(self: Box<Self>, way: &[Segment]) -> io::Result<()> {
        let (parent, name) = self.root.parent(way)?;
        self.staged.place(&parent, name)
    }
}

/// A tree in the staging folder.
struct OutOfSight<'a> {
    staging: &'a Staging,
    name: Segment,
}

impl Detached for OutOfSight<'_> {
    fn remove(self: Box<Self>, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()> {
        self.staging.remove(self.name, gone)
    }
}
