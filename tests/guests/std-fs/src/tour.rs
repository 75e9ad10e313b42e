//! Once through `std::fs`.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

type Outcome = Result<(), String>;

macro_rules! check {
    ($condition:expr) => {
        if !$condition {
            return Err(format!("line {}: {}", line!(), stringify!($condition)));
        }
    };
}

macro_rules! good {
    ($call:expr) => {
        $call.map_err(|error| format!("line {}: {}: {error:?}", line!(), stringify!($call)))?
    };
}

macro_rules! fails {
    ($call:expr, $kind:ident) => {
        match $call {
            Ok(_) => return Err(format!("line {}: {} works", line!(), stringify!($call))),
            Err(error) if error.kind() == ErrorKind::$kind => {}
            Err(error) => return Err(format!("line {}: {}: {error:?}", line!(), stringify!($call))),
        }
    };
}

pub(crate) fn run(folder: &Path) -> Outcome {
    good!(fs::create_dir(folder));
    files(folder)?;
    positions(folder)?;
    folders(folder)?;
    errors(folder)?;
    good!(fs::remove_dir_all(folder));
    fails!(fs::metadata(folder), NotFound);
    Ok(())
}

fn files(folder: &Path) -> Outcome {
    let path = folder.join("a.txt");
    good!(fs::write(&path, "hello"));
    check!(good!(fs::read_to_string(&path)) == "hello");
    good!(good!(OpenOptions::new().append(true).open(&path)).write_all(b", world"));
    good!(good!(OpenOptions::new().append(true).open(&path)).write_all(b"!"));
    check!(good!(fs::read(&path)) == b"hello, world!");
    let copy = folder.join("b.txt");
    check!(good!(fs::copy(&path, &copy)) == 13);
    check!(good!(fs::read_to_string(&copy)) == "hello, world!");
    let metadata = good!(fs::metadata(&copy));
    check!(metadata.is_file() && !metadata.is_dir() && metadata.len() == 13);
    let age = good!(SystemTime::now().duration_since(good!(metadata.modified())));
    check!(age < Duration::from_secs(24 * 3600));
    // Replaces what is there.
    good!(fs::write(&path, "new"));
    good!(fs::rename(&path, &copy));
    check!(good!(fs::read_to_string(&copy)) == "new");
    check!(!good!(path.try_exists()) && good!(copy.try_exists()));
    let large: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    good!(fs::write(&path, &large));
    check!(good!(fs::read(&path)) == large);
    good!(fs::write(&path, ""));
    check!(good!(fs::read(&path)).is_empty());
    let file = good!(OpenOptions::new().write(true).open(&copy));
    good!(file.sync_all());
    good!(file.sync_data());
    good!(fs::remove_file(&path));
    good!(fs::remove_file(&copy));
    Ok(())
}

fn positions(folder: &Path) -> Outcome {
    let path = folder.join("positions");
    let mut file = good!(OpenOptions::new().read(true).write(true).create_new(true).open(&path));
    good!(file.write_all(b"0123456789"));
    check!(good!(file.seek(SeekFrom::Start(2))) == 2);
    let mut two = [0; 2];
    good!(file.read_exact(&mut two));
    check!(&two == b"23");
    good!(file.write_all(b"xy"));
    check!(good!(file.stream_position()) == 6);
    check!(good!(file.seek(SeekFrom::Current(-2))) == 4);
    good!(file.read_exact(&mut two));
    check!(&two == b"xy");
    check!(good!(file.seek(SeekFrom::End(-1))) == 9);
    let mut rest = String::new();
    good!(file.read_to_string(&mut rest));
    check!(rest == "9");
    fails!(file.read_exact(&mut two), UnexpectedEof);
    good!(file.set_len(3));
    check!(good!(file.metadata()).len() == 3);
    good!(file.set_len(5));
    good!(file.rewind());
    let mut all = Vec::new();
    good!(file.read_to_end(&mut all));
    check!(all == b"012\0\0");
    // Behind the end is a hole.
    good!(file.seek(SeekFrom::Start(8)));
    good!(file.write_all(b"!"));
    check!(good!(fs::read(&path)) == b"012\0\0\0\0\0!");
    // An open file stays what it is.
    good!(fs::remove_file(&path));
    good!(file.rewind());
    all.clear();
    good!(file.read_to_end(&mut all));
    check!(all.len() == 9);
    good!(fs::write(&path, "another"));
    check!(good!(file.metadata()).len() == 9);
    Ok(())
}

fn folders(folder: &Path) -> Outcome {
    let deep = folder.join("x/y/z");
    good!(fs::create_dir_all(&deep));
    for n in 0..100 {
        good!(fs::write(deep.join(format!("file {n}")), n.to_string()));
    }
    good!(fs::create_dir(deep.join("empty")));
    let (mut files, mut dirs) = (Vec::new(), 0);
    for entry in good!(fs::read_dir(&deep)) {
        let entry = good!(entry);
        let kind = good!(entry.file_type());
        if kind.is_dir() {
            dirs += 1;
        } else {
            check!(kind.is_file() && good!(entry.metadata()).len() > 0);
            files.push(entry.file_name());
        }
    }
    files.sort();
    files.dedup();
    check!(files.len() == 100 && dirs == 1);
    good!(fs::rename(&deep, folder.join("moved")));
    check!(good!(fs::read_to_string(folder.join("moved/file 7"))) == "7");
    check!(good!(fs::read_to_string(folder.join("moved/empty/../file 8"))) == "8");
    good!(fs::remove_dir(folder.join("moved/empty")));
    good!(fs::remove_dir_all(folder.join("moved")));
    check!(good!(fs::read_dir(folder.join("x/y"))).next().is_none());
    Ok(())
}

fn errors(folder: &Path) -> Outcome {
    let (file, missing) = (folder.join("file"), folder.join("missing"));
    good!(fs::write(&file, "x"));
    fails!(File::open(&missing), NotFound);
    fails!(fs::read_dir(&missing), NotFound);
    fails!(fs::remove_file(&missing), NotFound);
    fails!(fs::remove_dir(&missing), NotFound);
    fails!(fs::rename(&missing, &file), NotFound);
    fails!(fs::write(missing.join("below"), ""), NotFound);
    fails!(OpenOptions::new().write(true).create_new(true).open(&file), AlreadyExists);
    fails!(fs::create_dir(&file), AlreadyExists);
    fails!(fs::create_dir(folder), AlreadyExists);
    check!(fs::remove_dir(folder).is_err_and(|error| error.raw_os_error() == Some(ENOTEMPTY)));
    check!(fs::read_dir(&file).is_err_and(|error| error.raw_os_error() == Some(ENOTDIR)));
    check!(File::open(file.join("below")).is_err_and(|error| error.raw_os_error() == Some(ENOTDIR)));
    check!(fs::write(folder, "").is_err_and(|error| error.raw_os_error() == Some(EISDIR)));
    check!(fs::remove_file(folder).is_err());
    // Opened for one thing, used for another.
    check!(good!(File::open(&file)).write_all(b"y").is_err());
    check!(good!(OpenOptions::new().append(true).open(&file)).read(&mut [0; 1]).is_err());
    check!(good!(fs::read_to_string(&file)) == "x");
    // Neither a name nor a way.
    check!(fs::write(folder.join("n".repeat(256)), "").is_err());
    check!(fs::write(folder.join("back\\slash"), "").is_err());
    check!(File::open("/etc/passwd").is_err());
    check!(File::open(folder.join("../../../../../../etc/passwd")).is_err());
    check!(fs::read_dir("/").is_err());
    good!(fs::remove_file(&file));
    good!(fs::remove_file(folder.join("positions")));
    Ok(())
}

/// As WASI numbers them.
const EISDIR: i32 = 31;
const ENOTDIR: i32 = 54;
const ENOTEMPTY: i32 = 55;
