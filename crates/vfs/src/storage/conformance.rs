//! What every provider of storage must do, tried on each of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a failed unwrap fails the test")]

use std::io::{self, Write as _};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;
use tempfile::TempDir;
use wharf_types::vfs::FileType;

use super::local::LocalStorage;
use super::memory::MemoryStorage;
use super::{Access, Content, Create, OpenHow, Storage, StoredFile, SyncScope, Usage};
use crate::path::Segment;

const MAKE: OpenHow = OpenHow { create: Create::IfMissing, ..OpenHow::READ_WRITE };

#[test]
fn local() {
    let home = TempDir::new().unwrap();
    let mut number = 0;
    conforms(|| {
        number += 1;
        Box::new(LocalStorage::open(&home.path().join(number.to_string())).unwrap())
    });
}

#[test]
fn memory() {
    conforms(|| Box::new(MemoryStorage::new(1 << 30).unwrap()));
}

/// One concept, tried on an empty provider.
type Part = fn(&dyn Storage);

/// Tries everything on a provider, each time on an empty one.
pub(crate) fn conforms(mut empty: impl FnMut() -> Box<dyn Storage>) {
    let parts: [(&str, Part); 9] = [
        ("opening", opening),
        ("reading and writing", reading_and_writing),
        ("access", access),
        ("folders", folders),
        ("removing", removing),
        ("renaming", renaming),
        ("staging", staging),
        ("what is open", what_is_open),
        ("measuring", measuring),
    ];
    for (name, part) in parts {
        println!("{name}");
        let storage = empty();
        part(&*storage);
        assert_eq!(storage.stage().map(drop).map_err(|error| error.kind()), Ok(()), "{name}");
    }
}

fn way(text: &str) -> Vec<Segment> {
    text.split('/').filter(|name| !name.is_empty()).map(|name| Segment::new(name).unwrap()).collect()
}

fn assert_fails<T>(result: io::Result<T>, expected: Errno) {
    let error = result.err().map(|error| error.to_string());
    assert_eq!(error, Some(io::Error::from(expected).to_string()));
}

fn write(storage: &dyn Storage, at: &str, bytes: &[u8]) {
    let how = OpenHow { content: Content::Truncate, ..MAKE };
    storage.open(&way(at), how).unwrap().write_at(bytes, 0).unwrap();
}

fn read(storage: &dyn Storage, at: &str) -> Vec<u8> {
    content(&*storage.open(&way(at), OpenHow::READ).unwrap())
}

fn content(file: &dyn StoredFile) -> Vec<u8> {
    let mut bytes = vec![0; 4_096];
    let read = file.read_at(&mut bytes, 0).unwrap();
    bytes.truncate(read);
    bytes
}

fn names(storage: &dyn Storage, at: &str) -> Vec<String> {
    storage
        .list(&way(at), 1_000)
        .unwrap()
        .into_iter()
        .map(|entry| entry.name)
        .filter(|name| name != ".staging")
        .collect()
}

fn opening(storage: &dyn Storage) {
    assert_fails(storage.open(&way("a"), OpenHow::READ), Errno::NOENT);
    assert_fails(storage.open(&way("no/a"), MAKE), Errno::NOENT);
    storage.open(&way("a"), MAKE).unwrap().append(b"kept").unwrap();
    assert_eq!(content(&*storage.open(&way("a"), MAKE).unwrap()), b"kept");
    assert_fails(storage.open(&way("a"), OpenHow { create: Create::New, ..OpenHow::WRITE }), Errno::EXIST);
    storage.open(&way("b"), OpenHow { create: Create::New, ..OpenHow::WRITE }).unwrap();
    assert_fails(storage.open(&way("a/b"), MAKE), Errno::NOTDIR);
    let empties = OpenHow { content: Content::Truncate, ..OpenHow::WRITE };
    assert_eq!(storage.open(&way("a"), empties).unwrap().metadata().unwrap().len, 0);
    write(storage, "a", b"kept");
    assert_fails(storage.open(&way("a"), OpenHow { content: Content::Truncate, ..OpenHow::READ }), Errno::INVAL);
    assert_eq!(read(storage, "a"), b"kept");
    storage.create_dir(&way("d")).unwrap();
    assert_fails(storage.open(&way("d"), OpenHow::READ), Errno::ISDIR);
    assert_fails(storage.open(&way("d"), MAKE), Errno::ISDIR);
}

fn reading_and_writing(storage: &dyn Storage) {
    let file = storage.open(&way("a"), MAKE).unwrap();
    file.write_at(b"world", 6).unwrap();
    assert_eq!(content(&*file), b"\0\0\0\0\0\0world");
    file.write_at(b"hello ", 0).unwrap();
    file.append(b"!").unwrap();
    let mut buffer = [0; 5];
    assert_eq!(file.read_at(&mut buffer, 6).unwrap(), 5);
    assert_eq!(&buffer, b"world");
    assert_eq!(file.read_at(&mut buffer, 11).unwrap(), 1);
    for beyond in [12, 1 << 40, u64::MAX] {
        assert_eq!(file.read_at(&mut buffer, beyond).unwrap(), 0, "{beyond}");
    }
    file.write_at(b"", 100).unwrap();
    assert_eq!(file.metadata().unwrap().len, 12);
    file.set_len(5).unwrap();
    file.set_len(7).unwrap();
    assert_eq!(content(&*file), b"hello\0\0");
    assert!(file.write_at(b"x", u64::MAX).is_err());
    for scope in [SyncScope::Data, SyncScope::All] {
        file.sync(scope).unwrap();
    }
    storage.sync_dir(&[]).unwrap();
    storage.sync_all().unwrap();
    let metadata = storage.metadata(&way("a")).unwrap();
    assert_eq!((metadata.kind, metadata.len), (FileType::File, 7));
    assert!(metadata.modified > SystemTime::UNIX_EPOCH);
    let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 500);
    file.set_times(None, Some(then)).unwrap();
    assert_eq!(storage.metadata(&way("a")).unwrap().modified, then);
}

fn access(storage: &dyn Storage) {
    write(storage, "a", b"kept");
    let reader = storage.open(&way("a"), OpenHow::READ).unwrap();
    assert_fails(reader.write_at(b"x", 0), Errno::BADF);
    assert_fails(reader.append(b"x"), Errno::BADF);
    assert_fails(reader.set_len(0), Errno::INVAL);
    let writer = storage.open(&way("a"), OpenHow { access: Access::Write, ..OpenHow::READ }).unwrap();
    assert_fails(writer.read_at(&mut [0], 0), Errno::BADF);
    writer.append(b"!").unwrap();
    assert_eq!(content(&*reader), b"kept!");
}

fn folders(storage: &dyn Storage) {
    storage.create_dir(&way("d")).unwrap();
    storage.create_dir(&way("d/e")).unwrap();
    write(storage, "d/file", b"x");
    assert_fails(storage.create_dir(&way("d")), Errno::EXIST);
    assert_fails(storage.create_dir(&way("d/file")), Errno::EXIST);
    assert_fails(storage.create_dir(&way("no/d")), Errno::NOENT);
    assert_fails(storage.create_dir(&way("d/file/x")), Errno::NOTDIR);
    let listed: Vec<_> = storage.list(&way("d"), 2).unwrap().into_iter().map(|e| (e.name, e.kind)).collect();
    assert_eq!(listed, [("e".to_owned(), FileType::Directory), ("file".to_owned(), FileType::File)]);
    assert_eq!(storage.list(&way("d"), 1).err().unwrap().to_string(), "the folder has more than 1 entries");
    assert_fails(storage.list(&way("no"), 1), Errno::NOENT);
    assert_fails(storage.list(&way("d/file"), 1), Errno::NOTDIR);
    assert_eq!(storage.metadata(&way("d")).unwrap().kind, FileType::Directory);
    assert_eq!(storage.metadata(&[]).unwrap().kind, FileType::Directory);
    assert_fails(storage.metadata(&way("d/no")), Errno::NOENT);
}

fn removing(storage: &dyn Storage) {
    storage.create_dir(&way("d")).unwrap();
    storage.create_dir(&way("d/e")).unwrap();
    write(storage, "d/e/file", b"12345");
    write(storage, "d/file", b"123");
    assert_fails(storage.remove_file(&way("d")), Errno::ISDIR);
    assert_fails(storage.remove_dir(&way("d")), Errno::NOTEMPTY);
    assert_fails(storage.remove_dir(&way("d/file")), Errno::NOTDIR);
    assert_fails(storage.remove_file(&way("d/no")), Errno::NOENT);
    assert_fails(storage.remove_dir(&way("no")), Errno::NOENT);
    assert!(
        matches!(storage.detach(&way("d/file")), Err(error) if error.raw_os_error() == Some(Errno::NOTDIR.raw_os_error()))
    );
    assert!(storage.detach(&way("no")).is_err());
    storage.remove_file(&way("d/file")).unwrap();
    let detached = storage.detach(&way("d")).unwrap();
    assert_eq!(names(storage, ""), Vec::<String>::new());
    let mut gone = (0, 0);
    detached
        .remove(&mut |what| {
            gone.0 += 1;
            gone.1 += if what.kind == FileType::File { what.len } else { 0 };
        })
        .unwrap();
    assert_eq!(gone, (3, 5));
    storage.create_dir(&way("d")).unwrap();
    storage.remove_dir(&way("d")).unwrap();
    assert_fails(storage.metadata(&way("d")), Errno::NOENT);
}

fn renaming(storage: &dyn Storage) {
    write(storage, "a", b"a");
    write(storage, "b", b"b");
    for folder in ["d", "d/e", "full", "full/x", "empty"] {
        storage.create_dir(&way(folder)).unwrap();
    }
    let rename = |from, to| storage.rename(&way(from), &way(to));
    assert_fails(rename("no", "x"), Errno::NOENT);
    assert_fails(rename("a", "no/x"), Errno::NOENT);
    assert_fails(rename("a", "d"), Errno::ISDIR);
    assert_fails(rename("d", "a"), Errno::NOTDIR);
    assert_fails(rename("d", "full"), Errno::NOTEMPTY);
    assert_fails(rename("d", "d/e/f"), Errno::INVAL);
    rename("a", "a").unwrap();
    rename("a", "b").unwrap();
    assert_eq!(read(storage, "b"), b"a");
    rename("b", "d/b").unwrap();
    rename("d", "empty").unwrap();
    assert_eq!(names(storage, ""), ["empty", "full"]);
    assert_eq!(names(storage, "empty"), ["b", "e"]);
    rename("empty", "full/x").unwrap();
    assert_eq!(read(storage, "full/x/b"), b"a");
}

fn staging(storage: &dyn Storage) {
    storage.create_dir(&way("d")).unwrap();
    let mut staged = storage.stage().unwrap();
    staged.write_all(b"new").unwrap();
    assert_eq!(names(storage, ""), ["d"]);
    staged.sync().unwrap();
    staged.close();
    staged.place(&way("d/a")).unwrap();
    let mut staged = storage.stage().unwrap();
    staged.write_all(b"newer").unwrap();
    assert_eq!(read(storage, "d/a"), b"new");
    staged.place(&way("d/a")).unwrap();
    assert_eq!(read(storage, "d/a"), b"newer");
    assert_fails(storage.stage().unwrap().place(&way("d")), Errno::ISDIR);
    assert_fails(storage.stage().unwrap().place(&way("no/x")), Errno::NOENT);
    drop(storage.stage().unwrap());
    assert_eq!(names(storage, "d"), ["a"]);
}

fn what_is_open(storage: &dyn Storage) {
    write(storage, "a", b"old");
    let file = storage.open(&way("a"), OpenHow::READ_WRITE).unwrap();
    let identity = file.metadata().unwrap().identity;
    assert_eq!(storage.metadata(&way("a")).unwrap().identity, identity);
    storage.rename(&way("a"), &way("b")).unwrap();
    assert_eq!(storage.metadata(&way("b")).unwrap().identity, identity);
    file.append(b"!").unwrap();
    assert_eq!(read(storage, "b"), b"old!");
    storage.remove_file(&way("b")).unwrap();
    file.append(b"!").unwrap();
    assert_eq!(content(&*file), b"old!!");
    write(storage, "b", b"new");
    assert_ne!(storage.metadata(&way("b")).unwrap().identity, identity);
    assert_eq!(content(&*file), b"old!!");
}

fn measuring(storage: &dyn Storage) {
    assert_eq!(storage.measure(&way("no")).unwrap(), Usage::default());
    storage.create_dir(&way("d")).unwrap();
    assert_eq!(storage.measure(&way("d")).unwrap(), Usage::default());
    let deep = "d/".repeat(300);
    for depth in 2..=300 {
        storage.create_dir(&way(&"d/".repeat(depth))).unwrap();
    }
    write(storage, &format!("{deep}file"), b"123");
    storage.open(&way("d/hole"), MAKE).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(storage.measure(&way("d")).unwrap(), Usage { bytes: (1 << 20) + 3, files: 301 });
}
