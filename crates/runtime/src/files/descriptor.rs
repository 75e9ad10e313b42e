//! What a guest has open.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime_wasi::p2::bindings::filesystem::types::{DescriptorFlags, DirectoryEntry};
use wharf_kernel::Limit;
use wharf_vfs::{VfsFile, VfsPath};

use crate::files::Files;
use crate::turn::Turn;

/// An open file or folder.
pub(crate) enum Descriptor {
    Folder(VfsPath),
    File(Arc<OpenFile>),
}

/// A file with what it was opened for. Streams share it.
pub(crate) struct OpenFile {
    /// Present until it is dropped.
    closing: Option<Closing>,
    pub(crate) flags: DescriptorFlags,
    turn: Arc<Turn>,
}

struct Closing {
    file: VfsFile,
    _slot: Slot,
}

/// It was closed while somebody still used it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the file is closed")]
pub(crate) struct Closed;

impl OpenFile {
    pub(crate) fn new(file: VfsFile, slot: Slot, flags: DescriptorFlags, turn: &Arc<Turn>) -> Self {
        Self { closing: Some(Closing { file, _slot: slot }), flags, turn: Arc::clone(turn) }
    }

    pub(crate) fn file(&self) -> Result<&VfsFile, Closed> {
        self.closing.as_ref().map(|closing| &closing.file).ok_or(Closed)
    }
}

impl Drop for OpenFile {
    /// Closing a file may block.
    fn drop(&mut self) {
        let closing = self.closing.take();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.turn.may_block() => drop(runtime.spawn_blocking(move || drop(closing))),
            _ => drop(closing),
        }
    }
}

/// The entries of a folder that were not told yet.
pub(crate) struct Listing(pub(crate) std::vec::IntoIter<DirectoryEntry>);

/// Places for open files: of one life, and of the node.
pub(crate) struct Slots {
    own: Arc<AtomicUsize>,
    own_max: usize,
    all: Arc<AtomicUsize>,
    all_max: usize,
}

/// A place that is taken. It is free again when this is dropped, with the file.
pub(crate) struct Slot {
    own: Arc<AtomicUsize>,
    all: Arc<AtomicUsize>,
}

impl Slots {
    pub(crate) fn new(own_max: usize, files: &Files) -> Self {
        Self { own: Arc::default(), own_max, all: Arc::clone(&files.open), all_max: files.open_max }
    }

    /// Takes a place, or tells which bound is reached.
    pub(crate) fn take(&self) -> Result<Slot, Limit> {
        increase(&self.own, self.own_max).ok_or(Limit::OpenFiles)?;
        if increase(&self.all, self.all_max).is_none() {
            self.own.fetch_sub(1, Ordering::Relaxed);
            return Err(Limit::NodeOpenFiles);
        }
        Ok(Slot { own: Arc::clone(&self.own), all: Arc::clone(&self.all) })
    }
}

fn increase(count: &AtomicUsize, max: usize) -> Option<usize> {
    let next = |now: usize| now.checked_add(1).filter(|next| *next <= max);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.own.fetch_sub(1, Ordering::Relaxed);
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}
