//! Zips that were given to this node, kept by package and hash.

use wharf_package::Package;
use wharf_process_lib::vfs;
use wharf_types::PackageId;
use wharf_types::vfs::{DirEntry, FileType};

use crate::error::StoreError;
use crate::paths::{DOWNLOADS_DRIVE, Target, ZipHash};
use crate::record::Record;

/// Most zips kept of one package. When there are as many, all make room but those that may be needed again
/// ([`Record::zips_of`]).
const ZIPS_PER_PACKAGE_MAX: usize = 16;
/// Most packages that are not installed and have zips kept: what comes here need not be the owner's word.
const NOT_INSTALLED_MAX: usize = 256;
/// Most bytes of their zips, all together.
const NOT_INSTALLED_BYTES_MAX: u64 = 1 << 30;

/// Checks a zip and keeps it. Giving the same one again changes nothing.
pub(crate) fn add(record: &Record, package: &PackageId, zip: Vec<u8>) -> Result<(), StoreError> {
    let target = Target::new(package)?;
    if let Some(metadata) = Package::check(&zip)?.metadata() {
        let named = metadata.package_id()?;
        if named != *package {
            return Err(StoreError::OtherPackage(named));
        }
    }
    make_room(record, &target)?;
    check_room(record, package, zip.len() as u64)?;
    keep(&target, zip)?;
    Ok(())
}

/// Whether one more zip of a package may be kept. Those of what is installed always are. A package whose zips were all removed
/// counts until it is purged: its folder is still there.
fn check_room(record: &Record, package: &PackageId, bytes: u64) -> Result<(), StoreError> {
    if record.find(package).is_some() {
        return Ok(());
    }
    let mut others = packages()?;
    others.retain(|kept| record.find(kept).is_none());
    if !others.contains(package) && others.len() >= NOT_INSTALLED_MAX {
        return Err(StoreError::TooManyKept(NOT_INSTALLED_MAX));
    }
    let mut left = NOT_INSTALLED_BYTES_MAX.checked_sub(bytes);
    for other in &others {
        let size = bytes_of(&Target::new(other)?)?;
        left = left.and_then(|left| left.checked_sub(size));
    }
    left.map(drop).ok_or(StoreError::KeptTooLarge(NOT_INSTALLED_BYTES_MAX))
}

/// The size of the zips of a package.
fn bytes_of(target: &Target) -> Result<u64, StoreError> {
    let sizes = vfs::read_dir(&target.downloads())?;
    sizes.iter().try_fold(0_u64, |sum, entry| Ok(sum.saturating_add(vfs::metadata(&path(entry))?.len)))
}

/// The packages that have a folder of zips, by name.
pub(crate) fn packages() -> Result<Vec<PackageId>, StoreError> {
    let root = format!("/app-store:sys/{DOWNLOADS_DRIVE}");
    if !vfs::exists(&root)? {
        return Ok(Vec::new());
    }
    let mut names: Vec<PackageId> =
        vfs::read_dir(&root)?.iter().filter_map(|entry| file_name(entry).parse().ok()).collect();
    names.sort();
    Ok(names)
}

/// The last part of its path.
pub(crate) fn file_name(entry: &DirEntry) -> &str {
    entry.path.rsplit('/').next().unwrap_or_default()
}

fn path(entry: &DirEntry) -> String {
    format!("/{}", entry.path.trim_start_matches('/'))
}

/// Keeps a zip that is known to be good, and returns its hash.
pub(crate) fn keep(target: &Target, zip: Vec<u8>) -> Result<ZipHash, StoreError> {
    let own = PackageId { package_name: "app-store".to_owned(), publisher_node: "sys".to_owned() };
    let hash = ZipHash::of(&zip);
    vfs::create_drive(&own, DOWNLOADS_DRIVE)?;
    vfs::create_dir_all(&target.downloads())?;
    vfs::write(&target.download(&hash), zip)?;
    Ok(hash)
}

/// A zip that was kept. What is on disk is not trusted to be what was put there.
pub(crate) fn read(target: &Target, hash: &ZipHash) -> Result<Vec<u8>, StoreError> {
    let path = target.download(hash);
    if !vfs::exists(&path)? {
        return Err(StoreError::NotKept { package: target.package().clone(), hash: hash.as_str().to_owned() });
    }
    let zip = vfs::read(&path)?;
    let actual = ZipHash::of(&zip);
    if actual != *hash {
        return Err(StoreError::HashMismatch {
            package: target.package().clone(),
            wanted: hash.as_str().to_owned(),
            actual: actual.as_str().to_owned(),
        });
    }
    Ok(zip)
}

/// Removes every kept zip of a package.
pub(crate) fn remove_all(target: &Target) -> Result<(), StoreError> {
    if vfs::exists(&target.downloads())? {
        vfs::remove_dir_all(&target.downloads())?;
    }
    Ok(())
}

fn make_room(record: &Record, target: &Target) -> Result<(), StoreError> {
    if !vfs::exists(&target.downloads())? {
        return Ok(());
    }
    let kept = vfs::read_dir(&target.downloads())?;
    let stay: Vec<&str> = record.zips_of(target.package()).collect();
    for path in surplus(&kept, &stay) {
        vfs::remove_file(&path)?;
    }
    Ok(())
}

/// The files that make room: none while there is some.
fn surplus(kept: &[DirEntry], stay: &[&str]) -> Vec<String> {
    if kept.len() < ZIPS_PER_PACKAGE_MAX {
        return Vec::new();
    }
    let stays = |entry: &DirEntry| file_name(entry).strip_suffix(".zip").is_some_and(|hash| stay.contains(&hash));
    kept.iter().filter(|entry| entry.file_type == FileType::File && !stays(entry)).map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(count: usize) -> Vec<DirEntry> {
        let path = |n| format!("app-store:sys/downloads/chat:alice.os/{n}.zip");
        (0..count).map(|n| DirEntry { path: path(n), file_type: FileType::File }).collect()
    }

    #[test]
    fn nothing_is_removed_while_there_is_room() {
        assert!(surplus(&kept(ZIPS_PER_PACKAGE_MAX - 1), &[]).is_empty());
    }

    #[test]
    fn the_installed_zip_and_the_one_before_stay_when_room_is_made() {
        let removed = surplus(&kept(ZIPS_PER_PACKAGE_MAX), &["3", "7"]);
        assert_eq!(removed.len(), ZIPS_PER_PACKAGE_MAX - 2);
        assert!(!removed.contains(&"/app-store:sys/downloads/chat:alice.os/7.zip".to_owned()));
        assert!(!removed.contains(&"/app-store:sys/downloads/chat:alice.os/3.zip".to_owned()));
        assert!(removed.contains(&"/app-store:sys/downloads/chat:alice.os/13.zip".to_owned()));
    }
}
