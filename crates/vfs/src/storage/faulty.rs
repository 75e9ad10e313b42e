//! Storage around another that fails where a test wants it to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::io::Errno;

use super::{Content, Create, Detached, Entry, Metadata, OpenHow, StagedFile, Storage, StoredFile, SyncScope, Usage};
use crate::path::Segment;

/// What follows the call that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// All goes well again: a disk that hiccuped, or was full for a moment.
    Recovers,
    /// Nothing that changes anything works any more: for what is on disk, the node is gone.
    Dead,
}

/// Counts the calls that change something, and says which fail.
#[derive(Debug)]
pub(crate) struct Plan {
    calls: AtomicU64,
    fails: u64,
    after: After,
}

impl Plan {
    /// The `fails`-th call fails, counted from 1.
    pub(crate) fn new(fails: u64, after: After) -> Arc<Self> {
        Arc::new(Self { calls: AtomicU64::new(0), fails, after })
    }

    /// Whether there were enough calls for one to fail.
    pub(crate) fn has_failed(&self) -> bool {
        self.calls.load(Ordering::Relaxed) >= self.fails
    }

    fn call(&self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = call == self.fails || call > self.fails && self.after == After::Dead;
        if fails { Err(Errno::IO.into()) } else { Ok(()) }
    }

    /// Writes as a disk does that fails in the middle of it: half of it is there.
    fn write(&self, bytes: &[u8], write: impl FnOnce(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let is_first = !self.has_failed();
        match self.call() {
            Ok(()) => write(bytes),
            Err(error) => {
                if is_first {
                    write(&bytes[..bytes.len() / 2])?;
                }
                Err(error)
            }
        }
    }
}

/// Storage that fails by plan.
#[derive(Debug)]
pub(crate) struct FaultyStorage {
    pub(crate) inner: Arc<dyn Storage>,
    pub(crate) plan: Arc<Plan>,
}

impl Storage for FaultyStorage {
    fn open(&self, way: &[Segment], how: OpenHow) -> io::Result<Box<dyn StoredFile>> {
        if how.create != Create::Never || how.content == Content::Truncate {
            self.plan.call()?;
        }
        Ok(Box::new(FaultyFile { inner: self.inner.open(way, how)?, plan: Arc::clone(&self.plan) }))
    }

    fn metadata(&self, way: &[Segment]) -> io::Result<Metadata> {
        self.inner.metadata(way)
    }

    fn list(&self, way: &[Segment], entries_max: usize) -> io::Result<Vec<Entry>> {
        self.inner.list(way, entries_max)
    }

    fn create_dir(&self, way: &[Segment]) -> io::Result<()> {
        self.plan.call()?;
        self.inner.create_dir(way)
    }

    fn remove_file(&self, way: &[Segment]) -> io::Result<()> {
        self.plan.call()?;
        self.inner.remove_file(way)
    }

    fn remove_dir(&self, way: &[Segment]) -> io::Result<()> {
        self.plan.call()?;
        self.inner.remove_dir(way)
    }

    fn detach(&self, way: &[Segment]) -> io::Result<Box<dyn Detached + '_>> {
        self.plan.call()?;
        Ok(Box::new(FaultyDetached { inner: self.inner.detach(way)?, plan: &self.plan }))
    }

    fn rename(&self, from: &[Segment], to: &[Segment]) -> io::Result<()> {
        self.plan.call()?;
        self.inner.rename(from, to)
    }

    fn stage(&self) -> io::Result<Box<dyn StagedFile + '_>> {
        self.plan.call()?;
        Ok(Box::new(FaultyStaged { inner: self.inner.stage()?, plan: &self.plan }))
    }

    fn measure(&self, way: &[Segment]) -> io::Result<Usage> {
        self.inner.measure(way)
    }

    fn sync_dir(&self, way: &[Segment]) -> io::Result<()> {
        self.plan.call()?;
        self.inner.sync_dir(way)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.plan.call()?;
        self.inner.sync_all()
    }
}

#[derive(Debug)]
struct FaultyFile {
    inner: Box<dyn StoredFile>,
    plan: Arc<Plan>,
}

impl StoredFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.plan.write(bytes, |bytes| self.inner.write_at(bytes, offset))
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.plan.write(bytes, |bytes| self.inner.append(bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.plan.call()?;
        self.inner.set_len(len)
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.inner.metadata()
    }

    fn set_times(&self, accessed: Option<SystemTime>, modified: Option<SystemTime>) -> io::Result<()> {
        self.plan.call()?;
        self.inner.set_times(accessed, modified)
    }

    fn sync(&self, what: SyncScope) -> io::Result<()> {
        self.plan.call()?;
        self.inner.sync(what)
    }
}

struct FaultyStaged<'a> {
    inner: Box<dyn StagedFile + 'a>,
    plan: &'a Plan,
}

impl Write for FaultyStaged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.plan.write(bytes, |bytes| self.inner.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StagedFile for FaultyStaged<'_> {
    fn sync(&mut self) -> io::Result<()> {
        self.plan.call()?;
        self.inner.sync()
    }

    fn close(&mut self) {
        self.inner.close();
    }

    fn place(self: Box<Self>, way: &[Segment]) -> io::Result<()> {
        if let Err(error) = self.plan.call() {
            if self.plan.after == After::Dead {
                // Whoever is gone does not clean up.
                std::mem::forget(self.inner);
            }
            return Err(error);
        }
        self.inner.place(way)
    }
}

struct FaultyDetached<'a> {
    inner: Box<dyn Detached + 'a>,
    plan: &'a Plan,
}

impl Detached for FaultyDetached<'_> {
    fn remove(self: Box<Self>, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()> {
        self.plan.call()?;
        self.inner.remove(gone)
    }
}
