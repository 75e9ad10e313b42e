//! Whether a zip says itself that it is a certain version of a certain package, as one from a registry has to.

use wharf_types::PackageId;

use crate::metadata::{self, Metadata};
use crate::package::Package;

/// It does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotThatRelease {
    /// There is nothing that could say it.
    #[error("there is no {} in it", metadata::FILE_NAME)]
    NoMetadata,
    /// What it says makes no sense.
    #[error("{0}")]
    Metadata(String),
    /// It is another package.
    #[error("it is {0}")]
    OtherPackage(PackageId),
    /// It is another version.
    #[error("it says that it is version {0}")]
    OtherVersion(String),
    /// It does not tell its version.
    #[error("it does not say which version it is")]
    NoVersion,
}

/// The metadata of a package that is this version of that package.
pub fn metadata_of<'a>(
    checked: &'a Package,
    package: &PackageId,
    version: &str,
) -> Result<&'a Metadata, NotThatRelease> {
    let metadata = checked.metadata().ok_or(NotThatRelease::NoMetadata)?;
    let own = metadata.package_id().map_err(|error| NotThatRelease::Metadata(error.to_string()))?;
    if own != *package {
        return Err(NotThatRelease::OtherPackage(own));
    }
    match metadata.current_version() {
        Some(own) if own == version => Ok(metadata),
        Some(own) => Err(NotThatRelease::OtherVersion(own.to_owned())),
        None => Err(NotThatRelease::NoVersion),
    }
}
