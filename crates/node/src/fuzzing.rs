//! Doors for fuzz targets. No part of the interface.

use crate::{home, settings};

/// `wharf.toml`.
pub fn settings(bytes: &[u8]) {
    let _ = settings::read_text(&String::from_utf8_lossy(bytes)).is_ok();
}

/// `node.key`.
pub fn node_key(bytes: &[u8]) {
    let _ = home::read_key(&String::from_utf8_lossy(bytes)).is_ok();
}
