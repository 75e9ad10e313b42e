//! A door for fuzz targets. No part of the interface.

use wharf_vfs::VfsPath;

use crate::files::resolve;

/// What a guest names by a text, in a folder that it was given.
pub fn path(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for folder in ["/a:b.os/tmp", "/a:b.os/tmp/x/y"] {
        let Ok(folder) = folder.parse::<VfsPath>() else { return };
        if let Ok(path) = resolve(&folder, &text) {
            let (inside, folder) = (path.to_string(), folder.to_string());
            assert!(inside == folder || inside.starts_with(&format!("{folder}/")), "{text:?} is {inside}");
            assert!(!inside.split('/').any(|name| name == ".."), "{inside}");
        }
    }
}
