//! S12: a symbolic link in a drive leads nowhere, whoever put it there and whenever.

use std::os::unix::fs::symlink;
use std::path::Path;

use wharf_types::vfs::{FileType, SeekFrom, VfsAction, VfsResponse};

use super::zip_files::{Entry, zip_of};
use super::{Fixture, io_error, path};

const LOOP: &str = "Too many levels of symbolic links (os error 40)";
pub(super) const SECRET: &str = "secret";

/// A folder outside the vfs, with a file and a folder in it.
pub(super) fn outside(files: &Fixture) -> std::path::PathBuf {
    let outside = files.home.path().join("outside");
    std::fs::create_dir_all(outside.join("folder")).unwrap();
    std::fs::write(outside.join("file"), SECRET).unwrap();
    outside
}

pub(super) fn assert_untouched(outside: &Path) {
    let mut names: Vec<_> =
        std::fs::read_dir(outside).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["file", "folder"]);
    assert_eq!(std::fs::read_dir(outside.join("folder")).unwrap().count(), 0);
    assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), SECRET);
}

fn all_actions() -> Vec<VfsAction> {
    let new_path = path("new").to_string();
    vec![
        VfsAction::CreateDirAll,
        VfsAction::CreateFile,
        VfsAction::OpenFile { create: true },
        VfsAction::OpenFile { create: false },
        VfsAction::Write,
        VfsAction::WriteAll,
        VfsAction::Append,
        VfsAction::SyncAll,
        VfsAction::Read,
        VfsAction::ReadToEnd,
        VfsAction::ReadExact { length: 1 },
        VfsAction::ReadToString,
        VfsAction::Seek(SeekFrom::Start(1)),
        VfsAction::Metadata,
        VfsAction::Len,
        VfsAction::SetLen(1),
        VfsAction::Hash,
        VfsAction::CopyFile { new_path },
    ]
}

#[test]
fn s12_a_link_in_the_last_place_is_not_followed() {
    let files = Fixture::new();
    let outside = outside(&files);
    symlink(outside.join("file"), files.host("file")).unwrap();
    symlink(outside.join("new"), files.host("dangling")).unwrap();
    for link in ["file", "dangling"] {
        for action in all_actions() {
            if action == VfsAction::CreateDirAll {
                assert!(files.perform(link, action, None).is_err());
                continue;
            }
            assert_eq!(files.error(link, action.clone(), Some(b"x")), io_error(LOOP), "{link} {action:?}");
        }
    }
    files.ok("mine", VfsAction::Write, Some(b"x"));
    let copy = VfsAction::CopyFile { new_path: path("file").to_string() };
    assert_eq!(files.error("mine", copy, None), io_error(LOOP));
    assert_untouched(&outside);
    assert_eq!(files.staged(), 0);
}

#[test]
fn s12_a_link_on_the_way_is_not_followed() {
    let files = Fixture::new();
    let outside = outside(&files);
    symlink(&outside, files.host("link")).unwrap();
    symlink(".", files.host("here")).unwrap();
    let mut actions = all_actions();
    actions.extend([
        VfsAction::CreateDir,
        VfsAction::ReadDir,
        VfsAction::RemoveFile,
        VfsAction::RemoveDir,
        VfsAction::RemoveDirAll,
        VfsAction::Rename { new_path: path("new").to_string() },
    ]);
    for action in actions {
        for place in ["link/file", "link/folder", "here/link/file"] {
            let error = files.perform(place, action.clone(), Some(b"x")).unwrap_err();
            let expected = [io_error(LOOP), io_error("Not a directory (os error 20)")];
            assert!(expected.contains(&error), "{place} {action:?} {error:?}");
        }
    }
    files.ok("mine", VfsAction::Write, Some(b"x"));
    for action in [
        VfsAction::Rename { new_path: path("link/mine").to_string() },
        VfsAction::CopyFile { new_path: path("link/mine").to_string() },
    ] {
        assert!(files.perform("mine", action, None).is_err());
    }
    assert_untouched(&outside);
}

#[test]
fn s12_removing_removes_the_link_and_not_what_it_points_at() {
    let files = Fixture::new();
    let outside = outside(&files);
    std::fs::create_dir_all(files.host("tree/sub")).unwrap();
    symlink(&outside, files.host("tree/sub/link")).unwrap();
    symlink(outside.join("file"), files.host("tree/file")).unwrap();
    symlink(&outside, files.host("link")).unwrap();
    assert!(files.perform("link", VfsAction::RemoveDirAll, None).is_err());
    assert!(files.perform("link", VfsAction::ReadDir, None).is_err());
    files.ok("tree", VfsAction::RemoveDirAll, None);
    let (response, _) = files.perform("", VfsAction::ReadDir, None).unwrap();
    let VfsResponse::ReadDir(entries) = response else { panic!("{response:?}") };
    assert_eq!(entries.iter().map(|entry| entry.file_type).collect::<Vec<_>>(), [FileType::Symlink]);
    files.ok("link", VfsAction::RemoveFile, None);
    assert_eq!((files.tree(""), files.staged()), (Vec::new(), 0));
    assert_untouched(&outside);
}

#[test]
fn s12_a_zip_does_not_write_through_links() {
    let files = Fixture::new();
    let outside = outside(&files);
    symlink(&outside, files.host("link")).unwrap();
    std::fs::create_dir(files.host("d")).unwrap();
    symlink(outside.join("file"), files.host("d/file")).unwrap();
    let into_folder = zip_of(&[Entry::file("a", b"a"), Entry::file("link/file", b"x")]);
    let over_file = zip_of(&[Entry::file("a", b"a"), Entry::file("file", b"x")]);
    assert_eq!(files.error("", VfsAction::AddZip, Some(&into_folder)), io_error(LOOP));
    assert_eq!(files.error("d", VfsAction::AddZip, Some(&over_file)), io_error(LOOP));
    assert_eq!(files.error("link", VfsAction::AddZip, Some(&over_file)), io_error(LOOP));
    assert_untouched(&outside);
    // Nothing of a zip that meets a link is there either.
    assert_eq!((files.tree(""), files.staged()), (vec!["d".into(), "d/file".into(), "link".into()], 0));
}

#[test]
fn s12_a_drive_that_is_a_link_is_no_drive() {
    let files = Fixture::new();
    let outside = outside(&files);
    symlink(&outside, files.home.path().join("vfs/files:sys/other")).unwrap();
    symlink(&outside, files.home.path().join("vfs/linked:sys")).unwrap();
    for text in ["/files:sys/other", "/linked:sys/folder"] {
        let drive: crate::VfsPath = text.parse().unwrap();
        for action in [VfsAction::CreateDrive, VfsAction::ReadDir, VfsAction::RemoveDirAll, VfsAction::CreateDirAll] {
            assert!(files.perform_at(&drive, action.clone(), None).is_err(), "{text} {action:?}");
        }
    }
    assert_untouched(&outside);
}

#[test]
fn a_pipe_in_a_drive_does_not_hold_anyone_up() {
    let files = Fixture::new();
    let drive = std::fs::File::open(files.host("")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(&drive, "pipe", mode).unwrap();
    for action in [VfsAction::Read, VfsAction::Write, VfsAction::Append, VfsAction::Hash, VfsAction::CreateFile] {
        assert!(files.perform("pipe", action.clone(), Some(b"x")).is_err(), "{action:?}");
    }
    files.ok("pipe", VfsAction::RemoveFile, None);
}
