//! Which paths a process has: its mount table.

use wharf_types::PackageId;
use wharf_vfs::VfsPath;

/// Drive for what need not last; the node makes it for every package.
const TEMPORARY_DRIVE: &str = "tmp";
/// Where programs look for it.
const TEMPORARY: &str = "/tmp";

/// A drive, and where a guest sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    /// An absolute path of the guest.
    pub(crate) at: String,
    /// What is there.
    pub(crate) drive: VfsPath,
}

/// The mounts of one process. Nothing else of the file system exists for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mounts(Vec<Mount>);

impl Mounts {
    /// Those of the processes of a package: its `tmp` drive, as `/tmp`, and under the path that the drive has in messages
    /// to the vfs, so that one text means one file in both.
    pub(crate) fn of(package: &PackageId) -> Self {
        let mut mounts = Self::default();
        // An id that is no folder name has no drives.
        if let Ok(drive) = VfsPath::drive_of(package, TEMPORARY_DRIVE) {
            mounts.mount(TEMPORARY, &drive);
            mounts.mount(&drive.to_string(), &drive);
        }
        mounts
    }

    /// Adds one.
    pub(crate) fn mount(&mut self, at: &str, drive: &VfsPath) {
        self.0.push(Mount { at: at.to_owned(), drive: drive.clone() });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.0.iter()
    }

    /// Where the guest may keep what need not last.
    pub(crate) fn temporary(&self) -> Option<&str> {
        self.0.iter().map(|mount| mount.at.as_str()).find(|at| *at == TEMPORARY)
    }
}
