//! What `main:app-store:sys` is asked and answers.
//!
//! Sending it messages takes its messaging capability. Failures carry their reason as [`crate::Failure`] in the response's
//! metadata; the bodies are the reference's. [`AppStoreRequest::Packages`] and the requests after it are Wharf's own. Those
//! from [`AppStoreRequest::Rollback`] on are for the node's owner only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ask::Ask;
use crate::id::{PackageId, ProcessId};

/// A request to the app store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum AppStoreRequest {
    /// Keep the zip in the blob, ready to be installed.
    ///
    /// * Blob: the zip.
    /// * Takes: messaging.
    /// * Answers: `NewPackageResponse`.
    NewPackage {
        /// What it is.
        package_id: PackageId,
        /// Whether other nodes may fetch it from here.
        mirror: bool,
    },
    /// Install a zip that was kept.
    ///
    /// * Takes: messaging, and what the publisher's key asks for: see docs/packages.md.
    /// * Answers: `InstallResponse`.
    Install {
        /// What.
        package_id: PackageId,
        /// SHA-256 of the zip, hex.
        version_hash: String,
        /// The package's `metadata.json`, with `code_hashes` as pairs.
        metadata: Option<serde_json::Value>,
    },
    /// Remove a package's processes and its `pkg` drive.
    ///
    /// * Takes: messaging.
    /// * Answers: `UninstallResponse`.
    Uninstall(PackageId),
    /// Which packages have an API.
    ///
    /// * Takes: messaging.
    /// * Answers: `ApisResponse`.
    Apis,
    /// The `api.zip` of a package, as blob.
    ///
    /// * Takes: messaging.
    /// * Answers: `GetApiResponse`, with the zip as blob.
    GetApi(PackageId),
    /// What is installed.
    ///
    /// * Takes: messaging.
    /// * Answers: `PackagesResponse`.
    Packages,
    /// What an installed package asked for, and got.
    ///
    /// * Takes: messaging.
    /// * Answers: `GrantedResponse`.
    Granted(PackageId),
    /// The same, and what the scripts of the package are: for whoever runs them.
    ///
    /// * Takes: messaging.
    /// * Answers: `GrantedScriptsResponse`.
    GrantedScripts(PackageId),
    /// The publishers whose key is known.
    ///
    /// * Takes: messaging.
    /// * Answers: `TrustedResponse`.
    Trusted,
    /// Put the version from before in place of the present one.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `RollbackResponse`.
    Rollback(PackageId),
    /// Remove a package with all that it kept: drives, databases, saved state, kept zips. Also of one that was
    /// uninstalled before.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `PurgeResponse`.
    Purge(PackageId),
    /// From now on, take packages of a publisher only with signatures of this key. Replaces one that was known.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `TrustResponse`.
    Trust {
        /// The publisher.
        publisher: String,
        /// Its Ed25519 key, 64 hex digits.
        public_key: String,
    },
    /// Forget the key of a publisher.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `TrustResponse`.
    Distrust {
        /// The publisher.
        publisher: String,
    },
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
    /// Answer to `Granted`; empty also where nothing is installed, with the reason in the metadata.
    GrantedResponse(Vec<Ask>),
    /// Answer to `GrantedScripts`; empty also where nothing is installed, with the reason in the metadata.
    GrantedScriptsResponse(GrantedScripts),
    /// Answer to `Trusted`, by name.
    TrustedResponse(Vec<TrustedPublisher>),
    /// Answer to `Rollback`.
    RollbackResponse(Outcome),
    /// Answer to `Purge`.
    PurgeResponse(Outcome),
    /// Answer to `Trust` and `Distrust`.
    TrustResponse(Outcome),
    /// The request was not understood. Wharf's own: the reference stays silent.
    Err(String),
}

/// What the scripts of an installed package are, and what it was granted: all of it as in the zip that was installed, which
/// the package cannot change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedScripts {
    /// Everything that the package asked for, as in `GrantedResponse`.
    #[serde(default)]
    pub asks: Vec<Ask>,
    /// Each script by its file: SHA-256 of its component, hex, lower case.
    #[serde(default)]
    pub components: BTreeMap<String, String>,
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
    /// The key that signed it, 64 hex digits; `None` when it is not signed.
    #[serde(default)]
    pub signed_by: Option<String>,
    /// The version that `Rollback` leads to.
    #[serde(default)]
    pub previous: Option<PreviousVersion>,
}

/// The version that was installed before the present one. Its zip is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousVersion {
    /// SHA-256 of its zip, hex.
    pub version_hash: String,
    /// `current_version` of its metadata, if it had any.
    pub version: Option<String>,
}

/// A publisher whose key is known. Its packages are taken with signatures of that key only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedPublisher {
    /// The publisher.
    pub publisher: String,
    /// Its Ed25519 key, 64 hex digits.
    pub public_key: String,
    /// The package with which the key came; `None` when the owner named it.
    pub first_seen_with: Option<PackageId>,
}
