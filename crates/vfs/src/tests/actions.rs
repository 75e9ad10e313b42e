//! Each action, as guests see it.

use std::os::unix::fs::PermissionsExt;

use wharf_types::vfs::{DirEntry, FileMetadata, FileType, SeekFrom, VfsAction, VfsError, VfsResponse};

use super::{Fixture, io_error, path};
use crate::cursor::Who;
use crate::{Vfs, VfsLimits, VfsPath};

const NOT_FOUND: &str = "No such file or directory (os error 2)";

#[test]
fn write_replaces_the_whole_file_and_read_returns_it() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"first and long"));
    files.ok("a", VfsAction::Write, Some(b"second"));
    assert_eq!(files.perform("a", VfsAction::Read, None), Ok((VfsResponse::Read, Some(b"second".to_vec()))));
    assert_eq!(files.perform("a", VfsAction::Len, None), Ok((VfsResponse::Len(6), None)));
    assert_eq!(files.staged(), 0);
    assert_eq!(files.tree(""), ["a"]);
}

#[test]
fn what_is_missing_is_an_io_error_with_the_systems_text() {
    let files = Fixture::new();
    for action in [
        VfsAction::Read,
        VfsAction::ReadDir,
        VfsAction::ReadToEnd,
        VfsAction::Metadata,
        VfsAction::Len,
        VfsAction::Hash,
        VfsAction::OpenFile { create: false },
        VfsAction::Append,
        VfsAction::WriteAll,
        VfsAction::RemoveFile,
        VfsAction::RemoveDir,
        VfsAction::RemoveDirAll,
        VfsAction::SetLen(1),
        VfsAction::Seek(SeekFrom::Start(1)),
        VfsAction::SyncAll,
        VfsAction::CopyFile { new_path: path("b").to_string() },
        VfsAction::Rename { new_path: path("b").to_string() },
    ] {
        assert_eq!(files.error("missing", action.clone(), Some(b"x")), io_error(NOT_FOUND), "{action:?}");
    }
    assert_eq!(files.error("no/folder", VfsAction::Write, Some(b"x")), io_error(NOT_FOUND));
    assert_eq!(files.error("no/folder", VfsAction::CreateDir, None), io_error(NOT_FOUND));
    let elsewhere: VfsPath = "/files:sys/other".parse().unwrap();
    let listed = files.perform_at(&elsewhere, VfsAction::ReadDir, None);
    assert_eq!(listed, Err(io_error(NOT_FOUND)));
    assert_eq!(files.staged(), 0);
}

#[test]
fn an_action_that_needs_bytes_says_so() {
    let files = Fixture::new();
    for action in [VfsAction::Write, VfsAction::WriteAll, VfsAction::Append, VfsAction::AddZip] {
        assert_eq!(files.error("a", action, None), VfsError::NoBlob);
    }
}

#[test]
fn a_process_has_one_cursor_per_path() {
    let files = Fixture::new();
    files.ok("a", VfsAction::CreateFile, None);
    files.ok("a", VfsAction::WriteAll, Some(b"0123"));
    files.ok("a", VfsAction::WriteAll, Some(b"4567"));
    assert_eq!(files.perform("a", VfsAction::ReadToEnd, None), Ok((VfsResponse::Read, Some(Vec::new()))));
    files.ok("a", VfsAction::OpenFile { create: false }, None);
    let exact = |length| files.perform("a", VfsAction::ReadExact { length }, None);
    assert_eq!(exact(3), Ok((VfsResponse::Read, Some(b"012".to_vec()))));
    assert_eq!(exact(6), Err(io_error("failed to fill whole buffer")));
    let text = files.perform("a", VfsAction::ReadToString, None);
    assert_eq!(text, Ok((VfsResponse::ReadToString("34567".into()), None)));
    // Another process begins at the start.
    let other = Who { process: "other:files:sys".parse().unwrap(), life: None };
    let read = files.desk.perform(&other, &path("a"), VfsAction::ReadToEnd, None);
    assert_eq!(read.unwrap(), (VfsResponse::Read, Some(b"01234567".to_vec())));
    files.ok("a", VfsAction::CloseFile, None);
    assert_eq!(exact(2), Ok((VfsResponse::Read, Some(b"01".to_vec()))));
}

#[test]
fn seek_moves_from_start_end_and_here() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"0123456789"));
    let seek = |to| match files.perform("a", VfsAction::Seek(to), None) {
        Ok((VfsResponse::SeekFrom { new_offset }, None)) => Ok(new_offset),
        Err(error) => Err(error),
        other => panic!("{other:?}"),
    };
    assert_eq!(seek(SeekFrom::Start(4)), Ok(4));
    assert_eq!(seek(SeekFrom::Current(2)), Ok(6));
    assert_eq!(seek(SeekFrom::End(-4)), Ok(6));
    for to in [SeekFrom::Current(-7), SeekFrom::End(-11), SeekFrom::Start(u64::MAX)] {
        assert_eq!(seek(to), Err(io_error("Invalid argument (os error 22)")), "{to:?}");
    }
    assert_eq!(seek(SeekFrom::Current(0)), Ok(6));
    files.ok("a", VfsAction::WriteAll, Some(b"xx"));
    assert_eq!(files.read("a"), b"012345xx89");
    // Beyond the end is a place too; what lies between reads as zeros.
    assert_eq!(seek(SeekFrom::End(2)), Ok(12));
    assert_eq!(files.perform("a", VfsAction::ReadToEnd, None), Ok((VfsResponse::Read, Some(Vec::new()))));
    files.ok("a", VfsAction::WriteAll, Some(b"z"));
    assert_eq!(files.read("a"), b"012345xx89\0\0z");
}

#[test]
fn append_set_len_sync_and_hash() {
    let files = Fixture::new();
    files.ok("a", VfsAction::OpenFile { create: true }, None);
    files.ok("a", VfsAction::Append, Some(b"ab"));
    files.ok("a", VfsAction::Append, Some(b"c"));
    files.ok("a", VfsAction::SyncAll, None);
    let hash = ring::digest::digest(&ring::digest::SHA256, b"abc").as_ref().try_into().unwrap();
    assert_eq!(files.perform("a", VfsAction::Hash, None), Ok((VfsResponse::Hash(hash), None)));
    files.ok("a", VfsAction::SetLen(1), None);
    assert_eq!(files.read("a"), b"a");
    files.ok("a", VfsAction::SetLen(3), None);
    assert_eq!(files.read("a"), b"a\0\0");
    files.ok("a", VfsAction::CreateFile, None);
    assert_eq!(files.read("a"), b"");
}

#[test]
fn text_that_is_no_text_can_still_be_read_as_bytes() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(&[b'a', 0xff]));
    let error = files.error("a", VfsAction::ReadToString, None);
    assert_eq!(error, io_error("stream did not contain valid UTF-8"));
    assert_eq!(files.perform("a", VfsAction::ReadToEnd, None), Ok((VfsResponse::Read, Some(vec![b'a', 0xff]))));
}

#[test]
fn folders_are_made_listed_and_removed() {
    let files = Fixture::new();
    files.ok("b/c/d", VfsAction::CreateDirAll, None);
    files.ok("b/c/d", VfsAction::CreateDirAll, None);
    files.ok("a", VfsAction::CreateDir, None);
    files.ok("b/file", VfsAction::Write, Some(b"x"));
    assert_eq!(files.error("a", VfsAction::CreateDir, None), io_error("File exists (os error 17)"));
    let entry = |path: &str, file_type| DirEntry { path: format!("files:sys/drive/b/{path}"), file_type };
    let entries = vec![entry("c", FileType::Directory), entry("file", FileType::File)];
    assert_eq!(files.perform("b", VfsAction::ReadDir, None), Ok((VfsResponse::ReadDir(entries), None)));
    assert_eq!(files.error("b", VfsAction::RemoveDir, None), io_error("Directory not empty (os error 39)"));
    assert_eq!(files.error("b/file", VfsAction::RemoveDirAll, None), io_error("Not a directory (os error 20)"));
    assert_eq!(files.error("b", VfsAction::RemoveFile, None), io_error("Is a directory (os error 21)"));
    assert_eq!(files.error("b", VfsAction::Write, Some(b"x")), io_error("Is a directory (os error 21)"));
    files.ok("b/file", VfsAction::RemoveFile, None);
    files.ok("a", VfsAction::RemoveDir, None);
    files.ok("b", VfsAction::RemoveDirAll, None);
    assert_eq!(files.tree(""), Vec::<String>::new());
    assert_eq!(files.staged(), 0);
}

#[test]
fn a_tree_deeper_than_any_path_is_removed() {
    let files = Fixture::new();
    let (chain, deep) = ("d/".repeat(500), "d/".repeat(499));
    for _ in 0..8 {
        files.ok(&chain, VfsAction::CreateDirAll, None);
        files.ok(&format!("{deep}file"), VfsAction::Write, Some(b"x"));
        files.ok("e", VfsAction::CreateDirAll, None);
        files.ok("e", VfsAction::Rename { new_path: path(&format!("{chain}e")).to_string() }, None);
        files.ok("d", VfsAction::Rename { new_path: path("e").to_string() }, None);
    }
    files.ok("e", VfsAction::RemoveDirAll, None);
    assert_eq!((files.tree(""), files.staged()), (Vec::new(), 0));
}

#[test]
fn metadata_tells_kind_and_length() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"abc"));
    let metadata = FileMetadata { file_type: FileType::File, len: 3 };
    assert_eq!(files.perform("a", VfsAction::Metadata, None), Ok((VfsResponse::Metadata(metadata), None)));
    let (response, _) = files.perform("", VfsAction::Metadata, None).unwrap();
    assert!(matches!(response, VfsResponse::Metadata(FileMetadata { file_type: FileType::Directory, .. })));
}

#[test]
fn rename_moves_and_copy_copies() {
    let files = Fixture::new();
    let to = |rest: &str| path(rest).to_string();
    files.ok("a", VfsAction::Write, Some(b"new"));
    files.ok("b", VfsAction::Write, Some(b"old"));
    files.ok("a", VfsAction::CopyFile { new_path: to("b") }, None);
    assert_eq!((files.read("a"), files.read("b")), (b"new".to_vec(), b"new".to_vec()));
    files.ok("d", VfsAction::CreateDir, None);
    files.ok("a", VfsAction::Rename { new_path: to("d/c") }, None);
    assert_eq!(files.tree(""), ["b", "d", "d/c"]);
    assert_eq!(
        files.error("d", VfsAction::Rename { new_path: to("d/e") }, None),
        io_error("Invalid argument (os error 22)")
    );
    assert_eq!(files.error("b", VfsAction::Rename { new_path: "/nowhere".into() }, None), VfsError::MalformedRequest);
}

#[test]
fn a_drive_is_not_a_file_and_does_not_move() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"x"));
    let other = "/files:sys/other";
    assert_eq!(files.error("", VfsAction::Rename { new_path: other.into() }, None), VfsError::MalformedRequest);
    let is_folder = io_error("Is a directory (os error 21)");
    assert_eq!(files.error("a", VfsAction::CopyFile { new_path: other.into() }, None), is_folder);
    let written = files.perform_at(&other.parse().unwrap(), VfsAction::Write, Some(b"x"));
    assert_eq!(written, Err(is_folder));
    let opened = VfsAction::OpenFile { create: true };
    assert!(files.perform_at(&other.parse().unwrap(), opened, None).is_err());
    assert_eq!(std::fs::read_dir(files.home.path().join("vfs/files:sys")).unwrap().count(), 1);
}

#[test]
fn a_drive_comes_and_goes() {
    let files = Fixture::new();
    files.ok("", VfsAction::CreateDrive, None);
    files.ok("a/b", VfsAction::CreateDirAll, None);
    assert_eq!(files.vfs().packages().unwrap(), [path("").package().clone()]);
    files.ok("", VfsAction::RemoveDirAll, None);
    assert_eq!(files.error("", VfsAction::ReadDir, None), io_error(NOT_FOUND));
    files.vfs().remove_package(path("").package()).unwrap();
    files.vfs().remove_package(path("").package()).unwrap();
    assert_eq!(files.vfs().packages().unwrap(), []);
}

#[test]
fn c11_an_announced_length_takes_no_memory() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"abc"));
    let error = files.error("a", VfsAction::ReadExact { length: u64::MAX }, None);
    assert_eq!(error, io_error("failed to fill whole buffer"));
}

#[test]
fn sizes_are_bounded() {
    let limits = VfsLimits {
        file_bytes_max: 8,
        read_bytes_max: 4,
        text_bytes_max: 4,
        dir_entries_max: 2,
        ..VfsLimits::default()
    };
    let files = Fixture::with(limits);
    let too_large = io_error("File too large (os error 27)");
    files.ok("a", VfsAction::Write, Some(b"12345"));
    assert_eq!(files.error("a", VfsAction::Read, None), too_large);
    assert_eq!(files.error("a", VfsAction::ReadToEnd, None), too_large);
    assert_eq!(files.error("a", VfsAction::ReadExact { length: 5 }, None), too_large);
    assert_eq!(files.error("a", VfsAction::Append, Some(b"1234")), too_large);
    assert_eq!(files.error("a", VfsAction::SetLen(9), None), too_large);
    assert_eq!(files.error("a", VfsAction::Write, Some(b"123456789")), too_large);
    let seek = VfsAction::Seek(SeekFrom::Start(i64::MAX as u64));
    assert!(files.perform("a", seek, None).is_ok());
    assert_eq!(files.error("a", VfsAction::WriteAll, Some(b"1")), too_large);
    assert!(files.perform("a", VfsAction::ReadToString, None).is_ok(), "from beyond the end nothing is read");
    files.ok("a", VfsAction::CloseFile, None);
    assert_eq!(files.error("a", VfsAction::ReadToString, None), too_large);
    for name in ["b", "c"] {
        files.ok(name, VfsAction::CreateFile, None);
    }
    assert_eq!(files.error("", VfsAction::ReadDir, None), io_error("the folder has more than 2 entries"));
    files.ok("c", VfsAction::RemoveFile, None);
    let too_much = io_error("the paths of the entries have more than 4 bytes");
    assert_eq!(files.error("", VfsAction::ReadDir, None), too_much);
}

#[test]
fn files_and_folders_are_the_owners_alone() {
    let files = Fixture::new();
    files.ok("d/e", VfsAction::CreateDirAll, None);
    files.ok("a", VfsAction::CreateFile, None);
    files.ok("b", VfsAction::Write, Some(b"x"));
    let mode = |rest: &str| std::fs::metadata(files.host(rest)).unwrap().permissions().mode() & 0o777;
    assert_eq!(["", "d", "d/e", "a", "b"].map(mode), [0o700, 0o700, 0o700, 0o600, 0o600]);
    assert_eq!(std::fs::metadata(files.home.path().join("vfs")).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn what_a_crash_left_behind_goes_at_the_next_start() {
    let files = Fixture::new();
    files.ok("a", VfsAction::Write, Some(b"kept"));
    let staging = files.home.path().join("vfs/.staging");
    std::fs::create_dir_all(staging.join("7/x/y")).unwrap();
    std::fs::write(staging.join("7/x/file"), "half").unwrap();
    std::fs::write(staging.join("8"), "half").unwrap();
    let again = Vfs::open(files.home.path().join("vfs"), VfsLimits::default()).unwrap();
    assert_eq!(files.staged(), 0);
    assert_eq!(again.read(&path("a")).unwrap(), b"kept");
    again.write(&path("a"), b"new").unwrap();
}

#[test]
fn readers_see_the_old_or_the_new_file() {
    let files = Fixture::new();
    let sizes = [10_000, 100_000];
    files.ok("a", VfsAction::Write, Some(&vec![b'a'; sizes[0]]));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..40 {
                let (byte, size) = if round % 2 == 0 { (b'b', sizes[1]) } else { (b'a', sizes[0]) };
                files.ok("a", VfsAction::Write, Some(&vec![byte; size]));
            }
        });
        while !writer.is_finished() {
            let bytes = files.read("a");
            assert!(sizes.contains(&bytes.len()));
            assert!(bytes.iter().all(|byte| *byte == bytes[0]));
        }
    });
}

#[test]
fn reading_and_writing_at_an_offset_has_nothing_to_do_with_cursors() {
    let files = Fixture::new();
    files.ok("a", VfsAction::CreateNew, None);
    assert_eq!(files.error("a", VfsAction::CreateNew, None), io_error("File exists (os error 17)"));
    files.ok("a", VfsAction::WriteAt { offset: 2 }, Some(b"cdef"));
    files.ok("a", VfsAction::WriteAt { offset: 0 }, Some(b"ab"));
    files.perform("a", VfsAction::Seek(SeekFrom::Start(4)), None).unwrap();
    let at = |offset, length| files.perform("a", VfsAction::ReadAt { offset, length }, None).unwrap().1.unwrap();
    assert_eq!([at(0, 3), at(4, 100), at(6, 1), at(u64::MAX, u64::MAX)], [&b"abc"[..], b"ef", b"", b""]);
    assert_eq!(files.perform("a", VfsAction::ReadToEnd, None), Ok((VfsResponse::Read, Some(b"ef".to_vec()))));
    let missing = files.error("b", VfsAction::WriteAt { offset: 0 }, Some(b"x"));
    assert_eq!(missing, io_error(NOT_FOUND));
}

#[test]
fn what_is_at_a_path_later_is_not_continued() {
    let files = Fixture::new();
    let new_path = path("b").to_string();
    for name in ["a", "b", "d"] {
        files.ok(name, VfsAction::Write, Some(b"0123"));
        files.perform(name, VfsAction::Seek(SeekFrom::Start(2)), None).unwrap();
    }
    files.ok("a", VfsAction::Rename { new_path }, None);
    files.ok("d", VfsAction::RemoveFile, None);
    for name in ["a", "d"] {
        files.ok(name, VfsAction::Write, Some(b"abcd"));
    }
    let read = |name: &str| files.perform(name, VfsAction::ReadToEnd, None).unwrap().1.unwrap();
    assert_eq!(["a", "b", "d"].map(read), [b"abcd", b"0123", b"abcd"]);
    // Replacing a file whole leaves the cursor, as guests know it.
    files.ok("a", VfsAction::Write, Some(b"abcdef"));
    assert_eq!(read("a"), b"ef");
}
