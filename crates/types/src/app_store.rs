//! What `main:app-store:sys` is asked and answers.
//!
//! Failures carry their reason as [`crate::Failure`] in the response's metadata; the bodies are the reference's.
//! [`AppStoreRequest::Packages`] is Wharf's own.

use serde::{Deserialize, Serialize};

use crate::id::{PackageId, ProcessId};

/// A request to the app store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AppStoreRequest {
    /// Keep the zip in the blob, ready to be installed.
    NewPackage {
        /// What it is.
        package_id: PackageId,
        /// Whether other nodes may fetch it from here.
        mirror: bool,
    },
    /// Install a zip that was kept.
    Install {
        /// What.
        package_id: PackageId,
        /// SHA-256 of the zip, hex.
        version_hash: String,
        /// The package's `metadata.json`, with `code_hashes` as pairs.
        metadata: Option<serde_json::Value>,
    },
    /// Remove a package's processes and its `pkg` drive.
    Uninstall(PackageId),
    /// Which packages have an API.
    Apis,
    /// The `api.zip` of a package, as blob.
    GetApi(PackageId),
    /// What is installed.
    Packages,
}

/// The app store's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppStoreResponse {
    /// Answer to `NewPackage`.
    NewPackageResponse(NewPackageResponse),
    /// Answer to `Install`.
    InstallResponse(Outcome),
    /// Answer to `Uninstall`.
    UninstallResponse(Outcome),
    /// Answer to `Apis`.
    ApisResponse {
        /// Packages that have an API.
        apis: Vec<PackageId>,
    },
    /// Answer to `GetApi`.
    GetApiResponse(Outcome),
    /// Answer to `Packages`.
    PackagesResponse(Vec<InstalledPackage>),
    /// The request was not understood. Wharf's own: the reference stays silent.
    Err(String),
}

/// How `NewPackage` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewPackageResponse {
    /// The zip is kept.
    Success,
    /// There was no blob.
    NoBlob,
    /// The zip was refused.
    InstallFailed,
    /// Never sent; part of the protocol.
    AlreadyExists,
}

/// How anything else ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It worked.
    Success,
    /// It did not; the reason is in the metadata.
    Failure,
}

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// What it is.
    pub package_id: PackageId,
    /// SHA-256 of its zip, hex.
    pub version_hash: String,
    /// `current_version` of its metadata, if it has any.
    pub version: Option<String>,
    /// Its processes.
    pub processes: Vec<ProcessId>,
}
