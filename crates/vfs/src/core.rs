//! The storage core: drives and folders beneath one folder of the host. Files are in [`file`](crate::file).
//!
//! Everything here blocks on the disk; callers on an async runtime use its blocking threads. Nothing here asks who the
//! caller is.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use wharf_types::PackageId;
use wharf_types::vfs::{DirEntry, FileMetadata, FileType};

use crate::beneath::Folder;
use crate::error::{Doing, Failure};
use crate::limits::VfsLimits;
use crate::path::{PathError, Segment, VfsPath};
use crate::staging::Staging;

/// The files of all packages of a node.
#[derive(Debug)]
pub struct Vfs {
    root: Folder,
    pub(crate) staging: Staging,
}

impl Vfs {
    /// Opens the vfs at `root`, a folder of the host, and makes it when it is missing.
    ///
    /// One process may have it open at a time: what is found half-written is removed.
    pub fn open(root: PathBuf) -> io::Result<Arc<Self>> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&root)
            .and_then(|()| Self::open_existing(&root))
            .map(Arc::new)
            .map_err(|error| {
                io::Error::new(error.kind(), format!("could not open the vfs at {}: {error}", root.display()))
            })
    }

    fn open_existing(path: &Path) -> io::Result<Self> {
        let root = Folder::open(path)?;
        root.folder(&[]).map_err(|error| {
            let text =
                format!("the system cannot resolve paths beneath a folder (openat2, Linux 5.6 or newer): {error}");
            io::Error::new(error.kind(), text)
        })?;
        let staging = Staging::open(&root)?;
        Ok(Self { root, staging })
    }

    /// The folder of the path's drive; everything in the drive is resolved beneath it.
    pub(crate) fn drive(&self, path: &VfsPath) -> io::Result<Folder> {
        self.root.folder(path.drive_segments())
    }

    /// The folder that has `path` as an entry. Above a drive, that is the package.
    fn parent<'a>(&self, path: &'a VfsPath) -> io::Result<(Folder, &'a Segment)> {
        if path.is_drive() { self.root.parent(path.segments()) } else { self.drive(path)?.parent(path.rest()) }
    }

    /// Makes the path's drive; nothing happens when it exists.
    pub fn create_drive(&self, path: &VfsPath) -> Result<(), Failure> {
        self.root.make_folders(path.drive_segments()).map(drop).doing("create the drive of", path)
    }

    /// Makes a folder in an existing one.
    pub fn create_dir(&self, path: &VfsPath) -> Result<(), Failure> {
        self.parent(path).and_then(|(parent, name)| parent.make_folder(name)).doing("create the folder", path)
    }

    /// Makes a folder and those above it.
    pub fn create_dir_all(&self, path: &VfsPath) -> Result<(), Failure> {
        self.make_folders(path).map(drop).doing("create the folder", path)
    }

    /// The folder at `path`, made with those above it as far as they are missing.
    pub(crate) fn make_folders(&self, path: &VfsPath) -> io::Result<Folder> {
        self.root.make_folders(path.segments())
    }

    /// Removes an empty folder, or an empty drive.
    pub fn remove_dir(&self, path: &VfsPath) -> Result<(), Failure> {
        self.parent(path).and_then(|(parent, name)| parent.remove_folder(name)).doing("remove the folder", path)
    }

    /// Removes a folder, or a drive, with all in it. It vanishes at once, whatever the time that removing takes.
    pub fn remove_dir_all(&self, path: &VfsPath) -> Result<(), Failure> {
        let remove = || {
            let (parent, name) = self.parent(path)?;
            // Fails on what is not a folder, a symbolic link to one included.
            drop(parent.folder(std::slice::from_ref(name))?);
            self.staging.discard(&parent, name)
        };
        remove().doing("remove the folder", path)
    }

    /// Removes all drives of a package; nothing happens when it has none.
    pub fn remove_package(&self, package: &PackageId) -> Result<(), Failure> {
        let folder = VfsPath::drive_of(package, "any")?;
        let Some(name) = folder.segments().first() else { return Err(PathError::TooShort.into()) };
        match self.root.kind(name) {
            Ok(None) => Ok(()),
            Ok(Some(_)) => self.staging.discard(&self.root, name).doing("remove the package of", &folder),
            Err(error) => Err(error).doing("remove the package of", &folder),
        }
    }

    /// The entries of a folder, by name.
    pub fn read_dir(&self, path: &VfsPath, limits: &VfsLimits) -> Result<Vec<DirEntry>, Failure> {
        let list = || self.drive(path)?.folder(path.rest())?.entries(limits.dir_entries_max);
        let prefix = path.without_slash();
        let entries = list().doing("list", path)?;
        let text_bytes: usize = entries.iter().map(|(name, _)| prefix.len() + 1 + name.len()).sum();
        if text_bytes as u64 > limits.text_bytes_max {
            let text = format!("the paths of the entries have more than {} bytes", limits.text_bytes_max);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text)).doing("list", path);
        }
        Ok(entries
            .into_iter()
            .map(|(name, file_type)| DirEntry { path: format!("{prefix}/{name}"), file_type })
            .collect())
    }

    /// The packages that have files, by name.
    pub fn packages(&self, limits: &VfsLimits) -> io::Result<Vec<DirEntry>> {
        let entries = self.root.entries(limits.dir_entries_max)?;
        Ok(entries
            .into_iter()
            .filter(|(name, kind)| *kind == FileType::Directory && name.parse::<PackageId>().is_ok())
            .map(|(path, file_type)| DirEntry { path, file_type })
            .collect())
    }

    /// Kind and length of what is at `path`.
    pub fn metadata(&self, path: &VfsPath) -> Result<FileMetadata, Failure> {
        self.drive(path).and_then(|drive| drive.metadata(path.rest())).doing("look at", path)
    }

    /// Moves a file or folder, and replaces the file, or the empty folder, that is at `to`.
    pub fn rename(&self, from: &VfsPath, to: &VfsPath) -> Result<(), Failure> {
        let action = "move";
        for path in [from, to] {
            if path.is_drive() {
                return Err(Failure::DriveItself { action, path: path.to_string() });
            }
        }
        let (parent, name) = self.parent(from).doing(action, from)?;
        let (new_parent, new_name) = self.parent(to).doing("move something to", to)?;
        parent.rename(name, &new_parent, new_name).doing(action, from)
    }

    /// Makes all that was written so far durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        self.root.sync_all()
    }
}
