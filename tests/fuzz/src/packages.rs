//! What packages bring.

use wharf_package::{ArchiveLimits, Manifest, Metadata, Package, Scripts, WasmKind, name, package_id_from_file_name};
use wharf_types::{NodeName, PackageId};

/// Far less than a node takes, so that nothing that is unpacked costs much time.
const LIMITS: ArchiveLimits = ArchiveLimits { entries_max: 64, entry_bytes_max: 1 << 20, total_bytes_max: 4 << 20 };

pub(crate) fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    let (node, package) = (NodeName::new("a.os").unwrap(), "a:b.os".parse::<PackageId>().unwrap());
    if let Ok(plan) = wharf_package::plan(&node, &package, &manifest) {
        assert_eq!(plan.len(), manifest.entries().len());
        assert!(manifest.entries().iter().all(|entry| !entry.wasm_name().starts_with('/')));
    }
}

pub(crate) fn metadata(bytes: &[u8]) {
    if let Ok(metadata) = Metadata::parse(bytes) {
        let _ = (metadata.package_id().is_ok(), metadata.current_version(), metadata.to_message());
    }
    let _ = package_id_from_file_name(&String::from_utf8_lossy(bytes)).is_ok();
}

pub(crate) fn scripts(bytes: &[u8]) {
    if let Ok(scripts) = Scripts::parse(bytes) {
        assert!(scripts.iter().count() <= bytes.len());
    }
}

pub(crate) fn zip(bytes: &[u8]) {
    if let Ok(archive) = wharf_package::Archive::open(bytes, &LIMITS) {
        for entry in archive.entries() {
            // S11: no name leads out of where it is unpacked.
            assert!(name::check(&entry.name).is_ok(), "{:?}", entry.name);
            assert!(entry.size <= LIMITS.entry_bytes_max);
            if let Ok(contents) = archive.read(&entry.name) {
                assert_eq!(contents.len() as u64, entry.size);
                let _ = WasmKind::of(&contents);
            }
        }
        let _ = archive.verify().is_ok();
    }
    let _ = Package::check_within(bytes, &LIMITS).is_ok();
}

pub(crate) fn signature(bytes: &[u8]) {
    let Ok(unsigned) = wharf_package::signature::split(bytes) else { return };
    let Some(signature) = unsigned.signature else { return };
    // What is taken off can be put on again, and comes off as the same.
    let attached = wharf_package::signature::attach(&unsigned.zip, &signature).unwrap();
    let again = wharf_package::signature::split(&attached).unwrap();
    assert_eq!((again.zip, again.signature), (unsigned.zip, Some(signature)));
}
