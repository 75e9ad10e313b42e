//! What each action does, once it is allowed: from the wire's words to the core's.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use wharf_types::PackageId;
use wharf_types::vfs::{DirEntry, FileMetadata, FileType, SeekFrom, VfsAction, VfsError, VfsResponse};

use crate::core::Vfs;
use crate::cursor::{Cursors, Stand, Who};
use crate::error::{Doing, Failure, Refused};
use crate::file::VfsFile;
use crate::limits::VfsLimits;
use crate::path::VfsPath;
use crate::storage::{Access, Content, Create, Entry, OpenHow};

/// What came of an action: the response, and the bytes beside it.
pub(crate) type Performed = Result<(VfsResponse, Option<Vec<u8>>), Refused>;

/// The core, with the cursors of those who use it by message.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) vfs: Arc<Vfs>,
    cursors: Mutex<Cursors>,
}

impl Desk {
    pub(crate) fn new(vfs: Arc<Vfs>) -> Self {
        Self { vfs, cursors: Mutex::new(Cursors::default()) }
    }

    /// The cursors; a panic elsewhere leaves at worst a cursor at the start.
    fn cursors(&self) -> MutexGuard<'_, Cursors> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a process asked and may do. Blocks on the disk.
    pub(crate) fn perform(&self, who: &Who, path: &VfsPath, action: VfsAction, blob: Option<&[u8]>) -> Performed {
        let at = At { desk: self, who, path };
        let blob = || blob.ok_or(VfsError::NoBlob);
        let vfs = &self.vfs;
        match action {
            VfsAction::CreateDrive => vfs.create_drive(path)?,
            VfsAction::CreateDir => vfs.create_dir(path)?,
            VfsAction::CreateDirAll => vfs.create_dir_all(path)?,
            VfsAction::RemoveDir => vfs.remove_dir(path)?,
            VfsAction::RemoveDirAll => {
                vfs.remove_dir_all(path)?;
                self.cursors().forget_below(who, path);
            }
            VfsAction::CreateFile => at.begin(Create::IfMissing, Content::Truncate)?,
            VfsAction::CreateNew => at.begin(Create::New, Content::Keep)?,
            VfsAction::OpenFile { create: true } => at.begin(Create::IfMissing, Content::Keep)?,
            VfsAction::OpenFile { create: false } => at.begin(Create::Never, Content::Keep)?,
            VfsAction::CloseFile => at.forget(),
            VfsAction::RemoveFile => {
                vfs.remove_file(path)?;
                at.forget();
            }
            VfsAction::Write => vfs.write(path, blob()?)?,
            VfsAction::WriteAll => {
                let (blob, start) = (blob()?, at.cursor()?);
                let end = at.open(Access::Write)?.write_at(blob, start)?;
                at.set(end, Stand::Within);
            }
            VfsAction::WriteAt { offset } => {
                let blob = blob()?;
                at.open(Access::Write)?.write_at(blob, offset)?;
            }
            VfsAction::Append => {
                let blob = blob()?;
                at.cursor()?;
                let end = at.open(Access::Write)?.append(blob)?;
                at.set(end, Stand::Through);
            }
            VfsAction::SyncAll => vfs.sync(path)?,
            VfsAction::SetLen(length) => at.open(Access::Write)?.set_len(length)?,
            VfsAction::AddZip => vfs.add_zip(path, blob()?)?,
            VfsAction::Rename { new_path } => {
                let new_path = parse(&new_path)?;
                vfs.rename(path, &new_path)?;
                let mut cursors = self.cursors();
                cursors.forget_below(who, path);
                cursors.forget_below(who, &new_path);
            }
            VfsAction::CopyFile { new_path } => vfs.copy(path, &parse(&new_path)?)?,
            VfsAction::Read
            | VfsAction::ReadDir
            | VfsAction::ReadToEnd
            | VfsAction::ReadExact { .. }
            | VfsAction::ReadAt { .. }
            | VfsAction::ReadToString
            | VfsAction::Seek(_)
            | VfsAction::Metadata
            | VfsAction::Len
            | VfsAction::Hash => return at.look(action),
        }
        Ok((VfsResponse::Ok, None))
    }

    /// The packages that have files; for those who may see all.
    pub(crate) fn list_packages(&self) -> Performed {
        let packages = self.vfs.packages().map_err(|error| VfsError::IOError(error.to_string()))?;
        let entry = |package: PackageId| DirEntry { path: package.to_string(), file_type: FileType::Directory };
        Ok((VfsResponse::ReadDir(packages.into_iter().map(entry).collect()), None))
    }

    pub(crate) fn list_drives(&self, package: &PackageId) -> Performed {
        let drives = self.vfs.drives(package).map_err(|error| VfsError::IOError(error.to_string()))?;
        let entry = |drive: Entry| DirEntry { path: format!("{package}/{}", drive.name), file_type: drive.kind };
        Ok((VfsResponse::ReadDir(drives.into_iter().map(entry).collect()), None))
    }

    pub(crate) fn remove_package(&self, package: &PackageId) -> Performed {
        self.vfs.remove_package(package).map_err(|error| VfsError::IOError(error.to_string()))?;
        Ok((VfsResponse::Ok, None))
    }
}

/// Reads a path from the wire.
pub(crate) fn parse(text: &str) -> Result<VfsPath, VfsError> {
    text.parse().map_err(|_| VfsError::MalformedRequest)
}

/// One process at one path.
struct At<'a> {
    desk: &'a Desk,
    who: &'a Who,
    path: &'a VfsPath,
}

impl At<'_> {
    fn limits(&self) -> Arc<VfsLimits> {
        Arc::clone(self.desk.vfs.ledger(self.path).limits())
    }

    /// The file is opened anew for each action: one that was moved, replaced or removed meanwhile is seen as it is now.
    fn open(&self, access: Access) -> Result<VfsFile, Failure> {
        self.desk.vfs.open_file(self.path, OpenHow { access, ..OpenHow::READ })
    }

    /// Opens a file for the process, which then stands at its start.
    fn begin(&self, create: Create, content: Content) -> Result<(), Refused> {
        drop(self.desk.vfs.open_file(self.path, OpenHow { access: Access::ReadWrite, create, content })?);
        self.forget();
        Ok(())
    }

    /// Where the process stands. Fails when there is no room to remember where it will.
    fn cursor(&self) -> Result<u64, Refused> {
        let mut cursors = self.desk.cursors();
        cursors.make_room(self.who, self.path, self.desk.vfs.limits())?;
        Ok(cursors.get(self.who, self.path))
    }

    fn set(&self, offset: u64, stand: Stand) {
        self.desk.cursors().set(self.who, self.path, offset, stand);
    }

    fn forget(&self) {
        self.desk.cursors().forget(self.who, self.path);
    }

    /// The actions that change nothing but the cursor.
    fn look(&self, action: VfsAction) -> Performed {
        let (vfs, path) = (&self.desk.vfs, self.path);
        Ok(match action {
            VfsAction::Read => (VfsResponse::Read, Some(vfs.read(path)?)),
            VfsAction::ReadDir => (VfsResponse::ReadDir(self.read_dir()?), None),
            VfsAction::ReadToEnd => (VfsResponse::Read, Some(self.read_to_end(self.limits().read_bytes_max)?)),
            VfsAction::ReadToString => (VfsResponse::ReadToString(self.read_to_string()?), None),
            VfsAction::ReadExact { length } => {
                let start = self.cursor()?;
                let bytes = self.open(Access::Read)?.read_exact(start, length, self.limits().read_bytes_max)?;
                self.set(start.saturating_add(length), Stand::Within);
                (VfsResponse::Read, Some(bytes))
            }
            VfsAction::ReadAt { offset, length } => {
                let length = length.min(self.limits().read_bytes_max);
                (VfsResponse::Read, Some(self.open(Access::Read)?.read_most(offset, length)?))
            }
            VfsAction::Seek(to) => (VfsResponse::SeekFrom { new_offset: self.seek(to)? }, None),
            VfsAction::Metadata => {
                let metadata = vfs.metadata(path)?;
                let metadata = FileMetadata { file_type: metadata.kind, len: metadata.len };
                (VfsResponse::Metadata(metadata), None)
            }
            VfsAction::Len => (VfsResponse::Len(self.len()?), None),
            VfsAction::Hash => {
                self.cursor()?;
                let (hash, length) = vfs.hash(path)?;
                self.set(length, Stand::Through);
                (VfsResponse::Hash(hash), None)
            }
            _ => return Err(VfsError::MalformedRequest.into()),
        })
    }

    fn len(&self) -> Result<u64, Failure> {
        Ok(self.open(Access::Read)?.metadata()?.len)
    }

    fn read_dir(&self) -> Result<Vec<DirEntry>, Failure> {
        let text_bytes_max = self.limits().text_bytes_max;
        let entries = self.desk.vfs.list(self.path)?;
        let prefix = self.path.without_slash();
        let text_bytes: usize = entries.iter().map(|entry| prefix.len() + 1 + entry.name.len()).sum();
        if text_bytes as u64 > text_bytes_max {
            let text = format!("the paths of the entries have more than {text_bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text)).doing("list", self.path);
        }
        let entry = |entry: Entry| DirEntry { path: format!("{prefix}/{}", entry.name), file_type: entry.kind };
        Ok(entries.into_iter().map(entry).collect())
    }

    fn read_to_end(&self, bytes_max: u64) -> Result<Vec<u8>, Refused> {
        let start = self.cursor()?;
        let bytes = self.open(Access::Read)?.read_to_end(start, bytes_max)?;
        self.set(start.saturating_add(bytes.len() as u64), Stand::Through);
        Ok(bytes)
    }

    fn read_to_string(&self) -> Result<String, Refused> {
        let start = self.cursor()?;
        String::from_utf8(self.read_to_end(self.limits().text_bytes_max)?).map_err(|_| {
            // Nothing was read: the caller may try again for bytes.
            self.set(start, Stand::Within);
            VfsError::IOError("stream did not contain valid UTF-8".to_owned()).into()
        })
    }

    fn seek(&self, to: SeekFrom) -> Result<u64, Refused> {
        let length = self.len()?;
        let start = self.cursor()?;
        let new_offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => length.checked_add_signed(distance),
            SeekFrom::Current(distance) => start.checked_add_signed(distance),
        };
        // Offsets of files are signed for the operating system.
        let new_offset = new_offset
            .filter(|offset| i64::try_from(*offset).is_ok())
            .ok_or_else(|| VfsError::IOError(io::Error::from(Errno::INVAL).to_string()))?;
        self.set(new_offset, Stand::Within);
        Ok(new_offset)
    }
}
