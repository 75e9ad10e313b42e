//! What each action does, once it is allowed: from the wire's words to the core's.

use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wharf_types::ProcessId;
use wharf_types::vfs::{SeekFrom, VfsAction, VfsError, VfsResponse};

use crate::core::Vfs;
use crate::cursor::Cursors;
use crate::file::Missing;
use crate::limits::VfsLimits;
use crate::path::VfsPath;

/// What came of an action: the response, and the bytes beside it.
pub(crate) type Performed = Result<(VfsResponse, Option<Vec<u8>>), VfsError>;

/// The core, with the cursors of those who use it by message.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) vfs: Arc<Vfs>,
    pub(crate) limits: VfsLimits,
    cursors: Mutex<Cursors>,
}

impl Desk {
    pub(crate) fn new(vfs: Arc<Vfs>, limits: VfsLimits) -> Self {
        Self { vfs, limits, cursors: Mutex::new(Cursors::default()) }
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
            VfsAction::CreateFile => vfs.create_file(path).map(|()| at.forget()),
            VfsAction::OpenFile { create } => {
                let missing = if create { Missing::Create } else { Missing::Fail };
                vfs.ensure_file(path, missing).map(|()| at.forget())
            }
            VfsAction::CloseFile => {
                at.forget();
                Ok(())
            }
            VfsAction::RemoveFile => vfs.remove_file(path).map(|()| at.forget()),
            VfsAction::Write => vfs.write(path, blob()?, &self.limits),
            VfsAction::WriteAll => vfs.write_at(path, at.cursor(), blob()?, &self.limits).map(|end| at.set(end)),
            VfsAction::Append => vfs.append(path, blob()?, &self.limits).map(|end| at.set(end)),
            VfsAction::SyncAll => vfs.sync(path),
            VfsAction::SetLen(length) => vfs.set_len(path, length, &self.limits),
            VfsAction::AddZip => vfs.add_zip(path, blob()?, &self.limits),
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
        let packages = self.vfs.packages(&self.limits).map_err(|error| VfsError::IOError(error.to_string()))?;
        Ok((VfsResponse::ReadDir(packages), None))
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
    fn cursor(&self) -> u64 {
        self.desk.cursors().get(self.process, self.path)
    }

    fn set(&self, offset: u64) {
        self.desk.cursors().set(self.process, self.path, offset, &self.desk.limits);
    }

    fn forget(&self) {
        self.desk.cursors().forget(self.process, self.path);
    }

    /// The actions that change nothing but the cursor.
    fn look(&self, action: VfsAction) -> Performed {
        let (vfs, path, limits) = (&self.desk.vfs, self.path, &self.desk.limits);
        let looked = match action {
            VfsAction::Read => vfs.read(path, limits).map(|bytes| (VfsResponse::Read, Some(bytes))),
            VfsAction::ReadDir => vfs.read_dir(path, limits).map(|entries| (VfsResponse::ReadDir(entries), None)),
            VfsAction::ReadToEnd => return Ok((VfsResponse::Read, Some(self.read_to_end(limits.read_bytes_max)?))),
            VfsAction::ReadToString => return self.read_to_string(),
            VfsAction::ReadExact { length } => {
                let start = self.cursor();
                vfs.read_exact(path, start, length, limits).map(|bytes| {
                    self.set(start.saturating_add(length));
                    (VfsResponse::Read, Some(bytes))
                })
            }
            VfsAction::Seek(to) => return self.seek(to),
            VfsAction::Metadata => vfs.metadata(path).map(|metadata| (VfsResponse::Metadata(metadata), None)),
            VfsAction::Len => vfs.len(path).map(|length| (VfsResponse::Len(length), None)),
            VfsAction::Hash => vfs.hash(path).map(|(hash, length)| {
                self.set(length);
                (VfsResponse::Hash(hash), None)
            }),
            _ => return Err(VfsError::MalformedRequest),
        };
        looked.map_err(|failure| failure.to_wire())
    }

    fn read_to_end(&self, bytes_max: u64) -> Result<Vec<u8>, VfsError> {
        let start = self.cursor();
        let bytes = self.desk.vfs.read_from(self.path, start, bytes_max).map_err(|failure| failure.to_wire())?;
        self.set(start.saturating_add(bytes.len() as u64));
        Ok(bytes)
    }

    fn read_to_string(&self) -> Performed {
        let start = self.cursor();
        match String::from_utf8(self.read_to_end(self.desk.limits.text_bytes_max)?) {
            Ok(text) => Ok((VfsResponse::ReadToString(text), None)),
            Err(_) => {
                // Nothing was read: the caller may try again for bytes.
                self.set(start);
                Err(VfsError::IOError("stream did not contain valid UTF-8".to_owned()))
            }
        }
    }

    fn seek(&self, to: SeekFrom) -> Performed {
        let length = self.desk.vfs.len(self.path).map_err(|failure| failure.to_wire())?;
        let new_offset = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.cursor().checked_add_signed(distance),
        };
        // Offsets of files are signed for the operating system.
        let new_offset = new_offset
            .filter(|offset| i64::try_from(*offset).is_ok())
            .ok_or_else(|| VfsError::IOError(std::io::Error::from(rustix::io::Errno::INVAL).to_string()))?;
        self.set(new_offset);
        Ok((VfsResponse::SeekFrom { new_offset }, None))
    }
}
