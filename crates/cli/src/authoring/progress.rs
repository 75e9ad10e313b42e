//! What long work looks like: a line that moves, on a terminal; a plain line elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::output::note;

const FRAMES: [&str; 4] = ["|", "/", "-", "\\"];
const FRAME: Duration = Duration::from_millis(120);

/// Shown from when it is made until it is dropped.
pub(crate) struct Progress {
    /// Ends the thread when it is dropped; `None` where nothing moves.
    moving: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Says what is being done.
    pub(crate) fn of(doing: &str) -> Self {
        if !io::stderr().is_terminal() {
            note(doing);
            return Self { moving: None };
        }
        let (end, ended) = mpsc::channel::<()>();
        let doing = doing.to_owned();
        let moving = thread::Builder::new().name("progress".to_owned()).spawn(move || {
            let begun = Instant::now();
            for frame in FRAMES.iter().cycle() {
                // A line that cannot be shown must not end the command.
                let _ = write!(io::stderr(), "\r\x1b[K{frame} {doing} ({} s)", begun.elapsed().as_secs());
                if ended.recv_timeout(FRAME) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            let _ = write!(io::stderr(), "\r\x1b[K");
        });
        Self { moving: moving.ok().map(|thread| (end, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.moving.take() {
            drop(end);
            // The thread only writes lines; there is nothing to learn from how it ended.
            let _ = thread.join();
        }
    }
}
