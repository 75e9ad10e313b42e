//! Doors for fuzz targets. No part of the interface.

use std::io::Write;

use crate::backup::{Archive, Manifest};

/// An archive of a backup, up to what would be written. Writes it into a temporary file.
pub fn backup(bytes: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(bytes).is_ok() && file.flush().is_ok() {
        let _ = Archive::open(file.path()).is_ok();
    }
}

/// The list of what is in one.
pub fn backup_manifest(bytes: &[u8]) {
    let _ = Manifest::read(bytes).is_ok_and(|manifest| manifest.bytes() > 0);
}
