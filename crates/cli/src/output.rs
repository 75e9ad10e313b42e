//! Where results go: stdout, as text for people or as JSON for programs.

use std::io::{self, BufWriter, IsTerminal, Write};

use serde::Serialize;

use crate::errors::{CliError, CliResult};
use crate::table::Table;
use crate::text;

/// What the user wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
}

/// What reads stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person at a terminal.
    Terminal,
    /// A file or a program.
    Program,
}

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Cyan,
}

/// Whether styles are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    On,
    Off,
}

impl Colour {
    fn of(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        if stream.is_terminal() && !refused && !dumb { Self::On } else { Self::Off }
    }

    /// For text on stderr.
    pub(crate) fn of_stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// `text` in `style`.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match (self, style) {
            (Self::Off, _) | (Self::On, Style::Plain) => return text.to_owned(),
            (Self::On, Style::Bold) => 1,
            (Self::On, Style::Dim) => 2,
            (Self::On, Style::Red) => 31,
            (Self::On, Style::Green) => 32,
            (Self::On, Style::Yellow) => 33,
            (Self::On, Style::Cyan) => 36,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Stdout, buffered: a log of a million lines is not a million system calls.
pub(crate) struct Output {
    sink: Box<dyn Write>,
    format: Format,
    reader: Reader,
    colour: Colour,
}

impl Output {
    /// Writes to this process's stdout.
    pub(crate) fn stdout(format: Format) -> Self {
        let stdout = io::stdout();
        let reader = if stdout.is_terminal() { Reader::Terminal } else { Reader::Program };
        let colour = Colour::of(&stdout);
        Self { sink: Box::new(BufWriter::new(stdout)), format, reader, colour }
    }

    /// What the user wants to read.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Who reads it.
    pub(crate) fn reader(&self) -> Reader {
        self.reader
    }

    /// Whether styles are used.
    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// Writes bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> CliResult<()> {
        self.sink.write_all(bytes).map_err(|error| CliError::output(&error))
    }

    /// Writes a line. The text is the caller's, made safe already.
    pub(crate) fn line(&mut self, text: &str) -> CliResult<()> {
        self.raw(text.as_bytes())?;
        self.raw(b"\n")
    }

    /// Writes a value as JSON: for a person indented and such that it cannot steer the terminal, for a program on one line.
    pub(crate) fn json<T: Serialize>(&mut self, value: &T) -> CliResult<()> {
        let json = match self.reader {
            Reader::Terminal => serde_json::to_string_pretty(value).map(|json| text::clean_json(&json)),
            Reader::Program => serde_json::to_string(value),
        };
        self.line(&json.map_err(|error| CliError::bad_input(format_args!("cannot write the result as JSON: {error}")))?)
    }

    /// Writes a table.
    pub(crate) fn table(&mut self, table: &Table) -> CliResult<()> {
        let text = table.render(self.colour);
        self.raw(text.as_bytes())
    }

    /// Hands on everything that was written.
    pub(crate) fn flush(&mut self) -> CliResult<()> {
        self.sink.flush().map_err(|error| CliError::output(&error))
    }
}

/// Writes a line to stderr: progress and remarks, which are no result.
pub(crate) fn note(text: &str) {
    // A remark that cannot be shown must not end the command.
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_off_leaves_text_alone() {
        assert_eq!(Colour::Off.paint(Style::Red, "x"), "x");
        assert_eq!(Colour::On.paint(Style::Plain, "x"), "x");
        assert_eq!(Colour::On.paint(Style::Red, "x"), "\x1b[31mx\x1b[0m");
    }
}
