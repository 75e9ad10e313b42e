//! From an open folder and a text to a path of the vfs.
//!
//! A text never leads out of the folder that it is resolved in: that folder is all the guest was given.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wharf_vfs::{PathError, VfsPath};

/// What `text` names in `folder`.
pub(crate) fn resolve(folder: &VfsPath, text: &str) -> Result<VfsPath, ErrorCode> {
    if text.is_empty() {
        return Err(ErrorCode::NoEntry);
    }
    if text.starts_with('/') {
        return Err(ErrorCode::NotPermitted);
    }
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." if names.pop().is_none() => return Err(ErrorCode::NotPermitted),
            ".." => {}
            name => names.push(name),
        }
    }
    if names.is_empty() {
        return Ok(folder.clone());
    }
    format!("{folder}/{}", names.join("/")).parse().map_err(|error| match error {
        PathError::TooLong => ErrorCode::NameTooLong,
        PathError::Outside => ErrorCode::NotPermitted,
        PathError::Name | PathError::TooShort | PathError::Package(_) => ErrorCode::Invalid,
    })
}

/// What `text` names in `folder`, if it is not the folder itself, which nobody moves or removes from within.
pub(crate) fn resolve_entry(folder: &VfsPath, text: &str) -> Result<VfsPath, ErrorCode> {
    let path = resolve(folder, text)?;
    if path == *folder { Err(ErrorCode::Invalid) } else { Ok(path) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folder() -> VfsPath {
        "/a:b.os/tmp/x".parse().unwrap()
    }

    #[test]
    fn a_text_stays_in_its_folder() {
        let at = |text: &str| resolve(&folder(), text).map(|path| path.to_string());
        let inside = |text: &str| Ok(format!("/a:b.os/tmp/x{text}"));
        for (text, path) in [
            ("y", "/y"),
            ("y/z/", "/y/z"),
            ("./y//z", "/y/z"),
            ("y/../z", "/z"),
            (".", ""),
            ("y/..", ""),
            ("...", "/..."),
        ] {
            assert_eq!(at(text), inside(path), "{text}");
        }
        for text in ["..", "../x", "y/../../x", "/", "/y", "/a:b.os/tmp/x/y"] {
            assert_eq!(at(text), Err(ErrorCode::NotPermitted), "{text}");
        }
        assert_eq!(at(""), Err(ErrorCode::NoEntry));
        assert_eq!(at("a\\b"), Err(ErrorCode::Invalid));
        assert_eq!(at("a\0b"), Err(ErrorCode::Invalid));
        assert_eq!(at(&"n".repeat(256)), Err(ErrorCode::NameTooLong));
        for text in [".", "y/.."] {
            assert_eq!(resolve_entry(&folder(), text), Err(ErrorCode::Invalid));
        }
    }

    proptest! {
        #[test]
        fn no_text_leads_out(parts in proptest::collection::vec("\\.\\.|\\.|[a-c]|", 0..12)) {
            if let Ok(path) = resolve(&folder(), &parts.join("/")) {
                let text = format!("{path}/");
                prop_assert!(text.starts_with("/a:b.os/tmp/x/"), "{}", text);
            }
        }
    }
}
