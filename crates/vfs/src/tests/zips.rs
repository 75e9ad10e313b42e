//! S11: a zip writes beneath its target, or not at all.

use std::io::{Cursor, Write};

use proptest::prelude::*;
use wharf_types::vfs::{VfsAction, VfsError};
use zip::write::SimpleFileOptions;

use super::zip_files::{Entry, zip_of};
use super::{Fixture, io_error};
use crate::VfsLimits;

fn compressed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// That the zip is refused, and that nothing of it is there.
fn assert_refused(files: &Fixture, zip: &[u8], what: &str) -> VfsError {
    let before = files.tree("");
    let error = files.error("target", VfsAction::AddZip, Some(zip));
    assert_eq!((files.tree(""), files.staged()), (before, 0), "{what}");
    error
}

#[test]
fn a_zip_is_unpacked_with_the_folders_it_only_implies() {
    let files = Fixture::new();
    let zip = zip_of(&[
        Entry::folder("empty/"),
        Entry::file("a", b"1"),
        Entry::file("./b/c/d", b"2").with_mode(0),
        Entry::folder("b/"),
    ]);
    files.ok("target/deep", VfsAction::AddZip, Some(&zip));
    let expected = ["a", "b", "b/c", "b/c/d", "empty"].map(|name| format!("target/deep/{name}"));
    assert_eq!(files.tree("target/deep"), expected);
    assert_eq!(files.read("target/deep/b/c/d"), b"2");
    let newer = compressed(&[("a", b"newer"), ("b/e", &[7; 100_000])]);
    files.ok("target/deep", VfsAction::AddZip, Some(&newer));
    assert_eq!(files.read("target/deep/a"), b"newer");
    assert_eq!(files.read("target/deep/b/c/d"), b"2");
    assert_eq!(files.read("target/deep/b/e"), [7; 100_000]);
    assert_eq!(files.staged(), 0);
}

#[test]
fn s11_zip_slip() {
    let files = Fixture::new();
    for name in [
        "../x",
        "/x",
        "a/../../x",
        "a/../x",
        "..",
        "a/..",
        "..\\x",
        "C:\\x",
        "\\x",
        "a\0b",
        "//x",
        "a//b",
        "",
        "/",
        "./",
        "a/./b",
    ] {
        let zip = zip_of(&[Entry::file("fine", b"1"), Entry::file(name, b"2")]);
        assert_eq!(assert_refused(&files, &zip, name), VfsError::UnzipError, "{name:?}");
    }
    assert_eq!(std::fs::read_dir(files.home.path()).unwrap().count(), 1);
}

#[test]
fn s11_links_and_special_files() {
    let files = Fixture::new();
    for mode in [0o120_777, 0o010_644, 0o020_644, 0o060_644, 0o140_644, 0o040_755] {
        let zip = zip_of(&[Entry::file("fine", b"1"), Entry::file("x", b"/etc/passwd").with_mode(mode)]);
        assert_eq!(assert_refused(&files, &zip, "mode"), VfsError::UnzipError, "{mode:o}");
    }
    let zip = zip_of(&[Entry::file("x/", b"content")]);
    assert_eq!(assert_refused(&files, &zip, "folder with content"), VfsError::UnzipError);
}

#[test]
fn s11_collisions() {
    let files = Fixture::new();
    let pairs = [["x", "x"], ["x", "./x"], ["x", "x/y"], ["x/y", "x"], ["x", "x/"], ["x/", "x"]];
    for names in pairs {
        let zip = zip_of(&names.map(|name| Entry::file(name, b"")));
        assert_eq!(assert_refused(&files, &zip, "collision"), VfsError::UnzipError, "{names:?}");
    }
}

#[test]
fn s11_zip_bomb() {
    let limits = VfsLimits { zip_bytes_max: 1 << 20, ..VfsLimits::default() };
    let files = Fixture::with(limits);
    let zeros = vec![0; 700 << 10];
    files.ok("fits", VfsAction::AddZip, Some(&compressed(&[("a", &zeros)])));
    let bomb = compressed(&[("a", &zeros), ("b", &zeros)]);
    let error = assert_refused(&files, &bomb, "bomb");
    assert!(matches!(error, VfsError::ParseError { .. }), "{error:?}");
    // The same with a directory that announces next to nothing.
    let mut liar = bomb;
    let announced = u32::try_from(zeros.len()).unwrap().to_le_bytes();
    let places: Vec<usize> = (0..liar.len() - 4).filter(|at| liar[*at..at + 4] == announced).collect();
    for at in places {
        liar[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
    }
    assert!(matches!(assert_refused(&files, &liar, "liar"), VfsError::ParseError { .. }));
}

#[test]
fn s11_too_many_entries_or_folders() {
    let limits = VfsLimits { zip_entries_max: 10, zip_depth_max: 5, ..VfsLimits::default() };
    let files = Fixture::with(limits);
    let many: Vec<_> = (0..11).map(|number| Entry::file(&number.to_string(), b"")).collect();
    let error = assert_refused(&files, &zip_of(&many), "entries");
    assert!(matches!(error, VfsError::ParseError { .. }), "{error:?}");
    let implied: Vec<_> = (0..6).map(|number| Entry::file(&format!("{number}/x"), b"")).collect();
    assert_eq!(assert_refused(&files, &zip_of(&implied), "implied"), VfsError::UnzipError);
    let deep = zip_of(&[Entry::file("1/2/3/4/5/x", b"")]);
    assert_eq!(assert_refused(&files, &deep, "deep"), VfsError::UnzipError);
    files.ok("target", VfsAction::AddZip, Some(&zip_of(&many[..10])));
}

#[test]
fn what_is_damaged_or_no_zip_is_a_parse_error() {
    let files = Fixture::new();
    let whole = compressed(&[("a", b"some content to damage"), ("b", b"more")]);
    let mut damaged = whole.clone();
    let at = damaged.windows(4).position(|window| window == b"PK\x01\x02").unwrap() - 2;
    damaged[at] ^= 0xff;
    let wrong_crc = zip_of(&[Entry::file("a", b"1"), Entry { crc: 1, ..Entry::file("b", b"2") }]);
    for zip in [b"".to_vec(), b"no zip at all".to_vec(), whole[..whole.len() - 30].to_vec(), damaged, wrong_crc] {
        let error = assert_refused(&files, &zip, "damaged");
        assert!(matches!(error, VfsError::ParseError { .. }), "{error:?}");
    }
}

#[test]
fn nothing_appears_when_something_is_in_the_way() {
    let files = Fixture::new();
    files.ok("target/x", VfsAction::CreateDirAll, None);
    files.ok("target/y", VfsAction::Write, Some(b"mine"));
    let over_folder = zip_of(&[Entry::file("a", b"1"), Entry::file("x", b"2")]);
    assert_eq!(assert_refused(&files, &over_folder, "folder"), io_error("Is a directory (os error 21)"));
    let under_file = zip_of(&[Entry::file("a", b"1"), Entry::file("y/z", b"2")]);
    assert_eq!(assert_refused(&files, &under_file, "file"), io_error("Not a directory (os error 20)"));
    let over_file = zip_of(&[Entry::file("a", b"1"), Entry::folder("y/")]);
    assert_eq!(assert_refused(&files, &over_file, "file"), io_error("Not a directory (os error 20)"));
    assert_eq!(files.read("target/y"), b"mine");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn names_in_a_zip_stay_beneath_the_target(
        names in prop::collection::vec("(\\.\\./|/|\\./|a/|b/|\\\\){0,4}(a|b|\\.\\.|c)/?", 1..4),
    ) {
        let files = Fixture::new();
        let entries: Vec<_> = names.iter().map(|name| Entry::file(name, b"")).collect();
        let done = files.perform("target", VfsAction::AddZip, Some(&zip_of(&entries)));
        prop_assert_eq!(files.staged(), 0);
        let top = files.tree("").into_iter().filter(|name| name != "target" && !name.starts_with("target/")).count();
        prop_assert_eq!(top, 0, "{:?}", names);
        prop_assert_eq!(std::fs::read_dir(files.home.path()).unwrap().count(), 1);
        prop_assert_eq!(done.is_ok(), !files.tree("").is_empty());
    }

    #[test]
    fn damage_never_panics(cut in 0_usize..200, flips in prop::collection::vec((0_usize..300, 1_u8..), 0..4)) {
        let files = Fixture::with(VfsLimits { zip_bytes_max: 1 << 16, zip_entries_max: 16, ..VfsLimits::default() });
        let mut zip = compressed(&[("a", b"content"), ("b/c", &[3; 500])]);
        for (at, flip) in flips {
            let length = zip.len();
            zip[at % length] ^= flip;
        }
        if cut > 100 { zip.truncate(zip.len().saturating_sub(cut - 100)); }
        let _ = files.perform("target", VfsAction::AddZip, Some(&zip));
        prop_assert_eq!(files.staged(), 0);
    }
}
