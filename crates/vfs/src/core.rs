//! The storage core: drives, folders and names. Open files are in [`file`](crate::file), whole files in
//! [`whole`](crate::whole).
//!
//! Everything here may block on the disk; callers on an async runtime use its blocking threads. Nothing here asks who
//! the caller is. What it does ask is how much the package whose drive it is may keep, see [`ledger`](crate::ledger).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;
use wharf_kernel::Book;
use wharf_types::PackageId;
use wharf_types::vfs::FileType;

use crate::error::{Doing, Failure};
use crate::ledger::{Ledger, Ledgers};
use crate::limits::VfsLimits;
use crate::path::{PathError, Segment, VfsPath};
use crate::storage::local::LocalStorage;
use crate::storage::{Entry, Metadata, Storage, Usage};

/// The files of all packages of a node.
#[derive(Debug)]
pub struct Vfs {
    pub(crate) storage: Arc<dyn Storage>,
    ledgers: Ledgers,
}

impl Vfs {
    /// Opens the vfs at `root`, a folder of the host, and makes it when it is missing.
    ///
    /// One process may have it open at a time: what is found half-written is removed.
    pub fn open(root: PathBuf, limits: impl Into<Book<VfsLimits>>) -> io::Result<Arc<Self>> {
        let storage = LocalStorage::open(&root).map_err(|error| {
            io::Error::new(error.kind(), format!("could not open the vfs at {}: {error}", root.display()))
        })?;
        Ok(Self::over(Arc::new(storage), limits))
    }

    /// The vfs over any storage.
    pub fn over(storage: Arc<dyn Storage>, limits: impl Into<Book<VfsLimits>>) -> Arc<Self> {
        let ledgers = Ledgers::new(Arc::clone(&storage), limits.into());
        Arc::new(Self { storage, ledgers })
    }

    /// The bounds of the node.
    pub fn limits(&self) -> &Arc<VfsLimits> {
        self.ledgers.limits()
    }

    pub(crate) fn ledger(&self, path: &VfsPath) -> Arc<Ledger> {
        self.ledgers.of(path.package())
    }

    /// What a package has on disk.
    pub fn usage(&self, package: &PackageId) -> io::Result<Usage> {
        let ledger = self.ledgers.of(package);
        drop(ledger.grow()?);
        Ok(ledger.usage().unwrap_or_default())
    }

    /// Makes the path's drive; nothing happens when it exists.
    pub fn create_drive(&self, path: &VfsPath) -> Result<(), Failure> {
        self.make_folders(path.package(), path.drive_segments()).doing("create the drive of", path)
    }

    /// Makes the drives that every package has: `pkg`, with what was installed, and `tmp`, where its processes may put
    /// what they like. Nothing is removed from either.
    pub fn create_package_drives(&self, package: &PackageId) -> Result<(), Failure> {
        ["pkg", "tmp"].into_iter().try_for_each(|drive| self.create_drive(&VfsPath::drive_of(package, drive)?))
    }

    /// Makes a folder in an existing one.
    pub fn create_dir(&self, path: &VfsPath) -> Result<(), Failure> {
        let ledger = self.ledger(path);
        let create = || {
            let _names = ledger.change()?;
            let room = ledger.reserve(Usage { bytes: 0, files: 1 })?;
            self.storage.create_dir(path.segments())?;
            room.keep_all();
            Ok(())
        };
        create().doing("create the folder", path)
    }

    /// Makes a folder and those above it.
    pub fn create_dir_all(&self, path: &VfsPath) -> Result<(), Failure> {
        self.make_folders(path.package(), path.segments()).doing("create the folder", path)
    }

    /// Makes the folders on the way as far as they are missing. The first is the package's, which counts for nothing.
    pub(crate) fn make_folders(&self, package: &PackageId, way: &[Segment]) -> io::Result<()> {
        let is_folder = |way: &[Segment]| match self.storage.metadata(way)?.kind {
            FileType::Directory => Ok(()),
            _ => Err(io::Error::from(Errno::NOTDIR)),
        };
        match is_folder(way) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
        let ledger = self.ledgers.of(package);
        let _names = ledger.change()?;
        for depth in 1..=way.len() {
            let way = way.get(..depth).unwrap_or_default();
            match is_folder(way) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => {
                    result?;
                    continue;
                }
            }
            let room = ledger.reserve(Usage { bytes: 0, files: u64::from(depth > 1) })?;
            match self.storage.create_dir(way) {
                // Somebody outside made it; it is looked at once more.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => is_folder(way)?,
                result => result.map(|()| room.keep_all())?,
            }
        }
        Ok(())
    }

    /// Removes an empty folder, or an empty drive.
    pub fn remove_dir(&self, path: &VfsPath) -> Result<(), Failure> {
        let ledger = self.ledger(path);
        let remove = || {
            let _names = ledger.change()?;
            self.storage.remove_dir(path.segments())?;
            ledger.credit(Usage { bytes: 0, files: 1 });
            Ok(())
        };
        remove().doing("remove the folder", path)
    }

    /// Removes a file, or a symbolic link that somebody else made.
    pub fn remove_file(&self, path: &VfsPath) -> Result<(), Failure> {
        let ledger = self.ledger(path);
        let remove = || {
            not_a_drive(path)?;
            let _names = ledger.change()?;
            let what = self.storage.metadata(path.segments());
            self.storage.remove_file(path.segments())?;
            match what {
                Ok(what) => ledger.gone(&what),
                Err(_) => ledger.credit(Usage { bytes: 0, files: 1 }),
            }
            Ok(())
        };
        remove().doing("remove", path)
    }

    /// Removes a folder, or a drive, with all in it. It vanishes at once, whatever the time that removing takes.
    pub fn remove_dir_all(&self, path: &VfsPath) -> Result<(), Failure> {
        let ledger = self.ledger(path);
        self.remove_tree(&ledger, path.segments()).doing("remove the folder", path)
    }

    fn remove_tree(&self, ledger: &Ledger, way: &[Segment]) -> io::Result<()> {
        let detached = {
            let _names = ledger.change()?;
            self.storage.detach(way)?
        };
        // What could not be removed has no name any more, and goes at the next start: it is not the package's.
        detached.remove(&mut |gone| ledger.gone(gone)).inspect_err(|_| ledger.forget())
    }

    /// Removes all drives of a package; nothing happens when it has none.
    pub fn remove_package(&self, package: &PackageId) -> Result<(), Failure> {
        let path = VfsPath::drive_of(package, "any")?;
        let folder = path.segments().get(..1).ok_or(PathError::TooShort)?;
        let ledger = self.ledgers.of(package);
        match self.remove_tree(&ledger, folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("remove the package of", &path),
            _ => {
                ledger.forget();
                Ok(())
            }
        }
    }

    /// The entries of a folder, by name.
    pub fn list(&self, path: &VfsPath) -> Result<Vec<Entry>, Failure> {
        let entries_max = self.ledger(path).limits().dir_entries_max;
        self.storage.list(path.segments(), entries_max).doing("list", path)
    }

    /// The packages that have files, by name.
    pub fn packages(&self) -> io::Result<Vec<PackageId>> {
        let entries = self.storage.list(&[], usize::MAX)?;
        let folders = entries.into_iter().filter(|entry| entry.kind == FileType::Directory);
        Ok(folders.filter_map(|entry| entry.name.parse().ok()).collect())
    }

    /// The drives of a package, by name. One that has no files has none.
    pub fn drives(&self, package: &PackageId) -> io::Result<Vec<Entry>> {
        let Ok(folder) = Segment::new(&package.to_string()) else { return Ok(Vec::new()) };
        match self.storage.list(&[folder], self.limits().dir_entries_max) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// What is at `path`.
    pub fn metadata(&self, path: &VfsPath) -> Result<Metadata, Failure> {
        self.storage.metadata(path.segments()).doing("look at", path)
    }

    /// Moves a file or folder, and replaces the file, or the empty folder, that is at `to`.
    pub fn rename(&self, from: &VfsPath, to: &VfsPath) -> Result<(), Failure> {
        let action = "move";
        for path in [from, to] {
            if path.is_drive() {
                return Err(Failure::DriveItself { action, path: path.to_string() });
            }
        }
        let ledger = self.ledger(from);
        if from.package() != to.package() {
            return self.rename_across(&ledger, from, to).doing(action, from);
        }
        let rename = || {
            let _names = ledger.change()?;
            self.replace_by(&ledger, to, || self.storage.rename(from.segments(), to.segments()))
        };
        rename().doing(action, from)
    }

    /// Moves something to another package, which must have room for it.
    ///
    /// What is open meanwhile goes on counting where it was opened, until it is closed or the node comes up anew.
    fn rename_across(&self, ledger: &Arc<Ledger>, from: &VfsPath, to: &VfsPath) -> io::Result<()> {
        let to_ledger = self.ledger(to);
        let (first, second) = if from.package() < to.package() { (ledger, &to_ledger) } else { (&to_ledger, ledger) };
        let _first = first.change()?;
        let _second = second.change()?;
        let what = self.storage.metadata(from.segments())?;
        let mut usage = Usage { bytes: what.len, files: 1 };
        if what.kind == FileType::Directory {
            let below = self.storage.measure(from.segments())?;
            usage = Usage { bytes: below.bytes, files: below.files.saturating_add(1) };
        }
        let room = to_ledger.reserve(usage)?;
        self.replace_by(&to_ledger, to, || self.storage.rename(from.segments(), to.segments()))?;
        room.keep_all();
        ledger.credit(usage);
        Ok(())
    }

    /// Does what puts something else at `path`, and counts what was there as gone. The caller holds
    /// [`Ledger::change`].
    pub(crate) fn replace_by(
        &self,
        ledger: &Ledger,
        path: &VfsPath,
        replace: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let before = self.storage.metadata(path.segments()).ok();
        replace()?;
        if let Some(before) = before {
            // Moving a file onto itself changes nothing.
            let after = self.storage.metadata(path.segments()).ok();
            if after.is_none_or(|after| after.identity != before.identity) {
                ledger.gone(&before);
            }
        }
        Ok(())
    }

    /// Makes all that was written so far durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        self.storage.sync_all()
    }
}

/// A file in the place of a drive would be out of every listing's and every capability's reach.
pub(crate) fn not_a_drive(path: &VfsPath) -> io::Result<()> {
    if path.is_drive() { Err(Errno::ISDIR.into()) } else { Ok(()) }
}
