//! Lines on their way to a slow place: a thread writes them, and whoever logs never waits. What does not fit into the
//! queue is counted, and the count is written when there is room again.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, channel, sync_channel};
use std::time::Duration;

/// Lines on their way.
const QUEUE: usize = 8_192;
/// How long the end of the process waits for the last lines. A reader of stderr that stopped reading loses them.
const LAST_LINES: Duration = Duration::from_secs(2);

enum Message {
    Line(Vec<u8>),
    End,
}

/// The thread; dropping it lets it write what is left.
pub(crate) struct Lines {
    queue: SyncSender<Message>,
    ended: Receiver<()>,
}

/// Takes lines, one for each write.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Message>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    /// Starts a thread that gives each line to `sink`; `lost` makes a line that says how many were lost.
    pub(crate) fn start(
        name: &str,
        mut sink: impl FnMut(&[u8]) + Send + 'static,
        lost: fn(u64) -> String,
    ) -> io::Result<(Self, Writer)> {
        let (queue, lines) = sync_channel(QUEUE);
        let (at_end, ended) = channel();
        let counted = Arc::new(AtomicU64::new(0));
        let writer = Writer { queue: queue.clone(), lost: Arc::clone(&counted) };
        let write = move || {
            while let Ok(Message::Line(line)) = lines.recv() {
                let count = counted.swap(0, Ordering::Relaxed);
                if count > 0 {
                    sink(lost(count).as_bytes());
                }
                sink(&line);
            }
            drop(at_end);
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(write)?;
        Ok((Self { queue, ended }, writer))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if self.queue.try_send(Message::End).is_ok() {
            match self.ended.recv_timeout(LAST_LINES) {
                Ok(()) | Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Message::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_place_that_stands_still_loses_lines_and_says_how_many() {
        let (go, wait) = channel::<()>();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let sink = move |line: &[u8]| {
            let _ = wait.recv();
            kept.lock().unwrap().push(String::from_utf8(line.to_vec()).unwrap());
        };
        let (lines, mut writer) = Lines::start("test", sink, |count| format!("lost {count}")).unwrap();
        for n in 0..QUEUE + 100 {
            writer.write_all(n.to_string().as_bytes()).unwrap();
        }
        drop(go);
        // Once the queue has room again, the next line is preceded by the count.
        let lost = || seen.lock().unwrap().iter().any(|line| line.starts_with("lost "));
        while !lost() {
            writer.write_all(b"more").unwrap();
            std::thread::yield_now();
        }
        drop(lines);
    }
}
