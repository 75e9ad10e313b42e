//! Removing a package with all that it kept.

use wharf_process_lib::{kv, sqlite, state, vfs};
use wharf_types::PackageId;

use crate::downloads;
use crate::error::StoreError;
use crate::paths::Target;
use crate::record::{Record, Work};
use crate::{listed, uninstall};

/// Removes everything of a package, its place in the record included. The record goes last: as long as anything is left, the
/// package is listed.
///
/// Whom to trust is not the package's: the publisher's key stays.
pub(crate) fn purge(record: &mut Record, package: &PackageId) -> Result<(), StoreError> {
    let target = Target::new(package)?;
    record.remove_with(package, Work::Purge, || remove_all(&target))?;
    listed::unfollow(package);
    Ok(())
}

/// Ends the processes of a package, revokes what they had and gave, and removes everything that it kept: drives, databases,
/// saved state, zips. Each step may find its work done, so that what was cut off is done by doing it again.
pub(crate) fn remove_all(target: &Target) -> Result<(), StoreError> {
    let package = target.package();
    uninstall::remove(target)?;
    vfs::remove_package(package)?;
    kv::remove_all(package)?;
    sqlite::remove_all(package)?;
    state::clear_package(package)?;
    downloads::remove_all(target)
}
