#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::archive::{Archive, Entry, EntryKind};

fn entries(zip: &[u8]) -> Vec<Entry> {
    Archive::open(zip, &ArchiveLimits::default()).unwrap().entries().to_vec()
}

#[test]
fn folders_come_before_their_files_and_the_root_has_no_entry() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("ui/empty")).unwrap();
    fs::write(dir.path().join("ui/index.html"), "<p>").unwrap();
    fs::write(dir.path().join("ui-x"), "x").unwrap();
    fs::write(dir.path().join("manifest.json"), "[]").unwrap();
    let zip = zip_dir(dir.path()).unwrap();
    let found: Vec<_> = entries(&zip).into_iter().map(|entry| (entry.name, entry.kind)).collect();
    let expected = [
        ("manifest.json", EntryKind::File),
        ("ui", EntryKind::Folder),
        ("ui-x", EntryKind::File),
        ("ui/empty", EntryKind::Folder),
        ("ui/index.html", EntryKind::File),
    ];
    assert_eq!(found, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn the_same_contents_give_the_same_bytes_whatever_their_order_times_and_permissions() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (dir, names) in [(&a, ["x", "y", "z"]), (&b, ["z", "y", "x"])] {
        for name in names {
            fs::write(dir.path().join(name), name).unwrap();
        }
    }
    let file = fs::File::options().write(true).open(b.path().join("y")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let mut permissions = file.metadata().unwrap().permissions();
    permissions.set_readonly(true);
    file.set_permissions(permissions).unwrap();
    assert_eq!(zip_dir(a.path()).unwrap(), zip_dir(b.path()).unwrap());
}

#[cfg(unix)]
#[test]
fn a_symlink_does_not_bring_in_what_lies_outside() {
    let dir = tempfile::tempdir().unwrap();
    for target in ["/etc/hostname", "/etc", "nowhere"] {
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(target, &link).unwrap();
        assert!(matches!(zip_dir(dir.path()), Err(PackError::Special { what: "a symbolic link", .. })), "{target}");
        fs::remove_file(link).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn names_that_no_package_may_have_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    for name in [b"a\\b".as_slice(), b"a\nb", b"\xff"] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(std::ffi::OsStr::from_bytes(name)), "x").unwrap();
        assert!(matches!(zip_dir(dir.path()), Err(PackError::Name { .. })), "{name:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = zip_dir(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /nowhere/at/all"), "{error}");
}

#[test]
fn a_file_cannot_take_the_place_of_a_folder() {
    let mut tree = Tree::default();
    tree.add_file("a/b", Vec::new()).unwrap();
    assert!(matches!(tree.add_file("a", Vec::new()), Err(PackError::Collision { .. })));
    let mut tree = Tree::default();
    tree.add_file("a", Vec::new()).unwrap();
    assert!(matches!(tree.add_file("a/b", Vec::new()), Err(PackError::Collision { .. })));
}

#[test]
fn more_files_than_a_package_may_hold_are_refused() {
    let mut tree = Tree::default();
    let result = (0..10_001).try_for_each(|n| tree.add_file(&n.to_string(), Vec::new()));
    assert!(matches!(result, Err(PackError::Limit { max: 10_000, .. })));
}

proptest! {
    #[test]
    fn what_was_packed_is_read_back(
        files in prop::collection::btree_map("[a-z]{1,4}(/[a-z]{1,4}){0,2}", prop::collection::vec(any::<u8>(), 0..500), 0..8)
    ) {
        let mut tree = Tree::default();
        let mut packed = Vec::new();
        for (name, contents) in files {
            if tree.add_file(&name, contents.clone()).is_ok() {
                packed.push((name, contents));
            } else {
                // A file where a folder is, or the other way round: nothing that is left may be harmed.
                return Ok(());
            }
        }
        let zip = tree.to_zip().unwrap();
        let archive = Archive::open(&zip, &ArchiveLimits::default()).unwrap();
        archive.verify().unwrap();
        for (name, contents) in packed {
            prop_assert_eq!(archive.read(&name).unwrap(), contents);
        }
    }
}
