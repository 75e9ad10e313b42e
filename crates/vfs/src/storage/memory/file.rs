//! Files in memory, open and not.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::io::Errno;
use wharf_types::vfs::FileType;

use super::{Place, Shared};
use crate::storage::{Access, Identity, Metadata, StoredFile, SyncScope};

/// A file, whether it has a name or not.
#[derive(Debug)]
pub(super) struct MemoryFile {
    place: Place,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    bytes: Vec<u8>,
    modified: SystemTime,
    accessed: SystemTime,
}

impl MemoryFile {
    pub(super) fn new(shared: &Arc<Shared>) -> io::Result<Self> {
        let now = SystemTime::now();
        let inner = Inner { bytes: Vec::new(), modified: now, accessed: now };
        Ok(Self { place: Place::new(shared)?, inner: Mutex::new(inner) })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the file `len` bytes; what is new is zero.
    fn resize(&self, inner: &mut Inner, len: u64) -> io::Result<()> {
        let old = inner.bytes.len() as u64;
        let size = usize::try_from(len).map_err(|_| Errno::FBIG)?;
        if len > old {
            self.place.shared.take(len - old)?;
            if inner.bytes.try_reserve(size - inner.bytes.len()).is_err() {
                self.place.shared.give(len - old);
                return Err(Errno::NOSPC.into());
            }
        } else {
            self.place.shared.give(old - len);
        }
        inner.bytes.resize(size, 0);
        inner.modified = SystemTime::now();
        Ok(())
    }

    fn write(&self, inner: &mut Inner, bytes: &[u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(Errno::FBIG)?;
        if !bytes.is_empty() && end > inner.bytes.len() as u64 {
            self.resize(inner, end)?;
        }
        let place = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
        if let Some(place) = place.and_then(|(start, end)| inner.bytes.get_mut(start..end)) {
            place.copy_from_slice(bytes);
            inner.modified = SystemTime::now();
        }
        Ok(())
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        let inner = self.inner();
        Ok(Metadata {
            kind: FileType::File,
            len: inner.bytes.len() as u64,
            modified: inner.modified,
            accessed: inner.accessed,
            identity: Identity { volume: 0, file: self.place.identity },
        })
    }

    pub(super) fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.inner();
        self.resize(&mut inner, len)
    }

    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.inner();
        let end = inner.bytes.len() as u64;
        self.write(&mut inner, bytes, end)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.place.shared.give(self.inner().bytes.len() as u64);
    }
}

/// A file that is open for something.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: Arc<MemoryFile>,
    pub(super) access: Access,
}

impl Opened {
    fn writable(&self) -> io::Result<&MemoryFile> {
        if self.access.writes() { Ok(&self.file) } else { Err(Errno::BADF.into()) }
    }
}

impl StoredFile for Opened {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.access == Access::Write {
            return Err(Errno::BADF.into());
        }
        let mut inner = self.file.inner();
        inner.accessed = SystemTime::now();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let from = inner.bytes.get(start..).unwrap_or_default();
        let count = from.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), from.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let file = self.writable()?;
        file.write(&mut file.inner(), bytes, offset)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.writable()?.append(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        // As the system has it for a file that is not open for writing.
        let file = self.writable().map_err(|_| Errno::INVAL)?;
        file.set_len(len)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    fn set_times(&self, accessed: Option<SystemTime>, modified: Option<SystemTime>) -> io::Result<()> {
        let mut inner = self.file.inner();
        inner.accessed = accessed.unwrap_or(inner.accessed);
        inner.modified = modified.unwrap_or(inner.modified);
        Ok(())
    }

    fn sync(&self, _: SyncScope) -> io::Result<()> {
        Ok(())
    }
}
