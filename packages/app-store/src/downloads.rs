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
    keep(&target, zip)?;
    Ok(())
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
    let stays = |entry: &DirEntry| {
        let name = entry.path.rsplit('/').next().and_then(|file| file.strip_suffix(".zip"));
        name.is_some_and(|hash| stay.contains(&hash))
    };
    kept.iter()
        .filter(|entry| entry.file_type == FileType::File && !stays(entry))
        .map(|entry| format!("/{}", entry.path.trim_start_matches('/')))
        .collect()
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
