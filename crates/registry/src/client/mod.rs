//! Reaching registries: a folder, a web server with the files of one, and an OCI registry.
//!
//! Everything here blocks, for as long as [`Limits`] says: its only caller is the command line, which has no async workers.
//!
//! The crates that know OCI registries take whatever a registry sends into memory, lists and manifests included, and follow
//! it to any host. So `oci` speaks the few requests of the distribution protocol that it needs itself, over the one HTTP
//! client that holds every answer to its bounds (`http`).

mod error;
mod folder;
mod http;
mod location;
mod oci;
mod web;

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::Version;

pub use self::error::RegistryError;
pub use self::http::Credentials;
pub use self::location::{Location, LocationError};
use crate::digest::Digest;
use crate::index::Release;
use crate::limits::Limits;
use crate::reference::{PackageRef, Reference, newest};

type Result<T> = std::result::Result<T, RegistryError>;

/// Told how many bytes of how many have come.
pub type OnProgress<'a> = &'a mut dyn FnMut(u64, u64);

/// How registries are reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// How much is taken, and how long it is waited for.
    pub limits: Limits,
    /// Hosts, or `host:port`, that may be asked without TLS. This machine may always.
    pub plain_http: Vec<String>,
    /// Files with certificates in PEM that are trusted in place of the authorities that browsers trust.
    pub ca_files: Vec<PathBuf>,
    /// Who one is, by the `host` or `host:port` that is told so.
    pub credentials: BTreeMap<String, Credentials>,
}

/// How publishing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The release is there now.
    New,
    /// It was there before, the same.
    AlreadyThere,
}

/// A release with the package and the version that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The package.
    pub package: PackageRef,
    /// The version.
    pub version: Version,
    /// What is listed of it. Its digest and size are those of the zip.
    pub release: Release,
    /// The zip.
    pub zip: Vec<u8>,
}

/// A place for packages.
pub trait Registry {
    /// The packages that it has.
    fn packages(&self) -> Result<Vec<PackageRef>>;

    /// The versions of one, in no order. Never empty.
    fn versions(&self, package: &PackageRef) -> Result<Vec<Version>>;

    /// One of them.
    fn release(&self, package: &PackageRef, version: &Version) -> Result<Release>;

    /// The bytes of a zip, which nobody has looked at yet; at most `release.bytes` of them. [`download`] checks them.
    fn read_zip(&self, package: &PackageRef, release: &Release, progress: OnProgress<'_>) -> Result<Vec<u8>>;

    /// Adds a release, if its version is not there with other content.
    fn publish(&self, publication: &Publication) -> Result<Published>;
}

/// The registry at a location. A web server is not asked anything yet.
pub fn open(location: &Location, access: &Access) -> Result<Box<dyn Registry>> {
    Ok(match location {
        Location::Folder(root) => Box::new(folder::Folder::new(root.clone(), access.limits.clone())),
        Location::Web(base) => Box::new(web::Web::new(base, access)?),
        Location::Oci { base, prefix } => Box::new(oci::Oci::new(base, prefix, access)?),
    })
}

/// Which release is meant.
pub fn resolve(registry: &dyn Registry, wanted: &Reference) -> Result<(Version, Release)> {
    let package = &wanted.package;
    let version = match &wanted.version {
        Some(version) => version.clone(),
        None => {
            let versions = registry.versions(package)?;
            let newest = newest(&versions).cloned();
            newest.ok_or_else(|| RegistryError::OnlyPreReleases {
                package: package.clone(),
                newest: versions.into_iter().max().map(|version| version.to_string()).unwrap_or_default(),
            })?
        }
    };
    let release = registry.release(package, &version)?;
    Ok((version, release))
}

/// The zip of a release, which has the size and the digest that were listed.
pub fn download(
    registry: &dyn Registry,
    package: &PackageRef,
    release: &Release,
    limits: &Limits,
    progress: OnProgress<'_>,
) -> Result<Vec<u8>> {
    let what = || format!("the zip of {package}");
    if release.bytes > limits.zip_bytes_max {
        return Err(RegistryError::TooLarge { what: what(), max: limits.zip_bytes_max });
    }
    let zip = registry.read_zip(package, release, progress)?;
    let actual = Digest::of(&zip);
    if actual != release.sha256 {
        return Err(RegistryError::OtherContent { what: what(), wanted: release.sha256.clone(), actual });
    }
    Ok(zip)
}

/// Whether a version that is to be published may be: not if it is there with other content.
fn may_publish(publication: &Publication, there: Option<&Release>) -> Result<Option<Published>> {
    match there {
        None => Ok(None),
        Some(there) if there.sha256 == publication.release.sha256 => Ok(Some(Published::AlreadyThere)),
        Some(there) => Err(RegistryError::Exists {
            package: publication.package.clone(),
            version: publication.version.clone(),
            there: there.sha256.clone(),
        }),
    }
}
