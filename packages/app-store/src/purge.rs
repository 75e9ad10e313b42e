//! Removing a package with all that it kept.

use wharf_process_lib::{kv, sqlite, state, vfs};
use wharf_types::PackageId;

use crate::downloads;
use crate::error::StoreError;
use crate::paths::Target;
use crate::record::Record;
use crate::uninstall;

/// Ends the processes of a package, revokes what they had and gave, and removes everything of it: drives, databases, saved
/// state, kept zips, and its place in the record. Each step may find its work done, so that what was cut off is done by
/// asking again. The record goes last: as long as anything is left, the package is listed.
///
/// Whom to trust is not the package's: the publisher's key stays.
pub(crate) fn purge(record: &mut Record, package: &PackageId) -> Result<(), StoreError> {
    let target = Target::new(package)?;
    uninstall::remove(&target)?;
    vfs::remove_package(package)?;
    kv::remove_all(package)?;
    sqlite::remove_all(package)?;
    state::clear_package(package)?;
    downloads::remove_all(&target)?;
    record.forget(package)
}
