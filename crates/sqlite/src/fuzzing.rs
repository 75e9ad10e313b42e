//! A door for fuzz targets. No part of the interface.

use crate::params;

/// The parameters of a statement.
pub fn parameters(bytes: &[u8]) {
    if let Ok(read) = params::read(Some(bytes)) {
        // What is kept is never less than what it is counted as, by more than a little for each.
        assert!(params::weight(&read) >= read.len());
    }
}
