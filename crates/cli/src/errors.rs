//! What a command fails with: what was tried and why it failed, the next step to try, and the exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::output::{Colour, Style};
use crate::text;

/// Result of everything a command does.
pub(crate) type CliResult<T> = Result<T, CliError>;

/// Kinds of failure. The numbers are public: scripts rely on them. 2 is clap's, for usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The node, or a process on it, refused or did not answer in time.
    Refused = 1,
    /// There is no node to speak with.
    Unreachable = 3,
    /// Something on this side is bad: a file, a package, a name.
    BadInput = 4,
    /// The user said no.
    Declined = 5,
    /// Whoever read our output went away, as `head` does. Not a failure.
    PipeClosed = 0,
}

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct CliError {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl CliError {
    fn new(kind: Kind, message: impl Display) -> Self {
        Self { kind, message: message.to_string(), hint: None }
    }

    /// The node or a process refused.
    pub(crate) fn refused(message: impl Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// No node answers.
    pub(crate) fn unreachable(message: impl Display) -> Self {
        Self::new(Kind::Unreachable, message)
    }

    /// Something on this side is bad.
    pub(crate) fn bad_input(message: impl Display) -> Self {
        Self::new(Kind::BadInput, message)
    }

    /// The user said no.
    pub(crate) fn declined(message: impl Display) -> Self {
        Self::new(Kind::Declined, message)
    }

    /// `doing` something with the file at `path` failed.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::bad_input(format_args!("cannot {doing} {}: {error}", path.display()))
    }

    /// Our own output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(Kind::PipeClosed, "output closed"),
            _ => Self::bad_input(format_args!("cannot write the output: {error}")),
        }
    }

    /// Adds the next step to try.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// Whether it is about this one request, so that another one may well work.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Refused)
    }

    /// Whether the user called it off.
    pub(crate) fn is_declined(&self) -> bool {
        matches!(self.kind, Kind::Declined)
    }

    /// The failure without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Shows the failure on stderr.
    pub(crate) fn report(&self) {
        if self.kind == Kind::PipeClosed {
            return;
        }
        let colour = Colour::of_stderr();
        let mut lines = format!("{} {}\n", colour.paint(Style::Red, "error:"), text::clean_block(&self.message, "  "));
        if let Some(hint) = &self.hint {
            lines += &format!("{} {}\n", colour.paint(Style::Cyan, "hint:"), text::clean_block(hint, "  "));
        }
        // Nobody is left to tell when stderr is gone.
        let _ = io::stderr().write_all(lines.as_bytes());
    }

    /// The code this process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}
