//! Which texts are paths.

use proptest::prelude::*;

use crate::{PathError, Segment, VfsPath};

fn parsed(text: &str) -> Result<String, PathError> {
    text.parse::<VfsPath>().map(|path| path.to_string())
}

#[test]
fn a_path_is_resolved_lexically() {
    for (text, path) in [
        ("/a:b/c", "/a:b/c"),
        ("a:b/c/", "/a:b/c"),
        ("\\a:b/c", "/a:b/c"),
        ("//a:b//c///d", "/a:b/c/d"),
        ("/a:b/./c/./d/../e", "/a:b/c/e"),
        ("/a:b/c/d/..", "/a:b/c"),
        ("/a:b/c/...", "/a:b/c/..."),
    ] {
        assert_eq!(parsed(text).as_deref(), Ok(path), "{text}");
    }
    let path: VfsPath = "/a:b/c/d/e".parse().unwrap();
    assert_eq!(path.drive().to_string(), "/a:b/c");
    assert_eq!(path.rest().iter().map(Segment::as_str).collect::<Vec<_>>(), ["d", "e"]);
    assert!(path.drive().is_drive() && !path.is_drive());
}

#[test]
fn a_path_never_climbs_out_of_its_drive() {
    for text in ["/a:b/c/..", "/a:b/c/../d", "/a:b/c/d/../../e", "/..", "../a:b/c", "/a:b/../x:y/c"] {
        assert_eq!(parsed(text), Err(PathError::Outside), "{text}");
    }
}

#[test]
fn what_is_no_path_is_refused() {
    for text in ["", "/", "a:b", "/a:b/", "/a:b/."] {
        assert_eq!(parsed(text), Err(PathError::TooShort), "{text}");
    }
    for text in ["/a:b/c/d\0", "/a:b/c\\..\\d", "/a:b/c/d\\e"] {
        assert_eq!(parsed(text), Err(PathError::Name), "{text}");
    }
    for text in ["/ab/c", "/.staging/0", "/a:b:c/d", "/:b/c", "/a:/c"] {
        assert!(matches!(parsed(text), Err(PathError::Package(_))), "{text}");
    }
    assert_eq!(parsed(&format!("/a:b/c/{}", "x".repeat(256))), Err(PathError::TooLong));
    assert_eq!(parsed(&format!("/a:b/c/{}", "x/".repeat(3_000))), Err(PathError::TooLong));
}

#[test]
fn a_package_that_was_never_parsed_makes_no_path() {
    let package = wharf_types::PackageId { package_name: "../..".into(), publisher_node: "x".into() };
    assert!(VfsPath::drive_of(&package, "drive").is_err());
    assert!(VfsPath::drive_of(&"a:b".parse().unwrap(), "../x").is_err());
    assert_eq!(VfsPath::drive_of(&"a:b".parse().unwrap(), "c").unwrap().to_string(), "/a:b/c");
}

proptest! {
    #[test]
    fn a_parsed_path_has_only_plain_names(
        parts in prop::collection::vec(prop_oneof![Just("..".to_owned()), Just(".".to_owned()), Just(String::new()),
            Just("a:b".to_owned()), "[a-c/\\\\.\u{0}:]{0,6}", "\\PC{0,8}"], 0..12),
    ) {
        let text = parts.join("/");
        if let Ok(path) = text.parse::<VfsPath>() {
            for segment in path.segments() {
                prop_assert!(Segment::new(segment.as_str()).is_ok(), "{text:?}");
            }
            prop_assert!(path.segments().len() >= 2);
            prop_assert_eq!(path.segments()[0].as_str(), path.package().to_string());
            // Reading what was written gives the same path.
            prop_assert_eq!(path.to_string().parse::<VfsPath>().unwrap(), path.clone());
            prop_assert_eq!(path.without_slash().parse::<VfsPath>().unwrap(), path);
        }
    }
}
