//! A door for fuzz targets. No part of the interface.

use crate::wire;

/// The column of what happens when a process ends. What is read is written as it was.
pub fn on_exit(bytes: &[u8]) {
    let Ok(on_exit) = wire::decode_on_exit(bytes) else { return };
    let written = wire::encode_on_exit(&on_exit).unwrap_or_default();
    let again = wire::decode_on_exit(&written);
    assert!(again.is_ok_and(|again| wire::encode_on_exit(&again).unwrap_or_default() == written));
}
