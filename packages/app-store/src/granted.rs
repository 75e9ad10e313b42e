//! What an installed package asked for, and got.
//!
//! Nothing is written for it: the record names the zip of the installed version by its hash, the zip is kept, and what a
//! package gets is settled by what is in it. The zip in the package's own drive would not do: the package may change it.

use wharf_package::Package;
use wharf_types::PackageId;
use wharf_types::app_store::GrantedScripts;
use wharf_types::ask::Ask;

use crate::downloads;
use crate::error::StoreError;
use crate::paths::{Target, ZipHash, sha256_hex};
use crate::record::Record;

/// Everything that it asked for or offers.
pub(crate) fn granted(record: &Record, package: &PackageId) -> Result<Vec<Ask>, StoreError> {
    Ok(installed(record, package)?.asks(package))
}

/// The same, with what its scripts are. Where they lie, in the package's own drive, the package may change them as well.
pub(crate) fn granted_scripts(record: &Record, package: &PackageId) -> Result<GrantedScripts, StoreError> {
    let installed = installed(record, package)?;
    let hash = |wasm: &str| Some((wasm.to_owned(), sha256_hex(installed.component(wasm)?)));
    let components = installed.scripts().iter().filter_map(|(wasm, _)| hash(wasm)).collect();
    Ok(GrantedScripts { asks: installed.asks(package), components })
}

fn installed(record: &Record, package: &PackageId) -> Result<Package, StoreError> {
    let installed = record.find(package).ok_or_else(|| StoreError::NotInstalled(package.clone()))?;
    let zip = downloads::read(&Target::new(package)?, &ZipHash::parse(&installed.version_hash)?)?;
    Ok(Package::check(&zip)?)
}
