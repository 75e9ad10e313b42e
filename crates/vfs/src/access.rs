//! Who may do what.
//!
//! A package's own drives are free to all its processes. Elsewhere a process needs the drive's capability for what it
//! does, or the one for everything.

use serde_json::json;
use wharf_kernel::module::speaks_for_owner;
use wharf_types::ProcessId;
use wharf_types::vfs::{VfsAction, VfsError};

use crate::path::VfsPath;

/// What an action needs on a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// To see what is there.
    Read,
    /// To change it, or to open it for that.
    Write,
}

/// What `action` needs on the drive of its path. Both ends of a move or copy need [`Need::Write`].
pub(crate) fn need(action: &VfsAction) -> Need {
    match action {
        VfsAction::Read
        | VfsAction::ReadDir
        | VfsAction::ReadToEnd
        | VfsAction::ReadExact { .. }
        | VfsAction::ReadAt { .. }
        | VfsAction::ReadToString
        | VfsAction::Seek(_)
        | VfsAction::Metadata
        | VfsAction::Len
        | VfsAction::Hash => Need::Read,
        VfsAction::CreateDrive
        | VfsAction::CreateDir
        | VfsAction::CreateDirAll
        | VfsAction::CreateFile
        | VfsAction::CreateNew
        | VfsAction::OpenFile { .. }
        | VfsAction::CloseFile
        | VfsAction::Write
        | VfsAction::WriteAll
        | VfsAction::WriteAt { .. }
        | VfsAction::Append
        | VfsAction::SyncAll
        | VfsAction::RemoveFile
        | VfsAction::RemoveDir
        | VfsAction::RemoveDirAll
        | VfsAction::Rename { .. }
        | VfsAction::AddZip
        | VfsAction::CopyFile { .. }
        | VfsAction::SetLen(_) => Need::Write,
    }
}

/// The parameters of the capability for `need` on the drive of `path`.
pub(crate) fn drive_params(need: Need, path: &VfsPath) -> String {
    let kind = match need {
        Need::Read => "read",
        Need::Write => "write",
    };
    json!({ "kind": kind, "drive": path.drive().to_string() }).to_string()
}

/// A process and what it holds.
pub(crate) struct Holder<'a> {
    pub(crate) process: &'a ProcessId,
    /// Whether it holds a capability of the vfs with these parameters.
    pub(crate) holds: &'a dyn Fn(&str) -> bool,
}

impl Holder<'_> {
    /// The kernel's own requests are not checked: there is nobody above it who could have granted them.
    pub(crate) fn is_kernel(&self) -> bool {
        self.process.has_parts("kernel", "distro", "sys")
    }

    /// Whether it may do anything anywhere.
    pub(crate) fn is_root(&self) -> bool {
        self.is_kernel() || speaks_for_owner(self.process) || (self.holds)(r#"{"root":true}"#)
    }

    /// Checks an action on the drive of `path`.
    pub(crate) fn check(&self, need: Need, path: &VfsPath) -> Result<(), VfsError> {
        if self.process.is_in(path.package()) || (self.holds)(&drive_params(need, path)) || self.is_root() {
            return Ok(());
        }
        Err(match need {
            Need::Read => VfsError::NoReadCap,
            Need::Write => VfsError::NoWriteCap,
        })
    }

    /// Checks whether it may make drives where `path` is. No capability for a drive covers that.
    pub(crate) fn check_create_drive(&self, path: &VfsPath) -> Result<(), VfsError> {
        if self.process.is_in(path.package()) || self.is_root() { Ok(()) } else { Err(VfsError::NoWriteCap) }
    }
}
