//! This program run by itself: what takes long runs apart, so that it can be ended at any moment with all that it started.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::errors::{CliError, CliResult};
use crate::interrupts::{Interrupts, LOOK};

/// Longest result that is read.
const RESULT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Who sees what the run remarks on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remarks {
    /// The user, as it comes.
    Shown,
    /// Whoever looks at the result.
    Kept,
}

/// A run of this program with `--json`. It and all that it started end when this is dropped.
pub(crate) struct Helper {
    child: Child,
    result: File,
    remarks: File,
    ended: bool,
}

/// How it ended.
pub(crate) struct Ended {
    /// What it printed: `null` when it failed.
    pub(crate) result: Value,
    /// What it remarked, where that was kept.
    pub(crate) remarks: String,
    status: ExitStatus,
}

impl Ended {
    /// Whether it did what it was to do.
    pub(crate) fn worked(&self) -> bool {
        self.status.success()
    }
}

impl Helper {
    /// Starts it.
    pub(crate) fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>, remarks: Remarks) -> CliResult<Self> {
        let failed = |error| CliError::bad_input(format_args!("cannot start a part of this program: {error}"));
        // Files, not pipes: nobody has to read while it runs.
        let (result, kept) = (tempfile::tempfile().map_err(failed)?, tempfile::tempfile().map_err(failed)?);
        // This very program, even if another was put in its place meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("wharf").args(args).arg("--json").stdin(Stdio::null()).stdout(result.try_clone().map_err(failed)?);
        if remarks == Remarks::Kept {
            command.stderr(kept.try_clone().map_err(failed)?);
        }
        // A group of its own: Ctrl-C reaches us alone, and we reach all of it.
        let child = command.process_group(0).spawn().map_err(failed)?;
        Ok(Self { child, result, remarks: kept, ended: false })
    }

    /// How it ended, if it has.
    pub(crate) fn poll(&mut self) -> CliResult<Option<Ended>> {
        let failed = |error| CliError::bad_input(format_args!("cannot wait for a part of this program: {error}"));
        let Some(status) = self.child.try_wait().map_err(failed)? else { return Ok(None) };
        self.ended = true;
        let text = text(&mut self.result).map_err(failed)?;
        let result = serde_json::from_str(&text).unwrap_or_default();
        Ok(Some(Ended { result, remarks: self::text(&mut self.remarks).map_err(failed)?, status }))
    }

    /// Waits for its end, unless we are to end ourselves.
    pub(crate) fn wait(mut self, interrupts: &Interrupts) -> CliResult<Ended> {
        loop {
            interrupts.check()?;
            if let Some(ended) = self.poll()? {
                return Ok(ended);
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // It may end by itself just now.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

fn text(file: &mut File) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(RESULT_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
