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
mod faults;
mod full;
mod links;
mod messages;
mod paths;
mod quotas;
mod races;
mod zip_files;
mod zips;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use wharf_types::ProcessId;
use wharf_types::vfs::{VfsAction, VfsError, VfsResponse};

use crate::cursor::Who;
use crate::perform::Desk;
use crate::{Vfs, VfsLimits, VfsPath};

const DRIVE: &str = "/files:sys/drive";

type Performed = Result<(VfsResponse, Option<Vec<u8>>), VfsError>;

/// A vfs in a temporary folder, with one drive.
struct Fixture {
    desk: Desk,
    who: Who,
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
        let who = Who { process: ProcessId::new("main", "files", "sys").unwrap(), life: None };
        Self { desk: Desk::new(vfs), who, home }
    }

    fn vfs(&self) -> &Arc<Vfs> {
        &self.desk.vfs
    }

    fn perform(&self, rest: &str, action: VfsAction, blob: Option<&[u8]>) -> Performed {
        self.perform_at(&path(rest), action, blob)
    }

    fn perform_at(&self, path: &VfsPath, action: VfsAction, blob: Option<&[u8]>) -> Performed {
        self.desk.perform(&self.who, path, action, blob).map_err(|refused| refused.error)
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
