//! Interfaces that packages publish, as `api.zip`.

use wharf_package::package::API_FILE_NAME;
use wharf_process_lib::{LazyLoadBlob, println, vfs};
use wharf_types::PackageId;

use crate::error::StoreError;
use crate::paths::Target;
use crate::record::Record;

/// Packages that have an API. One that cannot be looked at is left out.
pub(crate) fn list(record: &Record) -> Vec<PackageId> {
    let packages = record.installed().iter().map(|installed| &installed.package_id);
    packages.filter(|package| has_api(package)).cloned().collect()
}

fn has_api(package: &PackageId) -> bool {
    let found = Target::new(package).and_then(|target| Ok(vfs::exists(&target.file(API_FILE_NAME))?));
    found.unwrap_or_else(|error| {
        println!("{error}");
        false
    })
}

/// The API of a package.
pub(crate) fn get(record: &Record, package: &PackageId) -> Result<LazyLoadBlob, StoreError> {
    if record.find(package).is_none() {
        return Err(StoreError::NotInstalled(package.clone()));
    }
    let path = Target::new(package)?.file(API_FILE_NAME);
    if !vfs::exists(&path)? {
        return Err(StoreError::NoApi(package.clone()));
    }
    // A zip under the name of JSON: it is what the protocol says, and tools compare it.
    Ok(LazyLoadBlob { mime: Some("application/json".to_owned()), bytes: vfs::read(&path)? })
}
