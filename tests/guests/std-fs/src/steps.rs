//! The single steps.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::path::Path;

use crate::{Ask, Told, tour};

const BLOCK_BYTES: usize = 64 << 10;

pub(crate) fn run(ask: Ask) -> Result<Told> {
    Ok(match ask {
        Ask::Tour(folder) => match tour::run(Path::new(&folder)) {
            Ok(()) => Told::Ok,
            Err(wrong) => Told::Wrong(wrong),
        },
        Ask::TempDir => Told::Text(std::env::var("TEMP_DIR").unwrap_or_default()),
        Ask::Write { path, text } => ok(fs::write(path, text)?),
        Ask::Append { path, text } => ok(OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())?),
        Ask::Read(path) => Told::Text(fs::read_to_string(path)?),
        Ask::List(path) => list(&path)?,
        Ask::Metadata(path) => {
            let metadata = fs::metadata(path)?;
            Told::Metadata { is_dir: metadata.is_dir(), len: metadata.len() }
        }
        Ask::Create(path) => ok(drop(File::create(path)?)),
        Ask::CreateDir(path) => ok(fs::create_dir(path)?),
        Ask::Remove(path) => ok(fs::remove_file(path)?),
        Ask::Rename { from, to } => ok(fs::rename(from, to)?),
        Ask::SetLen { path, len } => ok(OpenOptions::new().write(true).open(path)?.set_len(len)?),
        Ask::OpenMany { folder, count } => open_many(&folder, count),
        Ask::Stream { path, bytes } => stream(&path, bytes)?,
        Ask::Sparse { path, bytes } => sparse(&path, bytes)?,
        Ask::WriteForEver(path) => write_for_ever(&path)?,
    })
}

fn ok((): ()) -> Told {
    Told::Ok
}

fn list(path: &str) -> Result<Told> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(Told::Names(names))
}

fn open_many(folder: &str, count: u32) -> Told {
    let files: Vec<_> = (0..count).map_while(|n| File::create(format!("{folder}/{n}")).ok()).collect();
    Told::Count(files.len() as u64)
}

/// Block `n` of a stream, so that one in the wrong place is found.
fn fill(block: &mut [u8], n: u64) {
    for (at, word) in (0u64..).zip(block.chunks_mut(8)) {
        let bytes = (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at).to_le_bytes();
        word.copy_from_slice(bytes.get(..word.len()).unwrap_or_default());
    }
}

fn stream(path: &str, bytes: u64) -> Result<Told> {
    let mut block = vec![0; BLOCK_BYTES];
    let blocks = bytes / BLOCK_BYTES as u64;
    let mut file = File::create(path)?;
    for n in 0..blocks {
        fill(&mut block, n);
        file.write_all(&block)?;
    }
    drop(file);
    let mut file = File::open(path)?;
    let mut read = vec![0; BLOCK_BYTES];
    for n in 0..blocks {
        fill(&mut block, n);
        file.read_exact(&mut read)?;
        if read != block {
            return Ok(Told::Wrong(format!("block {n} came back different")));
        }
    }
    match file.read(&mut read)? {
        0 => Ok(Told::Count(blocks * BLOCK_BYTES as u64)),
        more => Ok(Told::Wrong(format!("there are {more} bytes behind the end"))),
    }
}

fn sparse(path: &str, bytes: u64) -> Result<Told> {
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    file.set_len(bytes)?;
    for at in [0, bytes / 2, bytes - 8] {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&at.to_le_bytes())?;
    }
    let mut word = [0; 8];
    for at in [0, bytes / 2, bytes - 8] {
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut word)?;
        if word != at.to_le_bytes() {
            return Ok(Told::Wrong(format!("{word:?} at {at}")));
        }
    }
    file.seek(SeekFrom::Start(bytes / 4))?;
    file.read_exact(&mut word)?;
    if word != [0; 8] {
        return Ok(Told::Wrong("a hole has bytes".to_owned()));
    }
    Ok(Told::Count(file.metadata()?.len()))
}

fn write_for_ever(path: &str) -> Result<Told> {
    let mut file = File::create(path)?;
    for n in 0u64.. {
        file.write_all(format!("{n:015}\n").as_bytes())?;
        if n % 64 == 0 {
            wharf_process_lib::print(0, &format!("written {n}"));
        }
    }
    Ok(Told::Ok)
}
