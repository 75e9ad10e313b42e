//! A command that goes on until it is stopped.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cli::Ran;

/// How long something may take to be said, the first build of all libraries too. Only a failing test waits so long.
const SAID: Duration = Duration::from_secs(1_800);

/// It runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: Option<JoinHandle<String>>,
}

impl Running {
    /// Starts it.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let stderr = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { child, lines, seen: Vec::new(), stderr: Some(stderr) }
    }

    /// Its next line with this in it.
    pub fn wait_for(&mut self, part: &str) -> String {
        let deadline = Instant::now() + SAID;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
        let _ = self.child.kill();
        let stderr = self.stderr.take().map(|stderr| stderr.join().unwrap_or_default()).unwrap_or_default();
        panic!("it never said {part:?}:\n{}\n{stderr}", self.seen.join("\n"));
    }

    /// Its next event of this kind.
    pub fn wait_for_event(&mut self, event: &str) -> Value {
        serde_json::from_str(&self.wait_for(&format!("\"event\":\"{event}\""))).unwrap()
    }

    /// Sends it a signal and waits for its end.
    pub fn end(mut self, signal: Signal) -> Ran {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let status = self.child.wait().unwrap();
        self.seen.extend(self.lines.iter());
        let stderr = self.stderr.take().unwrap().join().unwrap();
        Ran { code: status.code().unwrap_or(-1), stdout: self.seen.join("\n"), stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // So that it can put away what it made.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
