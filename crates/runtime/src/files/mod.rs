//! `wasi:filesystem` 0.2 over the storage core: what `std::fs` in a guest ends up at.
//!
//! Of WASI, this one interface is ours. It knows no folder of the host: a path is a place in a mount, a mount is a drive,
//! and the core resolves what is in a drive, for messages and for this alike, with the same limits.
//!
//! | file | what |
//! |---|---|
//! | `mounts` | which paths a process has |
//! | `place` | from a folder and a text to a path of the vfs |
//! | `descriptor` | what a guest has open, and how much of that |
//! | `host` | the functions of the interface |
//! | `reader`, `writer` | streams from and to files |
//! | `code` | errors as WASI numbers them |
//!
//! Every function that touches the disk first waits for a thread that may block, see [`crate::lanes`], and then simply
//! does it. Nothing is kept back: what a guest was told is written is with the operating system, and survives the end of
//! the node.
//!
//! Paths are resolved here lexically, as everywhere in the vfs: `a/..` is where `a` is, whatever `a` may be. Symbolic
//! links are neither made nor followed. A folder that a guest has open is a path: when it is moved, that leads nowhere.

mod code;
mod descriptor;
mod host;
mod mounts;
mod place;
mod reader;
mod writer;

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use wasmtime::Result;
use wasmtime::component::{HasData, Linker};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wharf_kernel::recorder::Recorder;
use wharf_types::PackageId;
use wharf_vfs::Vfs;

use crate::engine::RuntimeSettings;
use crate::guest::{Guest, World};
use crate::turn::Turn;
use descriptor::Slots;
pub(crate) use mounts::Mounts;
#[cfg(feature = "fuzzing")]
pub(crate) use place::resolve;

/// The files of the node, for all guests.
pub(crate) struct Files {
    vfs: Arc<Vfs>,
    /// Keyed anew at each start, so that nobody learns which file of the host one is.
    hashes: [RandomState; 2],
    /// Files that all guests have open.
    open: Arc<AtomicUsize>,
    open_max: usize,
}

impl Files {
    pub(crate) fn new(vfs: Arc<Vfs>, settings: &RuntimeSettings) -> Self {
        Self { vfs, hashes: Default::default(), open: Arc::default(), open_max: settings.node_open_files_max }
    }

    fn hash(&self, identity: impl Hash) -> types::MetadataHashValue {
        let [lower, upper] = &self.hashes;
        types::MetadataHashValue { lower: lower.hash_one(&identity), upper: upper.hash_one(&identity) }
    }
}

/// The files of one life of a process.
pub(crate) struct GuestFiles {
    files: Arc<Files>,
    mounts: Mounts,
    slots: Slots,
    turn: Arc<Turn>,
}

impl GuestFiles {
    pub(crate) fn new(files: Arc<Files>, package: &PackageId, settings: &RuntimeSettings, turn: Arc<Turn>) -> Self {
        let slots = Slots::new(settings.open_files_max, &files);
        Self { files, mounts: Mounts::of(package), slots, turn }
    }

    /// What the guest is told in its environment.
    pub(crate) fn environment(&self) -> Option<(&'static str, &str)> {
        self.mounts.temporary().map(|at| ("TEMP_DIR", at))
    }
}

/// What the functions of the interface work on.
pub(crate) struct View<'a> {
    files: &'a mut GuestFiles,
    table: &'a mut wasmtime::component::ResourceTable,
    recorder: &'a Recorder,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        files: &'a mut GuestFiles,
        table: &'a mut wasmtime::component::ResourceTable,
        recorder: &'a Recorder,
    ) -> Self {
        Self { files, table, recorder }
    }
}

struct HasFiles;

impl HasData for HasFiles {
    type Data<'a> = View<'a>;
}

/// Adds the interface.
pub(crate) fn add_to_linker<W: World>(linker: &mut Linker<Guest<W>>) -> Result<()> {
    types::add_to_linker::<Guest<W>, HasFiles>(linker, Guest::files)?;
    preopens::add_to_linker::<Guest<W>, HasFiles>(linker, Guest::files)
}
