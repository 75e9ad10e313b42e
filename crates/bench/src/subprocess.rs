//! A program that says a line when it is ready, and maybe more later, and is killed when the value is dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// A program that is ready.
pub(crate) struct Subprocess {
    child: Child,
    /// What it said.
    pub(crate) ready: String,
    /// Time from just before `exec` until it had said it.
    pub(crate) boot: Duration,
    // Kept open: a program that prints into a closed pipe may end.
    stdout: BufReader<ChildStdout>,
}

impl Subprocess {
    /// Starts it and waits for its line.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let stdout = child.stdout.take().ok_or_else(|| anyhow!("{command:?} has no stdout"))?;
        let mut this = Self { child, ready: String::new(), boot: Duration::ZERO, stdout: BufReader::new(stdout) };
        this.stdout.read_line(&mut this.ready).with_context(|| format!("reading what {command:?} says"))?;
        this.boot = start.elapsed();
        Ok(this)
    }

    /// Waits for the next line that it says.
    pub(crate) fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let length = self.stdout.read_line(&mut line).context("reading what a program says")?;
        ensure!(length > 0, "it ended where it should have said more");
        Ok(line)
    }

    /// Ends it with SIGTERM, and gives it all the time it wants.
    pub(crate) fn terminate(&mut self) -> Result<ExitStatus> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or_else(|| anyhow!("it has no process id"))?, Signal::TERM).context("sending SIGTERM")?;
        self.child.wait().context("waiting for its end")
    }

    /// Ends it with `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill().context("killing it")?;
        self.child.wait().context("waiting for its end")
    }

    /// Bytes of its memory that are resident.
    pub(crate) fn resident_bytes(&self) -> Result<f64> {
        resident_bytes(&self.child.id().to_string())
    }
}

impl Drop for Subprocess {
    fn drop(&mut self) {
        // It may have ended already, and there is nobody to tell.
        drop(self.kill());
    }
}

/// `VmRSS` of a process; `self` is this one.
pub(crate) fn resident_bytes(pid: &str) -> Result<f64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| path.clone())?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    let kibibytes: Option<f64> = kibibytes.and_then(|number| number.parse().ok());
    ensure!(kibibytes.is_some(), "{path} has no VmRSS");
    Ok(kibibytes.unwrap_or_default() * 1024.0)
}
