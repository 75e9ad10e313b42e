//! Why a registry did not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

use semver::Version;

use crate::digest::Digest;
use crate::reference::PackageRef;

/// What was tried, on what, and why it failed. Text of the registry is in it as it came.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A host that may be asked with TLS only.
    #[error("{host} is not asked without TLS")]
    Plain {
        /// The host.
        host: String,
    },
    /// The trusted certificates of the settings.
    #[error("cannot read certificates from {}: {why}", .file.display())]
    Certificates {
        /// Which file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// No connection, or it broke.
    #[error("cannot get {url}: {why}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// It took too long.
    #[error("cannot get {url}: the registry was too slow")]
    TooSlow {
        /// What was asked for.
        url: String,
    },
    /// Not an answer that helps.
    #[error("the registry answered {url} with status {status}{}", said(.reason))]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// It wants to know who one is, or somebody else.
    #[error("the registry does not allow {url} (status {status})")]
    Denied {
        /// What was asked for.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// It leads elsewhere.
    #[error("the registry sends {url} on to {to}, which is not followed: {why}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// Where it leads.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// More than is taken.
    #[error("{what} is larger than {max} bytes, the most that is accepted")]
    TooLarge {
        /// What.
        what: String,
        /// The bound.
        max: u64,
    },
    /// It makes no sense.
    #[error("cannot use {what}: {why}")]
    Malformed {
        /// What.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing that looks like a registry.
    #[error("{registry} is not a registry: there is no {file} in it")]
    NotARegistry {
        /// Where.
        registry: String,
        /// The file that every registry has.
        file: &'static str,
    },
    /// It does not have this package.
    #[error("the registry has no package {package}")]
    NoPackage {
        /// Which.
        package: PackageRef,
    },
    /// It has the package, and not this version.
    #[error("the registry has no version {version} of {package}")]
    NoVersion {
        /// Which.
        package: PackageRef,
        /// Which version.
        version: Version,
    },
    /// Nothing to choose without being told.
    #[error("the registry has only pre-releases of {package}, the newest is {newest}")]
    OnlyPreReleases {
        /// Which.
        package: PackageRef,
        /// The newest.
        newest: String,
    },
    /// What came is not what was listed.
    #[error("{what} has SHA-256 {actual}, where the registry lists {wanted}")]
    OtherContent {
        /// What.
        what: String,
        /// What it should have.
        wanted: Digest,
        /// What it has.
        actual: Digest,
    },
    /// A version never changes.
    #[error("version {version} of {package} is there already, with other content: its SHA-256 is {there}")]
    Exists {
        /// Which.
        package: PackageRef,
        /// Which version.
        version: Version,
        /// What is there.
        there: Digest,
    },
    /// Not by this way.
    #[error("cannot {doing} {registry}: {why}")]
    Unsupported {
        /// What was wanted.
        doing: &'static str,
        /// Of which.
        registry: String,
        /// Why not.
        why: &'static str,
    },
    /// A name that this kind of registry cannot have.
    #[error("`{name}` cannot be in an OCI registry: {why}")]
    OciName {
        /// The name, or version.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of a folder.
    #[error("cannot {doing} {}: {why}", .file.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// On which.
        file: PathBuf,
        /// Why it failed.
        why: io::Error,
    },
    /// Somebody else is publishing, and does not end.
    #[error("cannot publish into {}: somebody else has been publishing there for too long", .folder.display())]
    Locked {
        /// Where.
        folder: PathBuf,
    },
}

impl RegistryError {
    pub(crate) fn file(doing: &'static str, file: &Path, why: impl Into<io::Error>) -> Self {
        Self::File { doing, file: file.to_owned(), why: why.into() }
    }

    pub(crate) fn malformed(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Malformed { what: what.into(), why: why.to_string() }
    }
}

fn said(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
