//! `vfs:distro:sys`: files.
//!
//! A path is `/package:publisher/drive/…`. A process may use all drives of its own package; others take the read or
//! write capability of the drive.
//!
//! ```no_run
//! use wharf_process_lib::{PackageId, vfs};
//!
//! fn keep(package: &PackageId) -> Result<(), vfs::Error> {
//!     let drive = vfs::create_drive(package, "notes")?;
//!     vfs::write(&format!("{drive}/first.txt"), b"hello".to_vec())?;
//!     for entry in vfs::read_dir(&drive)? {
//!         wharf_process_lib::println!("{}", entry.path);
//!     }
//!     Ok(())
//! }
//! ```

use wharf_types::vfs::{DirEntry, FileMetadata, VfsAction, VfsError, VfsRequest, VfsResponse};
use wharf_types::{LazyLoadBlob, PackageId};

use crate::error::{CallError, call};
use crate::request::Request;

/// How long a call may take. Unpacking and durable writes of large files are the slow ones.
const TIMEOUT_S: u64 = 60;

/// Why a call failed.
pub type Error = CallError<VfsError>;

/// Makes a drive of a package, if it does not exist, and returns its path.
pub fn create_drive(package: &PackageId, name: &str) -> Result<String, Error> {
    let path = format!("/{package}/{name}");
    done("create drive", &path, VfsAction::CreateDrive, None)?;
    Ok(path)
}

/// Makes a folder and those above it.
pub fn create_dir_all(path: &str) -> Result<(), Error> {
    done("create folder", path, VfsAction::CreateDirAll, None)
}

/// The whole file.
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    let tried = format!("read {path}");
    match ask(&tried, path, VfsAction::Read, None)? {
        (VfsResponse::Read, blob) => Ok(blob.map(|blob| blob.bytes).unwrap_or_default()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Makes the file, or replaces all of it.
pub fn write(path: &str, bytes: Vec<u8>) -> Result<(), Error> {
    done("write", path, VfsAction::Write, Some(bytes))
}

/// The entries of a folder. Their paths have no leading slash.
pub fn read_dir(path: &str) -> Result<Vec<DirEntry>, Error> {
    let tried = format!("list {path}");
    match ask(&tried, path, VfsAction::ReadDir, None)? {
        (VfsResponse::ReadDir(entries), _) => Ok(entries),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Removes a file.
pub fn remove_file(path: &str) -> Result<(), Error> {
    done("remove file", path, VfsAction::RemoveFile, None)
}

/// Removes a folder with all in it.
pub fn remove_dir_all(path: &str) -> Result<(), Error> {
    done("remove folder", path, VfsAction::RemoveDirAll, None)
}

/// Kind and length.
pub fn metadata(path: &str) -> Result<FileMetadata, Error> {
    let tried = format!("look at {path}");
    match ask(&tried, path, VfsAction::Metadata, None)? {
        (VfsResponse::Metadata(metadata), _) => Ok(metadata),
        _ => Err(CallError::unexpected(&tried)),
    }
}

/// Whether there is a file or folder at the path. Any refusal other than "not found" is an error.
pub fn exists(path: &str) -> Result<bool, Error> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(CallError::Refused { source: VfsError::IOError(text), .. }) if is_not_found(&text) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Unpacks a zip into a folder, which is made if it does not exist.
pub fn add_zip(path: &str, zip: Vec<u8>) -> Result<(), Error> {
    done("unpack into", path, VfsAction::AddZip, Some(zip))
}

/// The vfs hands on the operating system's text, `No such file or directory (os error 2)`.
fn is_not_found(text: &str) -> bool {
    text.contains("os error 2)")
}

fn done(verb: &str, path: &str, action: VfsAction, bytes: Option<Vec<u8>>) -> Result<(), Error> {
    let tried = format!("{verb} {path}");
    match ask(&tried, path, action, bytes)? {
        (VfsResponse::Ok, _) => Ok(()),
        _ => Err(CallError::unexpected(&tried)),
    }
}

type Answer = (VfsResponse, Option<LazyLoadBlob>);

fn ask(tried: &str, path: &str, action: VfsAction, bytes: Option<Vec<u8>>) -> Result<Answer, Error> {
    let mut request = Request::to_module("vfs")
        .json(&VfsRequest { path: path.to_owned(), action })
        .map_err(|error| CallError::Malformed { tried: tried.to_owned(), error: error.to_string() })?;
    if let Some(bytes) = bytes {
        request = request.blob(LazyLoadBlob { mime: None, bytes });
    }
    match call(request, tried, TIMEOUT_S)? {
        (VfsResponse::Err(source), _) => Err(CallError::Refused { tried: tried.to_owned(), source }),
        // Only `Read` brings bytes; nothing else pays for fetching them.
        (VfsResponse::Read, answer) => Ok((VfsResponse::Read, answer.blob())),
        (response, _) => Ok((response, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::is_not_found;

    #[test]
    fn a_missing_file_is_told_from_other_errors() {
        assert!(is_not_found("No such file or directory (os error 2)"));
        assert!(!is_not_found("Is a directory (os error 21)"));
        assert!(!is_not_found("Invalid argument (os error 22)"));
    }
}
