//! Files and folders beneath an open folder, resolved by the operating system.
//!
//! Invariants, on which the isolation of packages rests:
//! - every path is given to the system relative to a folder that is already open, and opened with `openat2` and
//!   [`NOWHERE_ELSE`]: the kernel itself refuses to leave the folder and to follow any symbolic link, so there is no
//!   moment between a check and a use;
//! - calls that take a single name (`mkdirat`, `unlinkat`, `renameat`, `fstatat`) get a [`Segment`] in an open folder,
//!   and do not follow a link in that position;
//! - only regular files are ever read or written.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;
use wharf_types::vfs::FileType;

use crate::path::{PATH_BYTES_MAX, SEGMENT_BYTES_MAX, Segment, join};
use crate::storage::{Access, Content, Create, Entry, Identity, Metadata, OpenHow, Usage, too_many_entries};

const FILE_MODE: Mode = Mode::from_raw_mode(0o600);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o700);

const NOWHERE_ELSE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// How often a call that the system interrupts is tried again.
const ATTEMPTS_MAX: u32 = 128;

fn flags_of(how: OpenHow) -> OFlags {
    let access = match how.access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::WRONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    let create = match how.create {
        Create::Never => OFlags::empty(),
        Create::IfMissing => OFlags::CREATE,
        Create::New => OFlags::CREATE | OFlags::EXCL,
    };
    let content = match how.content {
        Content::Keep => OFlags::empty(),
        Content::Truncate => OFlags::TRUNC,
    };
    access | create | content
}

/// Whether a pass over a folder found anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    Nothing,
    Something,
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
    pub(crate) fn file(&self, way: &[Segment], how: OpenHow) -> io::Result<File> {
        if how.content == Content::Truncate && !how.access.writes() {
            // The system would cut a file that was opened for reading.
            return Err(Errno::INVAL.into());
        }
        // Without NONBLOCK, opening a pipe that somebody put there would wait for its other end.
        let file = self.resolve(way, flags_of(how) | OFlags::NONBLOCK | OFlags::NOCTTY)?;
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

    /// What is known of what is there. Fails on a symbolic link.
    pub(crate) fn metadata(&self, way: &[Segment]) -> io::Result<Metadata> {
        let metadata = metadata_of(&rustix::fs::fstat(self.resolve(way, OFlags::PATH)?)?);
        if metadata.kind == FileType::Symlink { Err(Errno::LOOP.into()) } else { Ok(metadata) }
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
    pub(crate) fn entries(&self, entries_max: usize) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each_entry(|name, kind| {
            if let Ok(name) = name.to_str() {
                if entries.len() >= entries_max {
                    return Err(too_many_entries(entries_max));
                }
                entries.push(Entry { name: name.to_owned(), kind });
            }
            Ok(())
        })?;
        entries.sort_by(|a: &Entry, b| a.name.cmp(&b.name));
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
    /// Tells of everything that went, folders included, and returns whether there was anything.
    pub(crate) fn shed(
        &self,
        shelf: &Self,
        mut next_name: impl FnMut() -> Segment,
        gone: &mut dyn FnMut(&Metadata),
    ) -> io::Result<Shed> {
        let mut shed = Shed::Nothing;
        self.each_entry(|name, kind| {
            let metadata = metadata_of(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?);
            if kind == FileType::Directory {
                let new_name = next_name();
                retrying(|| rustix::fs::renameat(&self.0, name, &shelf.0, new_name.as_str()))?;
            } else {
                retrying(|| rustix::fs::unlinkat(&self.0, name, AtFlags::empty()))?;
            }
            gone(&metadata);
            shed = Shed::Something;
            Ok(())
        })?;
        Ok(shed)
    }

    /// Counts what is in this folder and below. Links are counted and not followed.
    ///
    /// Folders are remembered by name and place, and opened one at a time from here: neither stack nor open files grow
    /// with the depth of a tree, and memory only with the number of folders.
    pub(crate) fn measure(&self) -> io::Result<Usage> {
        let mut usage = Usage::default();
        let mut folders: Vec<(Option<usize>, CString)> = vec![(None, c".".into())];
        let mut next = 0;
        while next < folders.len() {
            let folder = match self.climb(&folders, next) {
                Ok(folder) => folder,
                // Somebody moved or removed it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    next += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            folder.each_entry(|name, kind| {
                usage.files = usage.files.saturating_add(1);
                match kind {
                    FileType::Directory => folders.push((Some(next), name.to_owned())),
                    FileType::File => match rustix::fs::statat(&folder.0, name, AtFlags::SYMLINK_NOFOLLOW) {
                        Ok(stat) => usage.bytes = usage.bytes.saturating_add(metadata_of(&stat).len),
                        Err(Errno::NOENT) => {}
                        Err(errno) => return Err(errno.into()),
                    },
                    _ => {}
                }
                Ok(())
            })?;
            next += 1;
        }
        Ok(usage)
    }

    /// Opens the folder at `place` of a list in which each folder names the place of the one above.
    fn climb(&self, folders: &[(Option<usize>, CString)], place: usize) -> io::Result<Self> {
        let mut names = Vec::new();
        let mut at = Some(place);
        while let Some((above, name)) = at.and_then(|at| folders.get(at)) {
            names.push(name);
            at = *above;
        }
        let mut folder = self.folder(&[])?;
        // As many names at a time as surely fit into a path.
        while !names.is_empty() {
            let path = names.split_off(names.len().saturating_sub(PATH_BYTES_MAX / (SEGMENT_BYTES_MAX + 1)));
            let path = path.iter().rev().map(|name| name.to_bytes()).collect::<Vec<_>>().join(&b'/');
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let open = || rustix::fs::openat2(&folder.0, path.as_slice(), flags, Mode::empty(), NOWHERE_ELSE);
            folder = Self(retrying(open)?);
        }
        Ok(folder)
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

#[allow(clippy::useless_conversion, clippy::unnecessary_fallible_conversions, reason = "the fields differ by platform")]
pub(crate) fn metadata_of(stat: &Stat) -> Metadata {
    Metadata {
        kind: kind_of(stat),
        len: u64::try_from(stat.st_size).unwrap_or(0),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        accessed: time(stat.st_atime, stat.st_atime_nsec),
        identity: Identity { volume: stat.st_dev, file: stat.st_ino },
    }
}

/// A time of the system; one before 1970 is 1970.
fn time(seconds: impl TryInto<u64>, nanoseconds: impl TryInto<u32>) -> SystemTime {
    let since = Duration::new(seconds.try_into().unwrap_or(0), nanoseconds.try_into().unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn not_a_file(kind: FileType) -> io::Error {
    match kind {
        FileType::Directory => Errno::ISDIR,
        FileType::Symlink => Errno::LOOP,
        FileType::File | FileType::Other => Errno::INVAL,
    }
    .into()
}
