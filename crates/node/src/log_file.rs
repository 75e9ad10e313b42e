//! The log on disk: written by a thread of its own, rotated by size. Whoever logs never waits for the disk; what does
//! not fit into the queue is counted and the count is logged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use wharf_home::Home;

use crate::logging::LogSettings;

/// Lines on their way to the disk.
const QUEUE: usize = 8_192;

enum Message {
    Line(Vec<u8>),
    End,
}

/// The thread; dropping it writes what is left.
pub(crate) struct LogFile {
    lines: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// Takes lines.
#[derive(Clone)]
pub(crate) struct Writer {
    lines: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl LogFile {
    pub(crate) fn start(home: Home, settings: &LogSettings) -> io::Result<(Self, Writer)> {
        let (sender, receiver) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let mut current = Current::open(home, settings)?;
        let counted = Arc::clone(&lost);
        let write = move || current.write_all(&receiver, &counted);
        let thread = std::thread::Builder::new().name("wharf-log".to_owned()).spawn(write)?;
        Ok((Self { lines: sender.clone(), thread: Some(thread) }, Writer { lines: sender, lost }))
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        if self.lines.send(Message::End).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Message::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Current {
    home: Home,
    file: File,
    bytes: u64,
    bytes_max: u64,
    files_max: u32,
}

impl Current {
    fn open(home: Home, settings: &LogSettings) -> io::Result<Self> {
        let file = append(&home)?;
        let bytes = file.metadata()?.len();
        Ok(Self { home, file, bytes, bytes_max: settings.file_bytes_max.max(1), files_max: settings.files_max.max(1) })
    }

    fn write_all(&mut self, lines: &Receiver<Message>, lost: &AtomicU64) {
        while let Ok(Message::Line(line)) = lines.recv() {
            let lost = lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                self.write(format!("{{\"level\":\"WARN\",\"message\":\"{lost} lines were lost here: too many came at once\"}}\n").as_bytes());
            }
            self.write(&line);
        }
    }

    /// A full disk must not take the node down; the lines are lost, and stderr still has them.
    fn write(&mut self, line: &[u8]) {
        if self.bytes >= self.bytes_max && self.rotate().is_err() {
            return;
        }
        if self.file.write_all(line).is_ok() {
            self.bytes += line.len() as u64;
        }
    }

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
        let (file, mut writer) = LogFile::start(home.clone(), &settings).unwrap();
        for n in 0..10 {
            writer.write_all(format!("line number {n}\n").as_bytes()).unwrap();
        }
        drop(file);
        assert_eq!(fs::read_to_string(home.log()).unwrap(), "line number 9\n");
        assert_eq!(fs::read_to_string(home.older_log(2)).unwrap(), "line number 7\n");
        assert!(!home.older_log(3).exists());
    }
}
