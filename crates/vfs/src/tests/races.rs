//! S12 against the clock: somebody on the host swaps folders, files and links in a drive as fast as the system can,
//! while every action there is runs through them. Each action succeeds or fails by chance; what matters is that nothing
//! outside the drive is ever read or changed.
//!
//! Short unless `WHARF_RACE_SECONDS` says how long.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::RenameFlags;
use wharf_types::vfs::{SeekFrom, VfsAction};

use super::links::{SECRET, assert_untouched, outside};
use super::zip_files::{Entry, zip_of};
use super::{Fixture, path};
use crate::VfsPath;

/// Rounds of all actions by each worker when nobody says how long.
const ROUNDS: u64 = 60;
const WORKERS: u64 = 2;

/// How long the race goes on.
#[derive(Clone, Copy)]
enum Until {
    Rounds(u64),
    Time(Instant),
}

impl Until {
    fn settled() -> Self {
        match std::env::var("WHARF_RACE_SECONDS").ok().and_then(|seconds| seconds.parse().ok()) {
            Some(seconds) => Self::Time(Instant::now() + Duration::from_secs(seconds)),
            None => Self::Rounds(ROUNDS),
        }
    }

    fn is_over(self, round: u64) -> bool {
        match self {
            Self::Rounds(rounds) => round >= rounds,
            Self::Time(end) => Instant::now() >= end,
        }
    }
}

/// The places that the hostile helper swaps, each with what is swapped in for it.
const SWAPPED: [(&str, &str); 3] = [("d", "link"), ("file", "file-link"), ("d2", "beside-link")];

fn actions() -> Vec<VfsAction> {
    let to = |rest: &str| path(rest).to_string();
    vec![
        VfsAction::CreateDrive,
        VfsAction::CreateDir,
        VfsAction::CreateDirAll,
        VfsAction::CreateFile,
        VfsAction::OpenFile { create: true },
        VfsAction::OpenFile { create: false },
        VfsAction::Write,
        VfsAction::WriteAll,
        VfsAction::Append,
        VfsAction::SetLen(2),
        VfsAction::SyncAll,
        VfsAction::Read,
        VfsAction::ReadDir,
        VfsAction::ReadExact { length: 2 },
        VfsAction::ReadToEnd,
        VfsAction::ReadToString,
        VfsAction::Seek(SeekFrom::End(-1)),
        VfsAction::Metadata,
        VfsAction::Len,
        VfsAction::Hash,
        VfsAction::CopyFile { new_path: to("d/file") },
        VfsAction::Rename { new_path: to("d/moved") },
        VfsAction::CopyFile { new_path: to("file") },
        VfsAction::AddZip,
        VfsAction::CloseFile,
        VfsAction::RemoveFile,
        VfsAction::RemoveDir,
        VfsAction::RemoveDirAll,
    ]
}

/// Where the actions go: at what is swapped, through it, and beside it.
const PLACES: [&str; 8] =
    ["d/file", "d/folder/x", "d/folder", "file", "d2/file", "d2/folder/new", "mine", "d/new/deep/file"];

#[test]
fn s12_whatever_is_swapped_nothing_outside_is_touched() {
    let files = Fixture::new();
    let outside = outside(&files);
    let beside = beside(&files);
    for folder in ["d", "d2"] {
        std::fs::create_dir(files.host(folder)).unwrap();
    }
    std::fs::write(files.host("file"), "mine").unwrap();
    symlink(&outside, files.host("link")).unwrap();
    symlink(outside.join("file"), files.host("file-link")).unwrap();
    symlink("../../files:sys/beside", files.host("beside-link")).unwrap();
    let zip = zip_of(&[Entry::file("file", b"mine"), Entry::file("folder/x", b"mine")]);
    let (done, swaps, until) = (AtomicBool::new(false), AtomicU64::new(0), Until::settled());
    std::thread::scope(|scope| {
        scope.spawn(|| swap(&files, &outside, &done, &swaps));
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| work(&files, &zip, until))).collect();
        let ended: Vec<_> = workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });
    println!("{} swaps", swaps.load(Ordering::Relaxed));
    assert!(swaps.load(Ordering::Relaxed) > 0);
    assert_untouched(&outside);
    assert_eq!(std::fs::read_to_string(beside.join("file")).unwrap(), SECRET);
    assert_eq!(std::fs::read_dir(&beside).unwrap().count(), 1);
    assert_eq!(files.staged(), 0);
}

/// Another drive of the same package, which no path in this drive leads to.
fn beside(files: &Fixture) -> std::path::PathBuf {
    let drive: VfsPath = "/files:sys/beside".parse().unwrap();
    files.vfs().create_drive(&drive).unwrap();
    let beside = files.home.path().join("vfs/files:sys/beside");
    std::fs::write(beside.join("file"), SECRET).unwrap();
    beside
}

/// The hostile helper. What the actions removed it puts back.
fn swap(files: &Fixture, outside: &Path, done: &AtomicBool, swaps: &AtomicU64) {
    let drive = std::fs::File::open(files.host("")).unwrap();
    let mut round = 0_u64;
    while !done.load(Ordering::Relaxed) {
        round += 1;
        for (place, link) in SWAPPED {
            if rustix::fs::renameat_with(&drive, place, &drive, link, RenameFlags::EXCHANGE).is_ok() {
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !round.is_multiple_of(64) {
            continue;
        }
        // Failing at any of these only means that it is there.
        let _ = std::fs::create_dir(files.host("d"));
        let _ = std::fs::create_dir(files.host("d2"));
        // Not through a link: what is to be found out is whether the others do that.
        let _ = std::fs::OpenOptions::new().write(true).create_new(true).open(files.host("file"));
        let _ = symlink(outside, files.host("link"));
        let _ = symlink(outside, files.host("d/folder"));
        let _ = symlink(outside.join("file"), files.host("file-link"));
        let _ = symlink(outside.join("file"), files.host("d/file"));
        let _ = symlink("../../files:sys/beside", files.host("beside-link"));
    }
}

fn work(files: &Fixture, zip: &[u8], until: Until) {
    let mut round = 0;
    while !until.is_over(round) {
        for action in actions() {
            for place in PLACES {
                let blob = if action == VfsAction::AddZip { zip } else { b"mine" };
                if let Ok((response, bytes)) = files.perform(place, action.clone(), Some(blob)) {
                    let leaks = bytes.is_some_and(|bytes| bytes.starts_with(SECRET.as_bytes()));
                    assert!(!leaks && !format!("{response:?}").contains(SECRET), "{place} {action:?}");
                }
            }
        }
        round += 1;
    }
}
