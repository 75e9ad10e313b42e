//! What an installed package asked for, and got.
//!
//! Nothing is written for it: the record names the zip of the installed version by its hash, the zip is kept, and what a
//! package gets is settled by what is in it. The zip in the package's own drive would not do: the package may change it.

use wharf_package::Package;
use wharf_types::PackageId;
use wharf_types::ask::Ask;

use crate::downloads;
use crate::error::StoreError;
use crate::paths::{Target, ZipHash};
use crate::record::Record;

/// Everything that it asked for or offers.
pub(crate) fn granted(record: &Record, package: &PackageId) -> Result<Vec<Ask>, StoreError> {
    let installed = record.find(package).ok_or_else(|| StoreError::NotInstalled(package.clone()))?;
    let zip = downloads::read(&Target::new(package)?, &ZipHash::parse(&installed.version_hash)?)?;
    Ok(Package::check(&zip)?.asks(package))
}
