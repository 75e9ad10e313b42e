//! What a package may keep, and that it is counted right whatever happens.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use wharf_kernel::{Book, Limit};
use wharf_types::PackageId;
use wharf_types::vfs::VfsAction;

use super::zip_files::{Entry, zip_of};
use super::{Fixture, io_error, path};
use crate::storage::memory::MemoryStorage;
use crate::storage::{Create, OpenHow, Usage};
use crate::{Vfs, VfsLimits, VfsPath};

const FULL: &str = "Disk quota exceeded (os error 122)";
const MAKE: OpenHow = OpenHow { create: Create::IfMissing, ..OpenHow::READ_WRITE };

fn limited(bytes: u64, files: u64) -> Fixture {
    Fixture::with(VfsLimits { package_bytes_max: bytes, package_files_max: files, ..VfsLimits::default() })
}

fn package() -> PackageId {
    path("").package().clone()
}

impl Fixture {
    fn bytes(&self) -> u64 {
        self.vfs().usage(&package()).unwrap().bytes
    }

    fn assert_counted(&self) {
        let mut measured = Usage::default();
        measure(&self.home.path().join("vfs/files:sys"), &mut measured);
        assert_eq!(self.vfs().usage(&package()).unwrap(), measured);
    }
}

fn measure(folder: &Path, usage: &mut Usage) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        usage.files += 1;
        match entry.file_type().unwrap().is_dir() {
            true => measure(&entry.path(), usage),
            false => usage.bytes += entry.metadata().unwrap().len(),
        }
    }
}

#[test]
fn no_way_of_writing_gets_past_the_quota() {
    let files = limited(100, 1_000);
    files.ok("a", VfsAction::Write, Some(&[b'a'; 60]));
    let zip = zip_of(&[Entry::file("x", &[1; 41])]);
    let to = path("copy").to_string();
    for (action, blob) in [(VfsAction::Write, &[1; 41][..]), (VfsAction::AddZip, &zip)] {
        assert_eq!(files.error("b", action, Some(blob)), io_error(FULL));
    }
    assert_eq!(files.error("a", VfsAction::Append, Some(&[1; 41])), io_error(FULL));
    assert_eq!(files.error("a", VfsAction::SetLen(101), None), io_error(FULL));
    assert_eq!(files.error("a", VfsAction::CopyFile { new_path: to }, None), io_error(FULL));
    files.ok("a", VfsAction::WriteAll, Some(&[b'b'; 60]));
    assert_eq!(files.error("a", VfsAction::WriteAll, Some(&[1; 41])), io_error(FULL));
    assert_eq!((files.read("a"), files.staged(), files.bytes()), (vec![b'b'; 60], 0, 60));
    // What it may have, it gets to the last byte.
    files.ok("a", VfsAction::Append, Some(&[b'c'; 40]));
    files.ok("empty", VfsAction::CreateFile, None);
    assert_eq!(files.error("empty", VfsAction::Append, Some(b"x")), io_error(FULL));
    files.assert_counted();
}

#[test]
fn what_goes_makes_room_again() {
    let files = limited(100, 1_000);
    let full = [1; 100];
    files.ok("a", VfsAction::Write, Some(&full));
    // A file that takes another's place needs what it has more than that.
    files.ok("a", VfsAction::Write, Some(&full));
    files.ok("a", VfsAction::CreateFile, None);
    files.ok("a", VfsAction::SetLen(100), None);
    files.ok("a", VfsAction::SetLen(50), None);
    files.ok("b", VfsAction::Write, Some(&[1; 50]));
    files.ok("b", VfsAction::Rename { new_path: path("a").to_string() }, None);
    assert_eq!(files.bytes(), 50);
    files.ok("d/e", VfsAction::CreateDirAll, None);
    files.ok("d/e/c", VfsAction::Write, Some(&[1; 50]));
    files.ok("d", VfsAction::RemoveDirAll, None);
    files.ok("a", VfsAction::RemoveFile, None);
    files.ok("z", VfsAction::AddZip, Some(&zip_of(&[Entry::file("x", &full)])));
    files.assert_counted();
}

#[test]
fn files_and_folders_are_counted_too() {
    // The fixture's drive is one.
    let files = limited(1_000, 4);
    files.ok("a/b", VfsAction::CreateDirAll, None);
    files.ok("c", VfsAction::CreateFile, None);
    for (at, action) in [
        ("d", VfsAction::CreateFile),
        ("d", VfsAction::OpenFile { create: true }),
        ("d", VfsAction::CreateDir),
        ("d", VfsAction::CreateDirAll),
        ("d", VfsAction::Write),
        ("c", VfsAction::CopyFile { new_path: path("d").to_string() }),
    ] {
        assert_eq!(files.error(at, action.clone(), Some(b"x")), io_error(FULL), "{action:?}");
    }
    // What is there can be opened, replaced and made once more.
    files.ok("c", VfsAction::OpenFile { create: true }, None);
    files.ok("c", VfsAction::Write, Some(b"x"));
    files.ok("a/b", VfsAction::CreateDirAll, None);
    files.ok("a/b", VfsAction::RemoveDir, None);
    files.ok("d", VfsAction::CreateFile, None);
    files.assert_counted();
}

#[test]
fn a_removed_file_counts_until_it_is_closed() {
    let files = limited(100, 1_000);
    let open = files.vfs().open_file(&path("a"), MAKE).unwrap();
    open.append(&[1; 60]).unwrap();
    files.ok("a", VfsAction::RemoveFile, None);
    assert_eq!(files.error("b", VfsAction::Write, Some(&[1; 41])), io_error(FULL));
    let refused = open.append(&[1; 41]).unwrap_err();
    assert_eq!((refused.limit(), refused.raw_os_error()), (Some(Limit::PackageBytes), Some(122)));
    let again = files.vfs().open_file(&path("b"), MAKE).unwrap();
    again.append(&[1; 40]).unwrap();
    drop(open);
    assert_eq!(files.bytes(), 40);
    // The same for one that is replaced, or in a folder that is removed.
    files.ok("b", VfsAction::Write, Some(&[1; 10]));
    assert_eq!(files.bytes(), 50);
    files.ok("d", VfsAction::CreateDir, None);
    let inside = files.vfs().open_file(&path("d/x"), MAKE).unwrap();
    inside.set_len(50).unwrap();
    files.ok("d", VfsAction::RemoveDirAll, None);
    assert_eq!(files.error("c", VfsAction::Write, Some(b"x")), io_error(FULL));
    drop((again, inside));
    assert_eq!(files.bytes(), 10);
    files.assert_counted();
}

#[test]
fn moving_to_another_package_needs_room_there() {
    let other: VfsPath = "/other:sys/drive/x".parse().unwrap();
    let small = VfsLimits { package_bytes_max: 10, ..VfsLimits::default() };
    let home = tempfile::tempdir().unwrap();
    let settings = Book::new(VfsLimits::default(), [(other.package().clone(), small)]);
    let vfs = Vfs::open(home.path().to_owned(), settings).unwrap();
    vfs.create_drive(&path("")).unwrap();
    vfs.create_drive(&other).unwrap();
    vfs.create_dir(&path("d")).unwrap();
    vfs.write(&path("d/file"), &[1; 11]).unwrap();
    let refused = vfs.rename(&path("d"), &other).unwrap_err();
    assert_eq!(refused.limit(), Some(Limit::PackageBytes));
    vfs.write(&path("d/file"), &[1; 10]).unwrap();
    vfs.rename(&path("d"), &other).unwrap();
    let usage = |package: &PackageId| vfs.usage(package).unwrap();
    assert_eq!(usage(other.package()), Usage { bytes: 10, files: 3 });
    assert_eq!(usage(&package()), Usage { bytes: 0, files: 1 });
    vfs.remove_package(other.package()).unwrap();
    assert_eq!(usage(other.package()), Usage::default());
}

#[test]
fn writers_at_the_same_time_do_not_get_past_it_together() {
    let files = limited(1_000, 1_000);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let files = &files;
            scope.spawn(move || {
                for round in 0..100 {
                    let own = format!("{writer}");
                    // Each of these succeeds or fails by chance.
                    let _ = files.perform(&own, VfsAction::Write, Some(&[1; 300]));
                    let _ = files.perform("shared", VfsAction::OpenFile { create: true }, None);
                    let _ = files.perform("shared", VfsAction::Append, Some(&[1; 100]));
                    let _ = files.perform("shared", VfsAction::SetLen(round % 7 * 50), None);
                    let _ = files.perform("shared", VfsAction::Rename { new_path: path(&own).to_string() }, None);
                    let _ = files.perform(&own, VfsAction::RemoveFile, None);
                    assert!(files.bytes() <= 1_000);
                }
            });
        }
    });
    files.assert_counted();
}

#[test]
fn memory_is_a_storage_like_any_other() {
    let vfs = Vfs::over(Arc::new(MemoryStorage::new(100_000).unwrap()), VfsLimits::default());
    vfs.create_drive(&path("")).unwrap();
    vfs.write(&path("a"), b"bytes").unwrap();
    vfs.copy(&path("a"), &path("b")).unwrap();
    assert_eq!(vfs.read(&path("b")).unwrap(), b"bytes");
    let error = vfs.write(&path("c"), &[1; 100_000]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(vfs.usage(&package()).unwrap(), Usage { bytes: 10, files: 3 });
}

#[derive(Clone, Debug)]
enum Step {
    Write(u8, u16),
    Append(u8, u16),
    WriteAll(u8, u16),
    SetLen(u8, u16),
    Create(u8),
    Folder(u8),
    Remove(u8),
    RemoveAll(u8),
    Rename(u8, u8),
    Copy(u8, u8),
    Hold(u8),
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..8_u8;
    let len = 0..600_u16;
    prop_oneof![
        (at.clone(), len.clone()).prop_map(|(at, len)| Step::Write(at, len)),
        (at.clone(), len.clone()).prop_map(|(at, len)| Step::Append(at, len)),
        (at.clone(), len.clone()).prop_map(|(at, len)| Step::WriteAll(at, len)),
        (at.clone(), len).prop_map(|(at, len)| Step::SetLen(at, len)),
        at.clone().prop_map(Step::Create),
        at.clone().prop_map(Step::Folder),
        at.clone().prop_map(Step::Remove),
        at.clone().prop_map(Step::RemoveAll),
        (at.clone(), at.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        (at.clone(), at.clone()).prop_map(|(from, to)| Step::Copy(from, to)),
        at.prop_map(Step::Hold),
        Just(Step::Release),
    ]
}

/// A handful of places, some of them in folders that may or may not be there.
fn place(at: u8) -> String {
    ["a", "b", "c", "d", "d/a", "d/b", "e", "e/d"][usize::from(at)].to_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_is_counted_is_what_is_there(steps in proptest::collection::vec(step(), 1..60)) {
        let files = limited(2_000, 9);
        let mut held = Vec::new();
        for step in steps {
            let perform = |at: u8, action, len: u16| {
                let _ = files.perform(&place(at), action, Some(&vec![1; len.into()]));
            };
            let new_path = |to: u8| path(&place(to)).to_string();
            match step {
                Step::Write(at, len) => perform(at, VfsAction::Write, len),
                Step::Append(at, len) => perform(at, VfsAction::Append, len),
                Step::WriteAll(at, len) => perform(at, VfsAction::WriteAll, len),
                Step::SetLen(at, len) => perform(at, VfsAction::SetLen(len.into()), 0),
                Step::Create(at) => perform(at, VfsAction::CreateFile, 0),
                Step::Folder(at) => perform(at, VfsAction::CreateDirAll, 0),
                Step::Remove(at) => perform(at, VfsAction::RemoveFile, 0),
                Step::RemoveAll(at) => perform(at, VfsAction::RemoveDirAll, 0),
                Step::Rename(from, to) => perform(from, VfsAction::Rename { new_path: new_path(to) }, 0),
                Step::Copy(from, to) => perform(from, VfsAction::CopyFile { new_path: new_path(to) }, 0),
                Step::Hold(at) => held.extend(files.vfs().open_file(&path(&place(at)), MAKE)),
                Step::Release => held.clear(),
            }
            let usage = files.vfs().usage(&package()).unwrap();
            prop_assert!(usage.bytes <= 2_000 && usage.files <= 9, "{usage:?}");
        }
        held.clear();
        files.assert_counted();
    }
}
