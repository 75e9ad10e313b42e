//! `vfs:distro:sys`: files, used as `std::fs` is.
//!
//! A path is `/package:publisher/drive/…`. A process may use all drives of its own package; others take the read or
//! write capability of the drive. Every package has the drives `pkg`, with what was installed, and `tmp`.
//!
//! ```no_run
//! use std::io::{BufRead, BufReader, Write};
//! use wharf_process_lib::{PackageId, vfs};
//!
//! fn keep(package: &PackageId) -> Result<(), Box<dyn std::error::Error>> {
//!     let drive = vfs::create_drive(package, "notes")?;
//!     vfs::write(&format!("{drive}/first.txt"), "hello\n")?;
//!     let mut log = vfs::OpenOptions::new().append(true).create(true).open(&format!("{drive}/log"))?;
//!     writeln!(log, "one line")?;
//!     for line in BufReader::new(vfs::File::open(&format!("{drive}/first.txt"))?).lines() {
//!         wharf_process_lib::println!("{}", line?);
//!     }
//!     for entry in vfs::read_dir(&drive)? {
//!         wharf_process_lib::println!("{}", entry.path);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! What a call returned for survives the end of the node, however it ends. [`sync_all`] makes it survive a loss of
//! power, too. [`write()`], [`copy`] and [`rename`] replace a file whole or not at all.
//!
//! Whoever is to use a drive of this package gets its capability attached to a message, and saves it:
//!
//! ```no_run
//! use wharf_process_lib::{Address, Request, vfs};
//!
//! fn share(with: &Address, drive: &str) -> Result<(), Box<dyn std::error::Error>> {
//!     let read = vfs::drive_capability(drive, vfs::Permission::Read)?;
//!     Request::to(with).body(drive).capabilities(&[read]).send();
//!     Ok(())
//! }
//! ```

mod error;
mod file;

use wharf_types::vfs::{DirEntry, FileMetadata, VfsAction, VfsRequest, VfsResponse};
use wharf_types::{Address, Capability, LazyLoadBlob, PackageId, ProcessId};

use crate::error::{CallError, call};
use crate::request::Request;

pub use error::Error;
pub use file::{File, OpenOptions};

/// How long a call may take. Unpacking and durable writes of large files are the slow ones.
const TIMEOUT_S: u64 = 60;

/// What a capability for a drive allows.
///
/// ```
/// use wharf_process_lib::vfs::{Permission, drive_capability};
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
///
/// let write = drive_capability("/app:test.os/notes/2026", Permission::Write).unwrap();
/// assert_eq!(write.params, r#"{"drive":"/app:test.os/notes","kind":"write"}"#);
/// # });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// To see what is there.
    Read,
    /// To change it.
    Write,
}

/// Makes a drive of a package, if it does not exist, and returns its path.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn create_drive(package: &PackageId, name: &str) -> Result<String, Error> {
    let path = format!("/{package}/{name}");
    done("create drive", &path, VfsAction::CreateDrive, None)?;
    Ok(path)
}

/// The capability for the drive of `path`, as it is attached to a message. It is given to the receiver only if this
/// process holds it: whoever made the drive does.
///
/// ```
/// use wharf_process_lib::{Address, Request, vfs};
///
/// fn share(with: &Address, drive: &str) -> Result<(), wharf_process_lib::IdError> {
///     let read = vfs::drive_capability(drive, vfs::Permission::Read)?;
///     Request::to(with).body(drive).capabilities(&[read]).send();
///     Ok(())
/// }
/// ```
pub fn drive_capability(path: &str, permission: Permission) -> Result<Capability, wharf_types::IdError> {
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let drive = format!("/{}/{}", names.next().unwrap_or_default(), names.next().unwrap_or_default());
    let kind = match permission {
        Permission::Read => "read",
        Permission::Write => "write",
    };
    let issuer = Address::new(crate::our()?.node().clone(), ProcessId::system("vfs"));
    Ok(Capability::new(issuer, serde_json::json!({ "kind": kind, "drive": drive }).to_string()))
}

/// Makes a folder in an existing one.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::create_dir(&format!("{drive}/2026"))?;
/// assert!(vfs::create_dir(&format!("{drive}/2026")).is_err(), "it is there already");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn create_dir(path: &str) -> Result<(), Error> {
    done("create folder", path, VfsAction::CreateDir, None)
}

/// Makes a folder and those above it.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::create_dir_all(&format!("{drive}/2026/11/22"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn create_dir_all(path: &str) -> Result<(), Error> {
    done("create folder", path, VfsAction::CreateDirAll, None)
}

/// The whole file.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.bin"), [1, 2])?;
/// assert_eq!(vfs::read(&format!("{drive}/a.bin"))?, [1, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn read(path: &str) -> Result<Vec<u8>, Error> {
    bytes("read", path, VfsAction::Read)
}

/// The whole file, which must be UTF-8.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// assert_eq!(vfs::read_to_string(&format!("{drive}/a.txt"))?, "hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn read_to_string(path: &str) -> Result<String, Error> {
    String::from_utf8(read(path)?)
        .map_err(|error| CallError::Malformed { tried: format!("read {path}"), error: error.to_string() })
}

/// Makes the file, or replaces all of it, at once: whatever happens, it is the old one or the new one.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello again")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn write(path: &str, bytes: impl Into<Vec<u8>>) -> Result<(), Error> {
    done("write", path, VfsAction::Write, Some(bytes.into()))
}

/// The entries of a folder, by name. Their paths have no leading slash.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// let entries = vfs::read_dir(&drive)?;
/// assert_eq!(entries[0].path, "app:test.os/notes/a.txt");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn read_dir(path: &str) -> Result<Vec<DirEntry>, Error> {
    match ask("list", path, VfsAction::ReadDir, None)? {
        (VfsResponse::ReadDir(entries), _) => Ok(entries),
        _ => Err(unexpected("list", path)),
    }
}

/// Removes a file.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::remove_file(&format!("{drive}/a.txt"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn remove_file(path: &str) -> Result<(), Error> {
    done("remove file", path, VfsAction::RemoveFile, None)
}

/// Removes an empty folder.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::create_dir(&format!("{drive}/2026"))?;
/// vfs::remove_dir(&format!("{drive}/2026"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn remove_dir(path: &str) -> Result<(), Error> {
    done("remove folder", path, VfsAction::RemoveDir, None)
}

/// Removes a folder with all in it.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::create_dir_all(&format!("{drive}/2026/11"))?;
/// vfs::remove_dir_all(&format!("{drive}/2026"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn remove_dir_all(path: &str) -> Result<(), Error> {
    done("remove folder", path, VfsAction::RemoveDirAll, None)
}

/// Removes all drives of a package. This takes the capability `{"root":true}` of the vfs.
///
/// ```
/// use wharf_process_lib::{PackageId, vfs};
///
/// fn forget(package: &PackageId) -> Result<(), vfs::Error> {
///     vfs::remove_package(package)
/// }
/// ```
pub fn remove_package(package: &PackageId) -> Result<(), Error> {
    done("remove the drives", &format!("/{package}"), VfsAction::RemoveDirAll, None)
}

/// Moves a file or folder; replaces the file, or the empty folder, that is at `to`.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::rename(&format!("{drive}/a.txt"), &format!("{drive}/b.txt"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn rename(from: &str, to: &str) -> Result<(), Error> {
    done("move", from, VfsAction::Rename { new_path: to.to_owned() }, None)
}

/// Copies a file, and replaces the one that is at `to`.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::copy(&format!("{drive}/a.txt"), &format!("{drive}/b.txt"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn copy(from: &str, to: &str) -> Result<(), Error> {
    done("copy", from, VfsAction::CopyFile { new_path: to.to_owned() }, None)
}

/// Kind and length.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// assert_eq!(vfs::metadata(&format!("{drive}/a.txt"))?.len, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn metadata(path: &str) -> Result<FileMetadata, Error> {
    match ask("look at", path, VfsAction::Metadata, None)? {
        (VfsResponse::Metadata(metadata), _) => Ok(metadata),
        _ => Err(unexpected("look at", path)),
    }
}

/// Whether there is a file or folder at the path. Any refusal other than "not found" is an error.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// assert!(!vfs::exists(&format!("{drive}/a.txt"))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn exists(path: &str) -> Result<bool, Error> {
    match metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// SHA-256 of a file.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::copy(&format!("{drive}/a.txt"), &format!("{drive}/b.txt"))?;
/// assert_eq!(vfs::hash(&format!("{drive}/a.txt"))?, vfs::hash(&format!("{drive}/b.txt"))?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn hash(path: &str) -> Result<[u8; 32], Error> {
    match ask("hash", path, VfsAction::Hash, None)? {
        (VfsResponse::Hash(hash), _) => Ok(hash),
        _ => Err(unexpected("hash", path)),
    }
}

/// Makes a file or folder, and the names that lead to it, survive a loss of power.
///
/// ```
/// # use wharf_process_lib::vfs;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |our| {
/// # (|| {
/// let drive = vfs::create_drive(&our.process().package_id(), "notes")?;
/// vfs::write(&format!("{drive}/a.txt"), "hello")?;
/// vfs::sync_all(&format!("{drive}/a.txt"))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn sync_all(path: &str) -> Result<(), Error> {
    done("sync", path, VfsAction::SyncAll, None)
}

/// Unpacks a zip into a folder, which is made if it does not exist.
///
/// ```
/// use wharf_process_lib::vfs;
///
/// /// Replaces the pages of a site.
/// fn publish(site: &str, zip: Vec<u8>) -> Result<(), vfs::Error> {
///     vfs::add_zip(&format!("{site}/pages"), zip)
/// }
/// ```
pub fn add_zip(path: &str, zip: Vec<u8>) -> Result<(), Error> {
    done("unpack into", path, VfsAction::AddZip, Some(zip))
}

fn unexpected(verb: &str, path: &str) -> Error {
    CallError::unexpected(&format!("{verb} {path}"))
}

fn done(verb: &str, path: &str, action: VfsAction, bytes: Option<Vec<u8>>) -> Result<(), Error> {
    match ask(verb, path, action, bytes)? {
        (VfsResponse::Ok, _) => Ok(()),
        _ => Err(unexpected(verb, path)),
    }
}

fn bytes(verb: &str, path: &str, action: VfsAction) -> Result<Vec<u8>, Error> {
    match ask(verb, path, action, None)? {
        (VfsResponse::Read, blob) => Ok(blob.map(|blob| blob.bytes).unwrap_or_default()),
        _ => Err(unexpected(verb, path)),
    }
}

type Answer = (VfsResponse, Option<LazyLoadBlob>);

fn ask(verb: &str, path: &str, action: VfsAction, bytes: Option<Vec<u8>>) -> Result<Answer, Error> {
    let tried = format!("{verb} {path}");
    let mut request = Request::to_module("vfs")
        .json(&VfsRequest { path: path.to_owned(), action })
        .map_err(|error| CallError::Malformed { tried: tried.clone(), error: error.to_string() })?;
    if let Some(bytes) = bytes {
        request = request.blob(LazyLoadBlob { mime: None, bytes });
    }
    match call(request, &tried, TIMEOUT_S)? {
        (VfsResponse::Err(source), _) => Err(CallError::Refused { tried, source }),
        // Only `Read` brings bytes; nothing else pays for fetching them.
        (VfsResponse::Read, answer) => Ok((VfsResponse::Read, answer.blob())),
        (response, _) => Ok((response, None)),
    }
}
