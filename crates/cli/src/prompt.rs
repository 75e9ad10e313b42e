//! Asking: before something is done that the user may not want, and for a password.

use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

use crate::errors::{CliError, CliResult};
use crate::output::note;

/// Whether the user agreed beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    /// Ask at the terminal.
    Ask,
    /// `--yes` was given.
    Given,
}

/// Goes on only when the user agrees to `question`. `otherwise` says what did not happen when not.
pub(crate) fn confirm(question: &str, consent: Consent, otherwise: &str) -> CliResult<()> {
    if consent == Consent::Given {
        return Ok(());
    }
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Err(CliError::declined(format_args!(
            "{otherwise}: this needs your consent, and stdin is no terminal to ask at"
        ))
        .hint("read the lines above; if you agree, run the same command with `--yes`"));
    }
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .map_err(|error| CliError::bad_input(format_args!("cannot read your answer: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::declined(otherwise)),
    }
}

/// Ctrl-C, where the terminal does not make a signal of it.
const CTRL_C: u8 = 3;

/// The terminal without echo, until this is dropped. Ctrl-C ends the line that is typed, and nothing else: a signal would
/// end this program, and leave the terminal as it is.
struct NoEcho {
    before: Termios,
}

impl NoEcho {
    fn new() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = CTRL_C;
        // The end of the line is shown, so that one sees that it was taken.
        quiet.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for NoEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// The first line of stdin, without its end.
pub(crate) fn line() -> CliResult<String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.map_err(|error| CliError::bad_input(format_args!("cannot read stdin: {error}")))?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks for a password at the terminal, without showing what is typed.
pub(crate) fn password(question: &str) -> CliResult<String> {
    if !io::stdin().is_terminal() {
        return Err(CliError::bad_input("stdin is no terminal to ask for a password at")
            .hint("give it on stdin, with `--stdin`"));
    }
    let _quiet =
        NoEcho::new().map_err(|error| CliError::bad_input(format_args!("cannot hide the password: {error}")))?;
    let _ = write!(io::stderr(), "{question}: ");
    typed(io::stdin().lock()).inspect_err(|_| note(""))
}

/// The first line of the terminal, without its end.
fn typed(terminal: impl BufRead) -> CliResult<String> {
    let mut line = Vec::new();
    for byte in terminal.bytes() {
        match byte.map_err(|error| CliError::bad_input(format_args!("cannot read what you type: {error}")))? {
            CTRL_C => return Err(CliError::declined("interrupted")),
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    String::from_utf8(line).map_err(|_| CliError::bad_input("what you typed is not text"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_ends_what_is_typed() {
        assert_eq!(typed(&b"pass word\nrest"[..]).unwrap(), "pass word");
        assert_eq!(typed(&b"to the end"[..]).unwrap(), "to the end");
        assert!(typed(&b"pass\x03word\n"[..]).is_err());
        assert!(typed(&b"\xff\n"[..]).is_err());
    }
}
