//! Asking before something is done that the user may not want.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::errors::{CliError, CliResult};

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
