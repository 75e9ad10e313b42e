//! What `downloads:app-store:sys` is asked and answers, with the bodies of the reference.
//!
//! Nodes do not reach each other, so what would fetch from another one, or gives to it, answers `Offline`. Everything about
//! the zips that this node keeps is there.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use wharf_package::{Archive, ArchiveLimits, manifest};
use wharf_process_lib::{LazyLoadBlob, Message, NodeName, Response, println, vfs};
use wharf_types::PackageId;
use wharf_types::vfs::DirEntry;

use crate::downloads;
use crate::error::StoreError;
use crate::front::refused;
use crate::paths::{Target, ZipHash};
use crate::record::Record;

/// A request. Those that workers of a transfer send to each other are known, and refused.
#[derive(Debug, Deserialize)]
enum DownloadsRequest {
    /// Keep the zip in the blob.
    AddDownload {
        package_id: PackageId,
        version_hash: String,
        /// Whether other nodes may fetch it from here.
        mirror: bool,
    },
    /// Fetch a zip from a node. From this one: is it here?
    LocalDownload {
        package_id: PackageId,
        download_from: String,
        desired_version_hash: String,
    },
    /// What is kept: of all packages, or of one.
    GetFiles(Option<PackageId>),
    /// Remove one zip.
    RemoveFile {
        package_id: PackageId,
        version_hash: String,
    },
    /// Other nodes may fetch this package from here.
    StartMirroring(PackageId),
    /// They may not.
    StopMirroring(PackageId),
    /// Give a zip to a worker of another node.
    RemoteDownload(IgnoredAny),
    /// Is a node there that gives a package to others?
    MirrorCheck(IgnoredAny),
    /// Fetch the newest version from a node, and install it.
    AutoUpdate(IgnoredAny),
    Chunk(IgnoredAny),
    Size(IgnoredAny),
    Progress(IgnoredAny),
    DownloadComplete(IgnoredAny),
    AutoDownloadComplete(IgnoredAny),
}

/// An answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) enum DownloadsResponse {
    /// It is done.
    Success,
    /// What is kept.
    GetFiles(Vec<Kept>),
    /// It was not done; the reason is in the metadata.
    Err(DownloadsError),
}

/// One thing that is kept.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Kept {
    /// A zip.
    File {
        /// Its file name, `<hash>.zip`.
        name: String,
        /// Bytes.
        size: u64,
        /// The manifest in it.
        manifest: String,
    },
    /// The zips of a package.
    Dir {
        /// The package.
        name: String,
        /// Whether other nodes may fetch it from here.
        mirroring: bool,
    },
}

/// What went wrong, as the reference has it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) enum DownloadsError {
    NoPackage,
    NotMirroring,
    HashMismatch { desired: String, actual: String },
    FileNotFound,
    BlobNotFound,
    VfsError,
    Timeout,
    InvalidManifest,
    Offline,
}

/// Why nothing was done: for programs, and for people.
struct Refusal(DownloadsError, String);

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let said = error.to_string();
        let kind = match error {
            StoreError::HashMismatch { wanted, actual, .. } => DownloadsError::HashMismatch { desired: wanted, actual },
            StoreError::NotKept { .. } | StoreError::Hash => DownloadsError::FileNotFound,
            StoreError::PackageId(_) | StoreError::Reserved(_) | StoreError::NotInstalled(_) => {
                DownloadsError::NoPackage
            }
            StoreError::Package(_) | StoreError::Metadata(_) | StoreError::OtherPackage(_) => {
                DownloadsError::InvalidManifest
            }
            _ => DownloadsError::VfsError,
        };
        Self(kind, said)
    }
}

impl From<vfs::Error> for Refusal {
    fn from(error: vfs::Error) -> Self {
        StoreError::from(error).into()
    }
}

/// Does what `downloads:app-store:sys` was asked, and answers it.
pub(crate) fn answer(node: &NodeName, record: &mut Record, message: &Message) {
    let done = message.json::<DownloadsRequest>().map_err(|error| {
        Refusal(DownloadsError::NoPackage, format!("not a request to the downloads of the app store: {error}"))
    });
    match done.and_then(|request| perform(node, record, request, message)) {
        Ok(body) => match Response::new().json(&body) {
            Ok(response) => response.send(),
            Err(error) => refused(DownloadsError::VfsError, error).send(),
        },
        Err(Refusal(error, why)) => {
            println!("{why}");
            refused(error, why).send();
        }
    }
}

fn perform(
    node: &NodeName,
    record: &mut Record,
    request: DownloadsRequest,
    message: &Message,
) -> Result<DownloadsResponse, Refusal> {
    match request {
        DownloadsRequest::AddDownload { package_id, version_hash, mirror } => {
            add(record, &package_id, &version_hash, message.blob())?;
            if mirror {
                record.mirror(&package_id)?;
            }
        }
        DownloadsRequest::LocalDownload { package_id, download_from, desired_version_hash } => {
            if download_from != node.as_str() && download_from != NodeName::OUR {
                return Err(offline());
            }
            downloads::read(&Target::new(&package_id)?, &ZipHash::parse(&desired_version_hash)?)?;
        }
        DownloadsRequest::GetFiles(None) => return Ok(DownloadsResponse::GetFiles(packages(record)?)),
        DownloadsRequest::GetFiles(Some(package)) => return Ok(DownloadsResponse::GetFiles(zips(&package)?)),
        DownloadsRequest::RemoveFile { package_id, version_hash } => remove(record, &package_id, &version_hash)?,
        DownloadsRequest::StartMirroring(package) => {
            kept(&Target::new(&package)?)?;
            record.mirror(&package)?;
        }
        DownloadsRequest::StopMirroring(package) => record.stop_mirroring(&package)?,
        DownloadsRequest::AutoUpdate(_) => {
            let why = "packages are brought up to date from registries, by chain:app-store:sys, and not from nodes";
            return Err(Refusal(DownloadsError::Offline, why.to_owned()));
        }
        DownloadsRequest::RemoteDownload(_)
        | DownloadsRequest::Chunk(_)
        | DownloadsRequest::Size(_)
        | DownloadsRequest::Progress(_)
        | DownloadsRequest::MirrorCheck(_)
        | DownloadsRequest::DownloadComplete(_)
        | DownloadsRequest::AutoDownloadComplete(_) => return Err(offline()),
    }
    Ok(DownloadsResponse::Success)
}

fn offline() -> Refusal {
    Refusal(DownloadsError::Offline, "this node reaches no other node".to_owned())
}

/// Keeps a zip that is the one it is said to be.
fn add(record: &Record, package: &PackageId, hash: &str, blob: Option<LazyLoadBlob>) -> Result<(), Refusal> {
    let desired = ZipHash::parse(hash)?;
    let Some(blob) = blob else {
        return Err(Refusal(DownloadsError::BlobNotFound, format!("no zip of {package} came")));
    };
    let actual = ZipHash::of(&blob.bytes);
    if actual != desired {
        let (wanted, actual) = (desired.as_str().to_owned(), actual.as_str().to_owned());
        return Err(StoreError::HashMismatch { package: package.clone(), wanted, actual }.into());
    }
    Ok(downloads::add(record, package, blob.bytes)?)
}

/// The files of a package that are kept.
fn kept(target: &Target) -> Result<Vec<DirEntry>, Refusal> {
    let folder = target.downloads();
    if !vfs::exists(&folder)? {
        return Err(Refusal(DownloadsError::NoPackage, format!("no zip of {} is kept", target.package())));
    }
    Ok(vfs::read_dir(&folder)?)
}

fn packages(record: &Record) -> Result<Vec<Kept>, Refusal> {
    let dir = |package: PackageId| Kept::Dir { name: package.to_string(), mirroring: record.is_mirrored(&package) };
    Ok(downloads::packages()?.into_iter().map(dir).collect())
}

fn zips(package: &PackageId) -> Result<Vec<Kept>, Refusal> {
    let target = Target::new(package)?;
    let entries = kept(&target)?;
    let mut hashes: Vec<ZipHash> = entries
        .iter()
        .filter_map(|entry| ZipHash::parse(downloads::file_name(entry).strip_suffix(".zip")?).ok())
        .collect();
    hashes.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    hashes.iter().map(|hash| zip(&target, hash)).collect()
}

fn zip(target: &Target, hash: &ZipHash) -> Result<Kept, Refusal> {
    let bytes = downloads::read(target, hash)?;
    // It was checked when it was given to this node, and is what it was.
    let manifest =
        Archive::open(&bytes, &ArchiveLimits::default()).and_then(|archive| archive.read(manifest::FILE_NAME));
    let manifest = manifest.map_err(|error| Refusal(DownloadsError::InvalidManifest, error.to_string()))?;
    Ok(Kept::File {
        name: format!("{}.zip", hash.as_str()),
        size: bytes.len() as u64,
        manifest: String::from_utf8_lossy(&manifest).into_owned(),
    })
}

/// A zip that may be needed again stays: without it an upgrade could not be taken back.
fn remove(record: &Record, package: &PackageId, hash: &str) -> Result<(), Refusal> {
    let (target, hash) = (Target::new(package)?, ZipHash::parse(hash)?);
    if record.zips_of(package).any(|needed| needed == hash.as_str()) {
        let why = format!("{package} is installed, and this zip is needed to start it again or to go back");
        return Err(Refusal(DownloadsError::VfsError, why));
    }
    let path = target.download(&hash);
    if !vfs::exists(&path)? {
        return Err(StoreError::NotKept { package: package.clone(), hash: hash.as_str().to_owned() }.into());
    }
    Ok(vfs::remove_file(&path)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_those_of_the_reference() {
        let body = |response: &DownloadsResponse| serde_json::to_string(response).unwrap();
        assert_eq!(body(&DownloadsResponse::Success), "\"Success\"");
        assert_eq!(body(&DownloadsResponse::Err(DownloadsError::Offline)), r#"{"Err":"Offline"}"#);
        let mismatch = DownloadsError::HashMismatch { desired: "a".to_owned(), actual: "b".to_owned() };
        assert_eq!(body(&DownloadsResponse::Err(mismatch)), r#"{"Err":{"HashMismatch":{"desired":"a","actual":"b"}}}"#);
        let dir = Kept::Dir { name: "chat:alice.os".to_owned(), mirroring: true };
        assert_eq!(
            body(&DownloadsResponse::GetFiles(vec![dir])),
            r#"{"GetFiles":[{"Dir":{"name":"chat:alice.os","mirroring":true}}]}"#
        );
        let id = r#"{"package_name":"chat","publisher_node":"alice.os"}"#;
        for request in [
            format!(r#"{{"GetFiles":{id}}}"#),
            r#"{"GetFiles":null}"#.to_owned(),
            format!(r#"{{"StartMirroring":{id}}}"#),
            format!(r#"{{"Size":{{"package_id":{id},"size":1}}}}"#),
            format!(r#"{{"RemoteDownload":{{"package_id":{id},"worker_address":"x","desired_version_hash":""}}}}"#),
        ] {
            assert!(serde_json::from_str::<DownloadsRequest>(&request).is_ok(), "{request}");
        }
    }
}
