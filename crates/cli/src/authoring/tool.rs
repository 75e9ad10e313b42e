//! Running the tools of other languages, quietly: what they say is shown when they fail.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::authoring::progress::Progress;
use crate::errors::{CliError, CliResult};
use crate::output::note;
use crate::text;

/// Lines that are shown of what a tool said: some from the beginning, where npm says what is wrong, and some from the end, where
/// the others do.
const FIRST_LINES_MAX: usize = 12;
const LAST_LINES_MAX: usize = 40;

/// A tool that a package needs, and how one gets it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// The program.
    pub(crate) name: &'static str,
    /// The command that gets it, or what to do.
    pub(crate) get: &'static str,
}

impl Tool {
    /// Runs it to its end. `doing` is what a person reads meanwhile.
    pub(crate) fn run(self, doing: &str, command: &mut Command) -> CliResult<()> {
        let progress = Progress::of(doing);
        let output = command.stdin(Stdio::null()).output();
        drop(progress);
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(self.failed(doing, &output)),
            Err(error) => Err(self.missing(&error)),
        }
    }

    fn missing(self, error: &io::Error) -> CliError {
        if error.kind() == io::ErrorKind::NotFound {
            return CliError::bad_input(format_args!("this package needs `{}`, which is not here", self.name))
                .hint(self.get);
        }
        CliError::bad_input(format_args!("cannot run `{}`: {error}", self.name))
    }

    fn failed(self, doing: &str, output: &Output) -> CliError {
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].map(String::from_utf8_lossy).concat();
        let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LAST_LINES_MAX);
        for (at, line) in lines.iter().enumerate() {
            match at {
                _ if at < FIRST_LINES_MAX || at >= last => note(&text::clean_line(line)),
                FIRST_LINES_MAX => note("..."),
                _ => {}
            }
        }
        CliError::bad_input(format_args!("{doing}: `{}` failed ({})", self.name, output.status))
            .hint("what is wrong is above")
    }
}

/// Whoever holds it works on a folder alone. Given back when it is dropped.
pub(crate) fn lock(folder: &Path) -> CliResult<File> {
    fs::create_dir_all(folder).map_err(|error| CliError::file("make the folder", folder, &error))?;
    let path = folder.join(".lock");
    let file = File::create(&path).map_err(|error| CliError::file("write", &path, &error))?;
    file.lock().map_err(|error| CliError::file("lock", &path, &error))?;
    Ok(file)
}
