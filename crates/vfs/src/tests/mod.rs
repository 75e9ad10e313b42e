//! Tests of the storage core, and of what the module makes of each action.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap fails the test"
)]

mod access;
mod actions;
mod full;
mod links;
mod messages;
mod paths;
mod zip_files;
mod zips;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use wharf_types::ProcessId;
use wharf_types::vfs::{VfsAction, VfsError, VfsResponse};

use crate::perform::{Desk, Performed};
use crate::{Vfs, VfsLimits, VfsPath};

const DRIVE: &str = "/files:sys/drive";

/// A vfs in a temporary folder, with one drive.
struct Fixture {
    desk: Desk,
    process: ProcessId,
    home: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self::with(VfsLimits::default())
    }

    fn with(limits: VfsLimits) -> Self {
        let home = TempDir::new().unwrap();
        let vfs = Vfs::open(home.path().join("vfs"), limits).unwrap();
        vfs.create_drive(&path("")).unwrap();
        let process = ProcessId::new("main", "files", "sys").unwrap();
        Self { desk: Desk::new(vfs), process, home }
    }

    fn vfs(&self) -> &Arc<Vfs> {
        &self.desk.vfs
    }

    fn perform(&self, rest: &str, action: VfsAction, blob: Option<&[u8]>) -> Performed {
        self.desk.perform(&self.process, &path(rest), action, blob)
    }

    fn ok(&self, rest: &str, action: VfsAction, blob: Option<&[u8]>) {
        assert_eq!(self.perform(rest, action, blob), Ok((VfsResponse::Ok, None)));
    }

    fn read(&self, rest: &str) -> Vec<u8> {
        self.vfs().read(&path(rest)).unwrap()
    }

    fn error(&self, rest: &str, action: VfsAction, blob: Option<&[u8]>) -> VfsError {
        self.perform(rest, action, blob).unwrap_err()
    }

    /// Names in a folder of the drive, those of its sub-folders included.
    fn tree(&self, rest: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in self.vfs().list(&path(rest)).unwrap() {
            let below = if rest.is_empty() { entry.name } else { format!("{rest}/{}", entry.name) };
            if entry.kind == wharf_types::vfs::FileType::Directory {
                names.extend(self.tree(&below));
            }
            names.push(below);
        }
        names.sort();
        names
    }

    /// A path of the host in the drive.
    fn host(&self, rest: &str) -> PathBuf {
        self.home.path().join("vfs/files:sys/drive").join(rest)
    }

    /// How many files and folders are being staged.
    fn staged(&self) -> usize {
        std::fs::read_dir(self.home.path().join("vfs/.staging")).unwrap().count()
    }
}

fn path(rest: &str) -> VfsPath {
    format!("{DRIVE}/{rest}").parse().unwrap()
}

fn io_error(text: &str) -> VfsError {
    VfsError::IOError(text.to_owned())
}
