//! Files from here to there and back, in pieces: neither side has a whole file in memory.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use wharf_types::vfs::{FileType, VfsAction};

use super::remote::Remote;
use crate::errors::{CliError, CliResult};
use crate::output::{Output, Reader, note};
use crate::replace::Draft;
use crate::text;

/// One message's part of a file. A blob in an answer takes about five times its size.
const PIECE_BYTES: u64 = 4 << 20;
/// Progress is shown this often, and not at all for what is done sooner.
const PROGRESS: Duration = Duration::from_secs(1);

/// Prints a file: to a program as it is, to a terminal as text that cannot steer it.
pub(super) fn cat(path: &str, remote: &Remote<'_>, output: &mut Output) -> CliResult<()> {
    if output.reader() == Reader::Program {
        return pieces(path, remote, |piece| output.raw(piece)).map(drop);
    }
    let no_text = || {
        CliError::refused(format_args!("{path} is not text"))
            .hint("send it to a file or a program, or copy it with `wharf fs get`")
    };
    let mut text = text::Pieces::default();
    pieces(path, remote, |piece| output.raw(text.clean(piece).ok_or_else(no_text)?.as_bytes()))?;
    if text.is_whole() { Ok(()) } else { Err(no_text()) }
}

/// Copies a file to this machine; returns where it is and how large. What was there is replaced once all of it is here.
pub(super) fn get(path: &str, file: Option<&Path>, remote: &Remote<'_>) -> CliResult<(PathBuf, u64)> {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let to = match file {
        Some(file) if file.is_dir() => file.join(name),
        Some(file) => file.to_owned(),
        None => PathBuf::from(name),
    };
    let wrong = |error: &std::io::Error| CliError::file("write", &to, error);
    let mut draft = Draft::of(&to).map_err(|error| wrong(&error))?;
    let len = pieces(path, remote, |piece| draft.write_all(piece).map_err(|error| wrong(&error)))?;
    draft.sync().and_then(|()| draft.put_in_place()).map_err(|error| wrong(&error))?;
    Ok((to, len))
}

/// Hands on a file, piece by piece, and returns its length.
fn pieces(path: &str, remote: &Remote<'_>, mut take: impl FnMut(&[u8]) -> CliResult<()>) -> CliResult<u64> {
    let metadata = remote.metadata(path)?;
    if metadata.file_type != FileType::File {
        return Err(CliError::refused(format_args!("{path} is not a file")).hint("`wharf fs ls` lists a folder"));
    }
    let mut progress = Progress::new(path, metadata.len);
    let mut sum = Context::new(&SHA256);
    let mut offset = 0;
    while offset < metadata.len {
        let length = PIECE_BYTES.min(metadata.len - offset);
        let piece = remote.read(path, offset, length)?;
        sum.update(&piece);
        take(&piece)?;
        offset += length;
        progress.at(offset);
    }
    if metadata.len > 0 {
        let hash = remote.hash(path)?;
        // Somebody may have changed it meanwhile.
        if sum.finish().as_ref() != hash {
            return Err(CliError::refused(format_args!("{path} changed while it was read")).hint("try again"));
        }
    }
    Ok(metadata.len)
}

/// Copies a file into a drive; returns its path there and how large it is. What was there is replaced in one step.
pub(super) fn put(file: &Path, path: &str, remote: &Remote<'_>) -> CliResult<(String, u64)> {
    let wrong = |error: &std::io::Error| CliError::file("read", file, error);
    let mut source = File::open(file).map_err(|error| wrong(&error))?;
    let metadata = source.metadata().map_err(|error| wrong(&error))?;
    if !metadata.is_file() {
        return Err(CliError::bad_input(format_args!("{} is not a file", file.display())));
    }
    let to = match path.strip_suffix('/') {
        Some(folder) => {
            let name = file.file_name().and_then(OsStr::to_str);
            let name = name.ok_or_else(|| CliError::bad_input("the name of the file is not text"))?;
            format!("{folder}/{name}")
        }
        None => path.to_owned(),
    };
    if metadata.len() <= PIECE_BYTES {
        let bytes = fs::read(file).map_err(|error| wrong(&error))?;
        remote.act("write", &to, VfsAction::Write, Some(&bytes))?;
        return Ok((to, bytes.len() as u64));
    }
    let part = format!("{to}.{:08x}.part", std::process::id());
    match put_pieces(&mut source, file, metadata.len(), &part, remote) {
        Ok(len) => {
            remote.act("write", &part, VfsAction::SyncAll, None)?;
            remote.act("write", &part, VfsAction::Rename { new_path: to.clone() }, None)?;
            Ok((to, len))
        }
        Err(error) => {
            if remote.act("remove", &part, VfsAction::RemoveFile, None).is_err() {
                note(&format!("a part of it may be left at {part}"));
            }
            Err(error)
        }
    }
}

fn put_pieces(source: &mut File, file: &Path, len: u64, part: &str, remote: &Remote<'_>) -> CliResult<u64> {
    let mut progress = Progress::new(&file.display().to_string(), len);
    remote.act("create", part, VfsAction::CreateFile, None)?;
    let mut done = 0;
    loop {
        let mut piece = Vec::new();
        let read = Read::by_ref(source).take(PIECE_BYTES).read_to_end(&mut piece);
        read.map_err(|error| CliError::file("read", file, &error))?;
        if piece.is_empty() {
            return Ok(done);
        }
        remote.act("write", part, VfsAction::Append, Some(&piece))?;
        done += piece.len() as u64;
        progress.at(done);
    }
}

/// Tells a person how far a long transfer is.
struct Progress {
    what: String,
    all: u64,
    next: Option<Instant>,
}

impl Progress {
    fn new(what: &str, all: u64) -> Self {
        let next = std::io::stderr().is_terminal().then(|| Instant::now() + PROGRESS);
        Self { what: text::clean_line(what), all, next }
    }

    fn at(&mut self, done: u64) {
        if self.next.is_some_and(|next| Instant::now() >= next) && done < self.all {
            let bytes = |count: u64| text::bytes(usize::try_from(count).unwrap_or(usize::MAX));
            note(&format!("{}: {} of {}", self.what, bytes(done), bytes(self.all)));
            self.next = Some(Instant::now() + PROGRESS);
        }
    }
}
