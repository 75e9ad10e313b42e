//! The log on disk, rotated by size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use wharf_home::Home;

use crate::logging::LogSettings;

/// The file that is being written, and how the next one is begun.
pub(crate) struct LogFile {
    home: Home,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: u32,
}

impl LogFile {
    pub(crate) fn open(home: Home, settings: &LogSettings) -> io::Result<Self> {
        let file = append(&home)?;
        let bytes = file.metadata()?.len();
        Ok(Self { home, file, bytes, bytes_max: settings.file_bytes_max.max(1), files_max: settings.files_max.max(1) })
    }

    /// A full disk must not take the node down; the line is lost, and stderr still has it.
    pub(crate) fn write(&mut self, line: &[u8]) {
        if self.bytes >= self.bytes_max && self.rotate().is_err() {
            return;
        }
        if self.file.write_all(line).is_ok() {
            self.bytes += line.len() as u64;
        }
    }

    /// From the oldest to the newest, so that a number is vacant for a moment but never taken twice.
    fn rotate(&mut self) -> io::Result<()> {
        for n in (1..self.files_max).rev() {
            let newer = if n == 1 { self.home.log() } else { self.home.older_log(n - 1) };
            match fs::rename(newer, self.home.older_log(n)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.files_max == 1 {
            fs::remove_file(self.home.log())?;
        }
        self.file = append(&self.home)?;
        self.bytes = 0;
        Ok(())
    }
}

fn append(home: &Home) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(home.log())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn files_are_rotated_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        fs::create_dir(home.log_dir()).unwrap();
        let settings = LogSettings { file_bytes_max: 10, files_max: 3, ..LogSettings::default() };
        let mut log = LogFile::open(home.clone(), &settings).unwrap();
        for n in 0..10 {
            log.write(format!("line number {n}\n").as_bytes());
        }
        assert_eq!(fs::read_to_string(home.log()).unwrap(), "line number 9\n");
        assert_eq!(fs::read_to_string(home.older_log(2)).unwrap(), "line number 7\n");
        assert!(!home.older_log(3).exists());
    }
}
