#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use proptest::prelude::*;

use super::*;
use crate::pack::Tree;
use crate::test_zip::{RawEntry, raw_zip};

fn open(bytes: &[u8]) -> Result<Archive<'_>, ArchiveError> {
    Archive::open(bytes, &ArchiveLimits::default())
}

fn error_of(entries: &[RawEntry]) -> ArchiveError {
    open(&raw_zip(entries)).unwrap_err()
}

#[test]
fn a_plain_zip_is_read() {
    let zip = raw_zip(&[RawEntry::folder("ui/"), RawEntry::file("ui/a.txt", "hello"), RawEntry::file("A", "")]);
    let archive = open(&zip).unwrap();
    assert_eq!(archive.entries()[0], Entry { name: "ui".to_owned(), kind: EntryKind::Folder, size: 0 });
    assert_eq!(archive.read("ui/a.txt").unwrap(), b"hello");
    assert_eq!(archive.read("A").unwrap(), b"");
    assert!(matches!(archive.read("ui"), Err(ArchiveError::Missing { .. })));
    archive.verify().unwrap();
}

#[test]
fn s11_zip_slip_names_are_refused() {
    let hostile: [&[u8]; 13] = [
        b"../evil",
        b"a/../../evil",
        b"/etc/passwd",
        b"/",
        b"C:/evil",
        b"..\\evil",
        b"a\0b",
        b"a//b",
        b"./a",
        b"",
        b"a/..",
        b"\xff\xfe",
        b"../",
    ];
    for name in hostile {
        let error = error_of(&[RawEntry::file(name, "x")]);
        assert!(matches!(error, ArchiveError::Name { .. }), "{name:?}: {error}");
    }
}

#[test]
fn s11_symlinks_and_special_files_are_refused_whatever_system_made_them() {
    for mode in [0o120_777, 0o020_644, 0o060_644, 0o010_644, 0o140_644, 0o040_755] {
        let mut zip = raw_zip(&[RawEntry { mode, ..RawEntry::file("link", "/etc/passwd") }]);
        assert!(matches!(open(&zip), Err(ArchiveError::Special { .. })), "{mode:o}");
        // The same, claiming to be made by DOS: the byte after the version in the directory's header.
        let at = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        zip[at + 5] = 0;
        assert!(matches!(open(&zip), Err(ArchiveError::Special { .. })), "{mode:o} from DOS");
    }
}

#[test]
fn s11_two_entries_for_one_place_are_refused() {
    for pair in [
        [RawEntry::file("a", "1"), RawEntry::file("a", "2")],
        [RawEntry::folder("a/"), RawEntry::folder("a/")],
        [RawEntry::file("a", "1"), RawEntry::folder("a/")],
        [RawEntry::file("a", "1"), RawEntry::file("a/b", "2")],
        [RawEntry::file("a/b/c", "1"), RawEntry::file("a", "2")],
    ] {
        let error = error_of(&pair);
        assert!(matches!(error, ArchiveError::Collision { .. } | ArchiveError::Malformed(_)), "{pair:?}: {error}");
    }
    // Files here are told apart by case.
    assert_eq!(open(&raw_zip(&[RawEntry::file("a", "1"), RawEntry::file("A", "2")])).unwrap().read("A").unwrap(), b"2");
}

#[test]
fn a_bomb_is_refused_by_its_claim_before_anything_is_unpacked() {
    let mut tree = Tree::default();
    tree.add_file("zeros", vec![0; 1 << 20]).unwrap();
    let zip = tree.to_zip().unwrap();
    assert!(zip.len() < 10_000);
    let limits = ArchiveLimits { entry_bytes_max: 1 << 16, ..ArchiveLimits::default() };
    assert!(matches!(Archive::open(&zip, &limits), Err(ArchiveError::EntryTooBig { size: 0x10_0000, .. })));
    let limits = ArchiveLimits { total_bytes_max: 1 << 16, ..ArchiveLimits::default() };
    assert!(matches!(Archive::open(&zip, &limits), Err(ArchiveError::TooBig { .. })));
}

#[test]
fn a_bomb_that_lies_about_its_size_is_stopped_while_it_unpacks() {
    let mut tree = Tree::default();
    tree.add_file("zeros", vec![0; 8 << 20]).unwrap();
    let mut zip = tree.to_zip().unwrap();
    let at = zip.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    zip[at + 24..at + 28].copy_from_slice(&10_u32.to_le_bytes());
    let archive = open(&zip).unwrap();
    assert_eq!(archive.entries()[0].size, 10);
    for result in [archive.read("zeros").map(drop), archive.verify()] {
        let error = result.unwrap_err();
        let noticed = matches!(error, ArchiveError::SizeMismatch { claimed: 10, .. } | ArchiveError::Damaged { .. });
        assert!(noticed, "{error}");
    }
}

#[test]
fn a_claim_of_more_than_there_is_neither_allocates_nor_passes() {
    let zip = raw_zip(&[RawEntry { claimed_size: 128 << 20, ..RawEntry::file("a", "x") }]);
    assert!(open(&zip).unwrap().read("a").is_err());
    let many: Vec<_> =
        (0..3).map(|n| RawEntry { claimed_size: 100 << 20, ..RawEntry::file(format!("{n}"), "x") }).collect();
    assert!(matches!(error_of(&many), ArchiveError::TooBig { .. }));
}

#[test]
fn too_many_entries_are_refused_by_their_count() {
    let entries: Vec<_> = (0..11).map(|n| RawEntry::file(format!("{n}"), "")).collect();
    let limits = ArchiveLimits { entries_max: 10, ..ArchiveLimits::default() };
    let zip = raw_zip(&entries);
    assert!(matches!(Archive::open(&zip, &limits), Err(ArchiveError::TooManyEntries { count: 11, max: 10 })));
    assert!(open(&zip).is_ok());
}

#[test]
fn a_count_that_is_not_true_is_refused() {
    let mut zip = raw_zip(&[RawEntry::file("a", "x")]);
    let end = zip.len() - 22;
    for count in [2_u16, 5_000] {
        zip[end + 8..end + 10].copy_from_slice(&count.to_le_bytes());
        zip[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
        assert!(open(&zip).is_err(), "{count}");
    }
}

#[test]
fn a_zip64_record_that_claims_the_world_is_refused_unread() {
    let plain = raw_zip(&[RawEntry::file("a", "x")]);
    let (body, end) = plain.split_at(plain.len() - 22);
    let mut record = b"PK\x06\x06".to_vec();
    record.extend(44_u64.to_le_bytes());
    record.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for claim in [u64::MAX >> 1, u64::MAX >> 1, u64::MAX >> 2, 0] {
        record.extend(claim.to_le_bytes());
    }
    let mut locator = b"PK\x06\x07\0\0\0\0".to_vec();
    locator.extend((body.len() as u64).to_le_bytes());
    locator.extend(1_u32.to_le_bytes());
    let zip = [body, &record, &locator, end].concat();
    assert!(matches!(open(&zip), Err(ArchiveError::Malformed(_))));
}

/// The locator can hide at the end of the last name, where the end record's own numbers stay true.
#[test]
fn a_zip64_locator_hidden_in_a_name_is_refused() {
    let name = [b"x".as_slice(), b"PK\x06\x07aaaabbbbbbbbcccc"].concat();
    assert!(matches!(error_of(&[RawEntry::file(name, "")]), ArchiveError::Malformed(_)));
}

#[test]
fn an_end_record_hidden_in_the_comment_is_refused() {
    let good = raw_zip(&[RawEntry::file("a", "x")]);
    let hidden = raw_zip(&[RawEntry::file("b", "y")]);
    let mut zip = good.clone();
    let end = zip.len();
    zip[end - 2..].copy_from_slice(&(hidden.len() as u16).to_le_bytes());
    zip.extend(&hidden);
    assert!(open(&zip).is_err());
    let mut trailing = good.clone();
    trailing.push(0);
    assert!(matches!(open(&trailing), Err(ArchiveError::Malformed(_))));
    assert!(open(&[b"junk".as_slice(), &good].concat()).is_err());
}

#[test]
fn encrypted_and_unusual_compression_are_refused() {
    assert!(matches!(error_of(&[RawEntry { flags: 1, ..RawEntry::file("a", "x") }]), ArchiveError::Method { .. }));
    for method in [9, 12, 14, 93] {
        let error = error_of(&[RawEntry { method, ..RawEntry::file("a", "x") }]);
        assert!(matches!(error, ArchiveError::Method { .. }), "{method}: {error}");
    }
}

#[test]
fn damaged_data_is_noticed() {
    let mut zip = raw_zip(&[RawEntry::file("a", "hello")]);
    let at = zip.windows(5).position(|w| w == b"hello").unwrap();
    zip[at] ^= 1;
    assert!(matches!(open(&zip).unwrap().read("a"), Err(ArchiveError::Damaged { .. })));
}

#[test]
fn what_is_not_a_zip_is_called_so() {
    for bytes in [b"".as_slice(), b"PK", b"hello", b"PK\x05\x06", &[0; 100_000]] {
        assert!(matches!(open(bytes), Err(ArchiveError::NotAZip)), "{} bytes", bytes.len());
    }
}

/// Opens and reads everything: the only wrong outcome is a panic, or an entry that is not what its claim says.
fn read_all(bytes: &[u8]) {
    let limits = ArchiveLimits { entries_max: 100, entry_bytes_max: 1 << 20, total_bytes_max: 2 << 20 };
    let Ok(archive) = Archive::open(bytes, &limits) else { return };
    for entry in archive.entries() {
        assert_eq!(name::check(&entry.name), Ok(()));
        if let Ok(data) = archive.read(&entry.name) {
            assert_eq!(data.len() as u64, entry.size);
        }
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_all(&bytes);
    }

    #[test]
    fn a_truncated_zip_is_refused(cut in any::<prop::sample::Index>()) {
        let mut tree = Tree::default();
        tree.add_file("ui/a.txt", b"hello hello hello".to_vec()).unwrap();
        tree.add_file("b", b"x".to_vec()).unwrap();
        let zip = tree.to_zip().unwrap();
        prop_assert!(open(&zip[..cut.index(zip.len())]).is_err());
    }

    #[test]
    fn a_zip_with_flipped_bytes_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut tree = Tree::default();
        tree.add_file("ui/a.txt", vec![7; 4000]).unwrap();
        tree.add_file("b", b"x".to_vec()).unwrap();
        let mut zip = tree.to_zip().unwrap();
        for (at, value) in changes {
            let at = at.index(zip.len());
            zip[at] = value;
        }
        read_all(&zip);
    }

    #[test]
    fn entries_of_any_name_and_mode_are_plain_or_refused(
        entries in prop::collection::vec(("[a-c./\\\\:\0]{0,6}", any::<u16>(), 0_u16..16, 0_u32..100), 0..4)
    ) {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(name, mode, method, claimed_size)| RawEntry {
                mode: u32::from(mode), method, claimed_size, ..RawEntry::file(name, "data")
            })
            .collect();
        read_all(&raw_zip(&entries));
    }
}
