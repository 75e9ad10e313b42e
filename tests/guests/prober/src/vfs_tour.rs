//! The guest library's `vfs` module, used as `std::fs` is. The first thing that is not as it should be is the answer.

use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};

use wharf_process_lib::types::vfs::{DirEntry, FileType};
use wharf_process_lib::vfs::{self, File, OpenOptions};
use wharf_process_lib::{PackageId, capability};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Fails with what was compared.
macro_rules! same {
    ($left:expr, $right:expr) => {{
        let (left, right) = (&$left, &$right);
        if left != right {
            return Err(format!("line {}: {left:?} is not {right:?}", line!()).into());
        }
    }};
}

pub(crate) fn run(package: &PackageId, name: &str) -> Result<()> {
    let drive = vfs::create_drive(package, name)?;
    for permission in [vfs::Permission::Read, vfs::Permission::Write] {
        let granted = vfs::drive_capability(&drive, permission)?;
        same!(capability::find(&granted.issuer, &granted.params).is_some(), true);
    }
    whole_files(&drive)?;
    open_files(&drive)?;
    options(&drive)?;
    folders(&drive, &format!("{package}/{name}"))?;
    errors(&drive)
}

fn whole_files(drive: &str) -> Result<()> {
    let (a, b, c) = (format!("{drive}/a"), format!("{drive}/b"), format!("{drive}/c"));
    vfs::write(&a, "text")?;
    vfs::write(&a, vec![b't', b'w', b'o'])?;
    same!(vfs::read(&a)?, b"two");
    same!(vfs::read_to_string(&a)?, "two");
    vfs::copy(&a, &b)?;
    vfs::rename(&a, &c)?;
    same!((vfs::exists(&a)?, vfs::exists(&b)?, vfs::exists(&c)?), (false, true, true));
    same!(vfs::hash(&b)?, vfs::hash(&c)?);
    let metadata = vfs::metadata(&b)?;
    same!((metadata.file_type, metadata.len), (FileType::File, 3));
    vfs::sync_all(&b)?;
    vfs::remove_file(&b)?;
    vfs::remove_file(&c)?;
    Ok(())
}

fn open_files(drive: &str) -> Result<()> {
    let path = format!("{drive}/file");
    let mut file = File::create(&path)?;
    write!(file, "one\ntwo\nthree\n")?;
    file.seek(SeekFrom::Start(4))?;
    file.write_all(b"TWO")?;
    file.write_at(b"T", 8)?;
    file.sync_all()?;
    same!(file.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::PermissionDenied);
    let lines = BufReader::new(File::open(&path)?).lines().collect::<std::io::Result<Vec<_>>>()?;
    same!(lines, ["one", "TWO", "Three"]);
    // Each has a place of its own.
    let (mut first, mut second) = (File::open(&path)?, File::open(&path)?);
    let mut three = [0; 3];
    first.read_exact(&mut three)?;
    same!(&three, b"one");
    second.seek(SeekFrom::End(-6))?;
    let mut rest = String::new();
    second.read_to_string(&mut rest)?;
    same!(rest, "Three\n");
    same!(first.stream_position()?, 3);
    same!(first.read_at(&mut [0; 100], 10)?, 4);
    file.set_len(3)?;
    same!((file.metadata()?.len, first.read(&mut three)?), (3, 0));
    let mut all = b"before ".to_vec();
    File::open(&path)?.read_to_end(&mut all)?;
    same!(all, b"before one");
    vfs::remove_file(&path)?;
    Ok(())
}

fn options(drive: &str) -> Result<()> {
    let path = format!("{drive}/options");
    let mut log = OpenOptions::new().append(true).create(true).open(&path)?;
    log.write_all(b"a")?;
    vfs::write(&path, "other")?;
    log.write_all(b"b")?;
    same!(vfs::read(&path)?, b"otherb");
    let new = OpenOptions::new().write(true).create_new(true).open(&path);
    same!(new.err().map(|error| error.kind()), Some(ErrorKind::AlreadyExists));
    same!(OpenOptions::new().read(true).create(true).open(&path).is_err(), true);
    let mut both = OpenOptions::new().read(true).write(true).open(&path)?;
    both.write_all(b"O")?;
    let mut rest = Vec::new();
    both.read_to_end(&mut rest)?;
    same!(rest, b"therb");
    OpenOptions::new().write(true).truncate(true).open(&path)?;
    same!(vfs::read(&path)?, b"");
    vfs::remove_file(&path)?;
    OpenOptions::new().write(true).create_new(true).open(&path)?;
    vfs::remove_file(&path)?;
    Ok(())
}

fn folders(drive: &str, without_slash: &str) -> Result<()> {
    vfs::create_dir_all(&format!("{drive}/d/e"))?;
    vfs::create_dir(&format!("{drive}/d/f"))?;
    vfs::write(&format!("{drive}/d/file"), "x")?;
    let entry = |name: &str, file_type| DirEntry { path: format!("{without_slash}/d/{name}"), file_type };
    let expected = [entry("e", FileType::Directory), entry("f", FileType::Directory), entry("file", FileType::File)];
    same!(vfs::read_dir(&format!("{drive}/d"))?[..], expected[..]);
    let full = vfs::remove_dir(&format!("{drive}/d")).map_err(|error| error.kind());
    same!(full, Err(ErrorKind::DirectoryNotEmpty));
    vfs::remove_dir(&format!("{drive}/d/f"))?;
    vfs::remove_dir_all(&format!("{drive}/d"))?;
    same!(vfs::read_dir(drive)?, vec![]);
    Ok(())
}

fn errors(drive: &str) -> Result<()> {
    let missing = format!("{drive}/missing");
    same!(vfs::read(&missing).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    same!(File::open(&missing).map(drop).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    same!(vfs::create_dir(drive).map_err(|error| error.kind()), Err(ErrorKind::AlreadyExists));
    let other = "/other:test.os/drive/file";
    same!(vfs::read(other).map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    same!(vfs::write(other, "x").map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied));
    same!(vfs::add_zip(drive, b"no zip".to_vec()).map_err(|error| error.kind()), Err(ErrorKind::InvalidData));
    Ok(())
}
