//! Reading the node's log files, oldest first, while the node may be writing and rotating them.
//!
//! Rotation renames `wharf.jsonl` to `wharf.1.jsonl`, that to `wharf.2.jsonl`, and so on. A file keeps its inode when it
//! is renamed: that is how a file is known again under another name.

use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use wharf_home::Home;

/// Longest line that is read as one; what is beyond comes as a line of its own.
const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Most older logs that are looked for.
const OLDER_MAX: u32 = 1000;

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// One log file, read line by line.
pub(crate) struct LogFile {
    reader: BufReader<File>,
    identity: Identity,
    /// The beginning of a line whose end is not written yet.
    partial: Vec<u8>,
}

impl LogFile {
    /// Opens a log; `None` when there is none of that name.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let identity = Identity::from(&file.metadata()?);
        Ok(Some(Self { reader: BufReader::new(file), identity, partial: Vec::new() }))
    }

    /// The next whole line without its end. `None` when there is none yet.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let room = LINE_BYTES_MAX.saturating_sub(self.partial.len());
        let limit = u64::try_from(room).unwrap_or(u64::MAX);
        (&mut self.reader).take(limit).read_until(b'\n', &mut self.partial)?;
        if self.partial.last() == Some(&b'\n') {
            self.partial.pop();
            return Ok(Some(mem::take(&mut self.partial)));
        }
        if self.partial.len() >= LINE_BYTES_MAX {
            return Ok(Some(mem::take(&mut self.partial)));
        }
        Ok(None)
    }

    /// Begins anew when the file became shorter than what was read of it: someone emptied it.
    fn rewind_if_shrunk(&mut self) -> io::Result<()> {
        if self.reader.get_ref().metadata()?.len() < self.reader.stream_position()? {
            self.partial.clear();
            self.reader.seek(SeekFrom::Start(0))?;
        }
        Ok(())
    }
}

/// All logs of `home`, the newest first.
///
/// They are opened in that order because rotation moves files the other way: a file can be met twice, which its identity
/// shows, but none can be missed.
pub(crate) fn open_all(home: &Home) -> io::Result<Vec<LogFile>> {
    let mut files: Vec<LogFile> = Vec::new();
    files.extend(LogFile::open(&home.log())?);
    let mut missing = 0;
    for n in 1..=OLDER_MAX {
        let Some(file) = LogFile::open(&home.older_log(n))? else {
            missing += 1;
            // One number is vacant in the middle of a rotation; two are the end.
            if missing > 1 {
                break;
            }
            continue;
        };
        missing = 0;
        if files.iter().all(|known| known.identity != file.identity) {
            files.push(file);
        }
    }
    Ok(files)
}

/// The log that is being written, from where it was last read.
pub(crate) struct Follower {
    home: Home,
    current: Option<LogFile>,
}

impl Follower {
    /// Goes on with `current`, which was read up to some place; `None` when there was no log yet.
    pub(crate) fn new(home: Home, current: Option<LogFile>) -> Self {
        Self { home, current }
    }

    /// From the end of the log that is being written, or from the beginning of the first one.
    pub(crate) fn from_end(home: &Home) -> io::Result<Self> {
        let mut current = LogFile::open(&home.log())?;
        if let Some(file) = &mut current {
            file.reader.seek(SeekFrom::End(0))?;
        }
        Ok(Self::new(home.clone(), current))
    }

    /// Hands every line that appeared since the last call to `each`.
    pub(crate) fn poll<E: From<io::Error>>(&mut self, mut each: impl FnMut(Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        if let Some(file) = &mut self.current {
            file.rewind_if_shrunk()?;
            drain(file, &mut each)?;
        }
        let newest = match std::fs::metadata(self.home.log()) {
            Ok(metadata) => Identity::from(&metadata),
            // Between the two halves of a rotation, or before the first line.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if self.current.as_ref().is_some_and(|file| file.identity == newest) {
            return Ok(());
        }
        // The old file can have got lines after it was drained and before it was moved away.
        let known = self.current.as_ref().map(|file| file.identity);
        if let Some(file) = &mut self.current {
            drain(file, &mut each)?;
        }
        // More than one rotation can have happened: everything newer than the file we know is new.
        let newer = open_all(&self.home)?.into_iter().take_while(|file| Some(file.identity) != known);
        let mut newer: Vec<LogFile> = if known.is_some() { newer.collect() } else { newer.take(1).collect() };
        for file in newer.iter_mut().rev() {
            drain(file, &mut each)?;
        }
        if !newer.is_empty() {
            self.current = Some(newer.swap_remove(0));
        }
        Ok(())
    }
}

/// Hands every line that is there to `each`.
pub(crate) fn drain<E: From<io::Error>>(
    file: &mut LogFile,
    mut each: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    while let Some(line) = file.next_line()? {
        each(line)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        fs::create_dir(home.log_dir()).unwrap();
        (dir, home)
    }

    fn append(path: &Path, text: &str) {
        File::options().create(true).append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn new_lines(follower: &mut Follower) -> Vec<String> {
        let mut lines = Vec::new();
        let each = |line: Vec<u8>| {
            lines.push(String::from_utf8(line).unwrap());
            Ok::<(), io::Error>(())
        };
        follower.poll(each).unwrap();
        lines
    }

    #[test]
    fn all_logs_are_found_newest_first() {
        let (_dir, home) = home();
        append(&home.older_log(2), "1\n");
        append(&home.older_log(1), "2\n");
        append(&home.log(), "3\n");
        let mut files = open_all(&home).unwrap();
        let lines: Vec<_> = files.iter_mut().filter_map(|file| file.next_line().unwrap()).collect();
        assert_eq!(lines, [b"3", b"2", b"1"]);
    }

    #[test]
    fn older_logs_are_found_in_the_middle_of_a_rotation() {
        let (_dir, home) = home();
        append(&home.older_log(2), "1\n");
        append(&home.log(), "2\n");
        assert_eq!(open_all(&home).unwrap().len(), 2);
    }

    #[test]
    fn a_line_is_seen_once_its_end_is_written() {
        let (_dir, home) = home();
        let mut follower = Follower::new(home.clone(), None);
        assert!(new_lines(&mut follower).is_empty());
        append(&home.log(), "one\ntw");
        assert_eq!(new_lines(&mut follower), ["one"]);
        append(&home.log(), "o\n");
        assert_eq!(new_lines(&mut follower), ["two"]);
    }

    #[test]
    fn nothing_is_lost_or_doubled_when_logs_rotate_between_two_looks() {
        let (_dir, home) = home();
        append(&home.log(), "a\n");
        let mut follower = Follower::new(home.clone(), None);
        assert_eq!(new_lines(&mut follower), ["a"]);
        append(&home.log(), "b\n");
        fs::rename(home.log(), home.older_log(1)).unwrap();
        append(&home.log(), "c\n");
        fs::rename(home.older_log(1), home.older_log(2)).unwrap();
        fs::rename(home.log(), home.older_log(1)).unwrap();
        append(&home.log(), "d\n");
        assert_eq!(new_lines(&mut follower), ["b", "c", "d"]);
        append(&home.log(), "e\n");
        assert_eq!(new_lines(&mut follower), ["e"]);
    }

    #[test]
    fn an_emptied_log_is_read_from_its_beginning() {
        let (_dir, home) = home();
        append(&home.log(), "a long first line\n");
        let mut follower = Follower::new(home.clone(), None);
        new_lines(&mut follower);
        fs::write(home.log(), "b\n").unwrap();
        assert_eq!(new_lines(&mut follower), ["b"]);
    }
}
