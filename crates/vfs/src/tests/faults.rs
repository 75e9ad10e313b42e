//! A disk that fails: at each call in turn, once or for good. What was answered is there, and nothing is half there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use wharf_types::ProcessId;
use wharf_types::vfs::{VfsAction, VfsError, VfsResponse};

use super::zip_files::{Entry, zip_of};
use super::{io_error, path};
use crate::cursor::Who;
use crate::perform::Desk;
use crate::storage::Usage;
use crate::storage::faulty::{After, FaultyStorage, Plan};
use crate::storage::local::LocalStorage;
use crate::{Durability, Vfs, VfsLimits};

/// The files of the drive, by path in it.
type Files = BTreeMap<String, Vec<u8>>;

/// An action, and what the files are once it is done.
struct Act {
    at: &'static str,
    action: VfsAction,
    blob: Vec<u8>,
    effect: fn(&mut Files),
}

fn put(files: &mut Files, at: &str, bytes: &[u8]) {
    files.insert(at.to_owned(), bytes.to_vec());
}

fn to(rest: &str) -> String {
    path(rest).to_string()
}

fn acts() -> Vec<Act> {
    let act = |at, action, blob: &[u8], effect| Act { at, action, blob: blob.to_vec(), effect };
    let zip = zip_of(&[Entry::file("one", b"zipped"), Entry::file("sub/two", b"zipped too")]);
    vec![
        act("", VfsAction::CreateDrive, b"", |_| {}),
        act("a", VfsAction::Write, b"first version", |files| put(files, "a", b"first version")),
        act("a", VfsAction::Write, b"second", |files| put(files, "a", b"second")),
        act("log", VfsAction::OpenFile { create: true }, b"", |files| put(files, "log", b"")),
        act("log", VfsAction::Append, b"line one\n", |files| put(files, "log", b"line one\n")),
        act("log", VfsAction::Append, b"line two\n", |files| put(files, "log", b"line one\nline two\n")),
        act("log", VfsAction::SyncAll, b"", |_| {}),
        act("d/e", VfsAction::CreateDirAll, b"", |_| {}),
        act("a", VfsAction::CopyFile { new_path: to("d/copy") }, b"", |files| put(files, "d/copy", b"second")),
        act("log", VfsAction::CopyFile { new_path: to("d/copy") }, b"", |files| {
            put(files, "d/copy", b"line one\nline two\n");
        }),
        act("a", VfsAction::Rename { new_path: to("d/e/a") }, b"", |files| {
            let a = files.remove("a").unwrap();
            put(files, "d/e/a", &a);
        }),
        act("z", VfsAction::AddZip, &zip, |files| {
            put(files, "z/one", b"zipped");
            put(files, "z/sub/two", b"zipped too");
        }),
        act("log", VfsAction::SetLen(4), b"", |files| put(files, "log", b"line")),
        act("z", VfsAction::RemoveDirAll, b"", |files| files.retain(|at, _| !at.starts_with("z/"))),
        act("d/copy", VfsAction::RemoveFile, b"", |files| drop(files.remove("d/copy"))),
        act("log", VfsAction::CreateFile, b"", |files| put(files, "log", b"")),
    ]
}

struct World {
    home: TempDir,
    durability: Durability,
}

impl World {
    fn new(durability: Durability) -> Self {
        Self { home: TempDir::new().unwrap(), durability }
    }

    fn root(&self) -> std::path::PathBuf {
        self.home.path().join("vfs")
    }

    fn desk(&self, plan: &Arc<Plan>) -> Desk {
        let inner = Arc::new(LocalStorage::open(&self.root()).unwrap());
        let limits = VfsLimits { write_durability: self.durability, ..VfsLimits::default() };
        Desk::new(Vfs::over(Arc::new(FaultyStorage { inner, plan: Arc::clone(plan) }), limits))
    }

    fn files(&self) -> Files {
        let mut files = Files::new();
        collect(&self.root().join("files:sys/drive"), "", &mut files);
        files
    }

    /// What is on disk is what is counted.
    fn assert_counted(&self, vfs: &Vfs) {
        let package = path("").package().clone();
        let counted = vfs.usage(&package).unwrap();
        let mut measured = Usage::default();
        measure(&self.root().join("files:sys"), &mut measured);
        assert_eq!(counted, measured);
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut Files) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let at = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{at}/"), files);
        } else {
            files.insert(at, std::fs::read(entry.path()).unwrap());
        }
    }
}

fn measure(folder: &Path, usage: &mut Usage) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        usage.files += 1;
        if entry.file_type().unwrap().is_dir() {
            measure(&entry.path(), usage);
        } else {
            usage.bytes += entry.metadata().unwrap().len();
        }
    }
}

fn who() -> Who {
    Who { process: ProcessId::new("main", "files", "sys").unwrap(), life: None }
}

fn perform(desk: &Desk, act: &Act) -> Result<(), VfsError> {
    match desk.perform(&who(), &path(act.at), act.action.clone(), Some(&act.blob)) {
        Ok((VfsResponse::Ok, None)) => Ok(()),
        Ok(other) => panic!("{other:?}"),
        Err(refused) => Err(refused.error),
    }
}

/// Each file is what it was before the action or what it is after it: never anything else.
fn assert_old_or_new(act: &Act, found: &Files, old: &Files, new: &Files) {
    for at in found.keys().chain(old.keys()).chain(new.keys()) {
        let one_of_them = found.get(at) == old.get(at) || found.get(at) == new.get(at);
        assert!(one_of_them, "{:?} of {}: {at} is {:?}", act.action, act.at, found.get(at));
    }
}

/// Does everything with the `fails`-th call failing, and again what failed; returns whether a call did fail.
fn hiccup(fails: u64, durability: Durability) -> bool {
    let world = World::new(durability);
    let plan = Plan::new(fails, After::Recovers);
    let desk = world.desk(&plan);
    let mut files = Files::new();
    for act in acts() {
        let mut done = files.clone();
        (act.effect)(&mut done);
        if let Err(error) = perform(&desk, &act) {
            assert_eq!(error, io_error("Input/output error (os error 5)"), "{:?}", act.action);
            assert_old_or_new(&act, &world.files(), &files, &done);
            world.assert_counted(&desk.vfs);
            match perform(&desk, &act) {
                Ok(()) => {}
                // It was done all the same.
                Err(error) => assert_eq!(error, io_error("No such file or directory (os error 2)"), "{:?}", act.action),
            }
        }
        files = done;
        assert_eq!(world.files(), files, "{:?}, call {fails} failed", act.action);
        world.assert_counted(&desk.vfs);
    }
    plan.has_failed()
}

/// Does everything until a call fails and with it all that follow; then the node comes up again.
fn crash(fails: u64, durability: Durability) -> bool {
    let world = World::new(durability);
    let plan = Plan::new(fails, After::Dead);
    let desk = world.desk(&plan);
    let mut files = Files::new();
    for act in acts() {
        let mut done = files.clone();
        (act.effect)(&mut done);
        if perform(&desk, &act).is_ok() {
            files = done;
            continue;
        }
        drop(desk);
        let again = Vfs::open(world.root(), VfsLimits::default()).unwrap();
        let mut found = world.files();
        if act.action == VfsAction::Append {
            // What an append wrote before the crash may be there, after all that was there before.
            let log = found.get_mut("log").unwrap();
            assert!(done["log"].starts_with(log) && log.starts_with(&files["log"]));
            log.truncate(files["log"].len());
        }
        assert_old_or_new(&act, &found, &files, &done);
        world.assert_counted(&again);
        let staged = std::fs::read_dir(world.root().join(".staging")).unwrap().count();
        assert_eq!(staged, 0, "what was half written is removed");
        return true;
    }
    assert!(!plan.has_failed());
    false
}

fn until_all_went_well(run: impl Fn(u64) -> bool) {
    let calls = (1..).take_while(|fails| run(*fails)).count();
    assert!(calls > acts().len(), "{calls} calls failed in turn");
}

#[test]
fn a_call_that_fails_leaves_the_old_or_the_new_and_the_next_try_works() {
    until_all_went_well(|fails| hiccup(fails, Durability::Process));
    until_all_went_well(|fails| hiccup(fails, Durability::Power));
}

#[test]
fn a_crash_at_any_call_leaves_what_was_answered() {
    until_all_went_well(|fails| crash(fails, Durability::Process));
    until_all_went_well(|fails| crash(fails, Durability::Power));
}
