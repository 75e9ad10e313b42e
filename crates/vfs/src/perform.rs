//! What each action does, once it is allowed: from the wire's words to the core's.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_types::vfs::{DirEntry, FileMetadata, FileType, SeekFrom, VfsAction, VfsError, VfsResponse};
use wharf_types::{PackageId, ProcessId};

use crate::core::Vfs;
use crate::cursor::Cursors;
use crate::error::{Doing, Failure};
use crate::file::VfsFile;
use crate::limits::VfsLimits;
use crate::path::VfsPath;
use crate::storage::{Access, Content, Create, Entry, OpenHow, SyncScope};

/// What came of an action: the response, and the bytes beside it.
pub(crate) type Performed = Result<(VfsResponse, Option<Vec<u8>>), VfsError>;

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

    /// Does what `process` asked and may do. Blocks on the disk.
    pub(crate) fn perform(
        &self,
        process: &ProcessId,
        path: &VfsPath,
        action: VfsAction,
        blob: Option<&[u8]>,
    ) -> Performed {
        let at = At { desk: self, process, path };
        let blob = || blob.ok_or(VfsError::NoBlob);
        let vfs = &self.vfs;
        let done = match action {
            VfsAction::CreateDrive => vfs.create_drive(path),
            VfsAction::CreateDir => vfs.create_dir(path),
            VfsAction::CreateDirAll => vfs.create_dir_all(path),
            VfsAction::RemoveDir => vfs.remove_dir(path),
            VfsAction::RemoveDirAll => vfs.remove_dir_all(path),
            VfsAction::CreateFile => {
                let how = OpenHow { create: Create::IfMissing, content: Content::Truncate, ..OpenHow::READ_WRITE };
                vfs.open_file(path, how).map(|_| at.forget())
            }
            VfsAction::OpenFile { create } => {
                let create = if create { Create::IfMissing } else { Create::Never };
                vfs.open_file(path, OpenHow { create, ..OpenHow::READ_WRITE }).map(|_| at.forget())
            }
            VfsAction::CloseFile => {
                at.forget();
                Ok(())
            }
            VfsAction::RemoveFile => vfs.remove_file(path).map(|()| at.forget()),
            VfsAction::Write => vfs.write(path, blob()?),
            VfsAction::WriteAll => {
                let blob = blob()?;
                at.open(Access::Write).and_then(|file| file.write_at(blob, at.cursor())).map(|end| at.set(end))
            }
            VfsAction::Append => {
                let blob = blob()?;
                at.open(Access::Write).and_then(|file| file.append(blob)).map(|end| at.set(end))
            }
            VfsAction::SyncAll => at.open(Access::Write).and_then(|file| file.sync(SyncScope::All)),
            VfsAction::SetLen(length) => at.open(Access::Write).and_then(|file| file.set_len(length)),
            VfsAction::AddZip => vfs.add_zip(path, blob()?),
            VfsAction::Rename { new_path } => vfs.rename(path, &parse(&new_path)?),
            VfsAction::CopyFile { new_path } => vfs.copy(path, &parse(&new_path)?),
            VfsAction::Read
            | VfsAction::ReadDir
            | VfsAction::ReadToEnd
            | VfsAction::ReadExact { .. }
            | VfsAction::ReadToString
            | VfsAction::Seek(_)
            | VfsAction::Metadata
            | VfsAction::Len
            | VfsAction::Hash => return at.look(action),
        };
        done.map(|()| (VfsResponse::Ok, None)).map_err(|failure| failure.to_wire())
    }

    /// The packages that have files; for those who may see all.
    pub(crate) fn list_packages(&self) -> Performed {
        let packages = self.vfs.packages().map_err(|error| VfsError::IOError(error.to_string()))?;
        let entry = |package: PackageId| DirEntry { path: package.to_string(), file_type: FileType::Directory };
        Ok((VfsResponse::ReadDir(packages.into_iter().map(entry).collect()), None))
    }
}

/// Reads a path from the wire.
pub(crate) fn parse(text: &str) -> Result<VfsPath, VfsError> {
    text.parse().map_err(|_| VfsError::MalformedRequest)
}

/// One process at one path.
struct At<'a> {
    desk: &'a Desk,
    process: &'a ProcessId,
    path: &'a VfsPath,
}

impl At<'_> {
    fn open(&self, access: Access) -> Result<VfsFile, Failure> {
        self.desk.vfs.open_file(self.path, OpenHow { access, ..OpenHow::READ })
    }

    fn cursor(&self) -> u64 {
        self.desk.cursors().get(self.process, self.path)
    }

    fn set(&self, offset: u64) {
        self.desk.cursors().set(self.process, self.path, offset, self.desk.vfs.limits());
    }

    fn forget(&self) {
        self.desk.cursors().forget(self.process, self.path);
    }

    /// The actions that change nothing but the cursor.
    fn look(&self, action: VfsAction) -> Performed {
        let (vfs, path) = (&self.desk.vfs, self.path);
        let looked = match action {
            VfsAction::Read => vfs.read(path).map(|bytes| (VfsResponse::Read, Some(bytes))),
            VfsAction::ReadDir => self.read_dir(),
            VfsAction::ReadToEnd => {
                let bytes = self.read_to_end(|limits| limits.read_bytes_max)?;
                return Ok((VfsResponse::Read, Some(bytes)));
            }
            VfsAction::ReadToString => return self.read_to_string(),
            VfsAction::ReadExact { length } => {
                let start = self.cursor();
                let bytes_max = vfs.ledger(path).limits().read_bytes_max;
                self.open(Access::Read).and_then(|file| file.read_exact(start, length, bytes_max)).map(|bytes| {
                    self.set(start.saturating_add(length));
                    (VfsResponse::Read, Some(bytes))
                })
            }
            VfsAction::Seek(to) => return self.seek(to),
            VfsAction::Metadata => vfs.metadata(path).map(|metadata| {
                let metadata = FileMetadata { file_type: metadata.kind, len: metadata.len };
                (VfsResponse::Metadata(metadata), None)
            }),
            VfsAction::Len => self.len().map(|len| (VfsResponse::Len(len), None)),
            VfsAction::Hash => vfs.hash(path).map(|(hash, length)| {
                self.set(length);
                (VfsResponse::Hash(hash), None)
            }),
            _ => return Err(VfsError::MalformedRequest),
        };
        looked.map_err(|failure| failure.to_wire())
    }

    fn len(&self) -> Result<u64, Failure> {
        Ok(self.open(Access::Read)?.metadata()?.len)
    }

    fn read_dir(&self) -> Result<(VfsResponse, Option<Vec<u8>>), Failure> {
        let text_bytes_max = self.desk.vfs.ledger(self.path).limits().text_bytes_max;
        let entries = self.desk.vfs.list(self.path)?;
        let prefix = self.path.without_slash();
        let text_bytes: usize = entries.iter().map(|entry| prefix.len() + 1 + entry.name.len()).sum();
        if text_bytes as u64 > text_bytes_max {
            let text = format!("the paths of the entries have more than {text_bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text)).doing("list", self.path);
        }
        let entry = |entry: Entry| DirEntry { path: format!("{prefix}/{}", entry.name), file_type: entry.kind };
        Ok((VfsResponse::ReadDir(entries.into_iter().map(entry).collect()), None))
    }

    fn read_to_end(&self, bytes_max: impl FnOnce(&VfsLimits) -> u64) -> Result<Vec<u8>, VfsError> {
        let start = self.cursor();
        let bytes_max = bytes_max(self.desk.vfs.ledger(self.path).limits());
        let bytes = self.open(Access::Read).and_then(|file| file.read_to_end(start, bytes_max));
        let bytes = bytes.map_err(|failure| failure.to_wire())?;
        self.set(start.saturating_add(bytes.len() as u64));
        Ok(bytes)
    }

    fn read_to_string(&self) -> Performed {
        let start = self.cursor();
        match String::from_utf8(self.read_to_end(|limits| limits.text_bytes_max)?) {
            Ok(text) => Ok((VfsResponse::ReadToString(text), None)),
            Err(_) => {
                // Nothing was read: the caller may try again for bytes.
                self.set(start);
                Err(VfsError::IOError("stream did not contain valid UTF-8".to_owned()))
            }
        }
    }

    fn seek(&self, to: SeekFrom) -> Performed {
        let length = self.len().map_err(|failure| failure.to_wire())?;
        let new_offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.cursor().checked_add_signed(distance),
        };
        // Offsets of files are signed for the operating system.
        let new_offset = new_offset
            .filter(|offset| i64::try_from(*offset).is_ok())
            .ok_or_else(|| VfsError::IOError(io::Error::from(rustix::io::Errno::INVAL).to_string()))?;
        self.set(new_offset);
        Ok((VfsResponse::SeekFrom { new_offset }, None))
    }
}
