//! Files and folders beneath an open folder, resolved by the operating system.
//!
//! Invariants, on which the isolation of packages rests:
//! - every path is given to the system relative to a folder that is already open, and opened with `openat2` and
//!   [`NOWHERE_ELSE`]: the kernel itself refuses to leave the folder and to follow any symbolic link, so there is no
//!   moment between a check and a use;
//! - calls that take a single name (`mkdirat`, `unlinkat`, `renameat`, `fstatat`) get a [`Segment`] in an open folder,
//!   and do not follow a link in that position;
//! - only regular files are ever read or written.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use wharf_types::vfs::{FileMetadata, FileType};

use crate::path::{Segment, join};

const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o700);

const NOWHERE_ELSE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// How often a call that the system interrupts is tried again.
const ATTEMPTS_MAX: u32 = 128;

/// What a file is opened for. All but [`FileUse::Read`] can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileUse {
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
    /// Writing at the end, wherever that is at the time.
    Append,
    /// Reading and writing; made when it is missing.
    Create,
    /// Reading and writing; made when it is missing, emptied when it is not.
    Truncate,
    /// Writing; it must not exist yet.
    CreateNew,
}

impl FileUse {
    fn flags(self) -> OFlags {
        match self {
            Self::Read => OFlags::RDONLY,
            Self::Write => OFlags::RDWR,
            Self::Append => OFlags::WRONLY | OFlags::APPEND,
            Self::Create => OFlags::RDWR | OFlags::CREATE,
            Self::Truncate => OFlags::RDWR | OFlags::CREATE | OFlags::TRUNC,
            Self::CreateNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        }
    }
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// Opens a folder by a path that the *user* chose; links in it are the user's own.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(retrying(|| rustix::fs::open(path, flags, Mode::empty()))?))
    }

    fn resolve(&self, way: &[Segment], flags: OFlags) -> io::Result<OwnedFd> {
        let path = if way.is_empty() { ".".to_owned() } else { join(way) };
        let mode = if flags.contains(OFlags::CREATE) { FILE_MODE } else { Mode::empty() };
        let flags = flags | OFlags::CLOEXEC;
        Ok(retrying(|| rustix::fs::openat2(&self.0, path.as_str(), flags, mode, NOWHERE_ELSE))?)
    }

    /// Opens a folder in this one.
    pub(crate) fn folder(&self, way: &[Segment]) -> io::Result<Self> {
        self.resolve(way, OFlags::RDONLY | OFlags::DIRECTORY).map(Self)
    }

    /// Opens a regular file.
    pub(crate) fn file(&self, way: &[Segment], purpose: FileUse) -> io::Result<File> {
        // Without NONBLOCK, opening a pipe that somebody put there would wait for its other end.
        let file = self.resolve(way, purpose.flags() | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        match kind_of(&rustix::fs::fstat(&file)?) {
            FileType::File => Ok(File::from(file)),
            kind => Err(not_a_file(kind)),
        }
    }

    /// The folder above, and the name in it. There is none above this folder.
    pub(crate) fn parent<'a>(&self, way: &'a [Segment]) -> io::Result<(Self, &'a Segment)> {
        let (name, above) = way.split_last().ok_or(Errno::INVAL)?;
        Ok((self.folder(above)?, name))
    }

    /// Kind and length. Fails on a symbolic link.
    pub(crate) fn metadata(&self, way: &[Segment]) -> io::Result<FileMetadata> {
        let stat = rustix::fs::fstat(self.resolve(way, OFlags::PATH)?)?;
        Ok(FileMetadata { file_type: kind_of(&stat), len: u64::try_from(stat.st_size).unwrap_or(0) })
    }

    /// Kind of the entry `name`, a symbolic link included; `None` when there is no such entry.
    pub(crate) fn kind(&self, name: &Segment) -> io::Result<Option<FileType>> {
        match retrying(|| rustix::fs::statat(&self.0, name.as_str(), AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => Ok(Some(kind_of(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Fails unless a file can be put at `name`: nothing may be there, or a regular file.
    pub(crate) fn check_replaceable(&self, name: &Segment) -> io::Result<()> {
        match self.kind(name)? {
            None | Some(FileType::File) => Ok(()),
            Some(kind) => Err(not_a_file(kind)),
        }
    }

    /// Makes a folder.
    pub(crate) fn make_folder(&self, name: &Segment) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::mkdirat(&self.0, name.as_str(), FOLDER_MODE))?)
    }

    /// Makes a folder and those above it, as far as they are missing.
    pub(crate) fn make_folders(&self, way: &[Segment]) -> io::Result<Self> {
        let mut folder = self.folder(&[])?;
        for name in way {
            match folder.make_folder(name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => folder = folder.folder(std::slice::from_ref(name))?,
            }
        }
        Ok(folder)
    }

    /// Removes an entry that is not a folder. A symbolic link goes itself; what it points at does not.
    pub(crate) fn remove_file(&self, name: &Segment) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::unlinkat(&self.0, name.as_str(), AtFlags::empty()))?)
    }

    /// Removes an empty folder.
    pub(crate) fn remove_folder(&self, name: &Segment) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::unlinkat(&self.0, name.as_str(), AtFlags::REMOVEDIR))?)
    }

    /// Moves an entry, replacing what the system's `rename` replaces.
    pub(crate) fn rename(&self, name: &Segment, to: &Self, new_name: &Segment) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::renameat(&self.0, name.as_str(), &to.0, new_name.as_str()))?)
    }

    /// Entries by name, at most `entries_max`; names that are not text have no path and are left out.
    pub(crate) fn entries(&self, entries_max: usize) -> io::Result<Vec<(String, FileType)>> {
        let mut entries = Vec::new();
        self.each_entry(|name, kind| {
            if let Ok(name) = name.to_str() {
                if entries.len() >= entries_max {
                    return Err(io::Error::new(
                        io::ErrorKind::FileTooLarge,
                        format!("the folder has more than {entries_max} entries"),
                    ));
                }
                entries.push((name.to_owned(), kind));
            }
            Ok(())
        })?;
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    fn each_entry(&self, mut visit: impl FnMut(&CStr, FileType) -> io::Result<()>) -> io::Result<()> {
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                rustix::fs::FileType::Unknown => {
                    kind_of(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?)
                }
                kind => kind_from(kind),
            };
            visit(name, kind)?;
        }
        Ok(())
    }

    /// Empties this folder: removes what is not a folder, and moves each folder into `shelf` under a name of
    /// `next_name`. Nothing is descended into, so neither stack nor open files grow with the depth of a tree.
    /// Returns how many entries went.
    pub(crate) fn shed(&self, shelf: &Self, mut next_name: impl FnMut() -> Segment) -> io::Result<usize> {
        let mut gone = 0;
        self.each_entry(|name, kind| {
            if kind == FileType::Directory {
                let new_name = next_name();
                retrying(|| rustix::fs::renameat(&self.0, name, &shelf.0, new_name.as_str()))?;
            } else {
                retrying(|| rustix::fs::unlinkat(&self.0, name, AtFlags::empty()))?;
            }
            gone += 1;
            Ok(())
        })?;
        Ok(gone)
    }

    /// Makes names that were put in or taken out durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::fsync(&self.0))?)
    }

    /// Makes all that was written to the file system durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        Ok(retrying(|| rustix::fs::syncfs(&self.0))?)
    }
}

fn retrying<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    for _ in 1..ATTEMPTS_MAX {
        match call() {
            // AGAIN is how openat2 says that a rename elsewhere kept it from being sure that it stayed beneath.
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result,
        }
    }
    call()
}

fn kind_from(kind: rustix::fs::FileType) -> FileType {
    match kind {
        rustix::fs::FileType::RegularFile => FileType::File,
        rustix::fs::FileType::Directory => FileType::Directory,
        rustix::fs::FileType::Symlink => FileType::Symlink,
        _ => FileType::Other,
    }
}

fn kind_of(stat: &Stat) -> FileType {
    kind_from(rustix::fs::FileType::from_raw_mode(stat.st_mode))
}

fn not_a_file(kind: FileType) -> io::Error {
    match kind {
        FileType::Directory => Errno::ISDIR,
        FileType::Symlink => Errno::LOOP,
        FileType::File | FileType::Other => Errno::INVAL,
    }
    .into()
}
