//! A command line: `<alias or process:package:publisher> <arguments>`.

use wharf_types::ProcessId;

use crate::aliases;
use crate::error::TerminalError;
use crate::saved::Saved;

/// Longest that is said of a script that does not exist.
const SHOWN_CHARS_MAX: usize = 200;

/// A command line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command<'a> {
    /// The script.
    pub(crate) script: ProcessId,
    /// What it is given: everything behind the first blank.
    pub(crate) arguments: &'a str,
}

/// Takes a line apart; `None` when it is empty.
pub(crate) fn parse<'a>(saved: &Saved, line: &'a str) -> Result<Option<Command<'a>>, TerminalError> {
    let line = line.trim_start().trim_end_matches(['\r', '\n']);
    let (head, arguments) = line.split_once(' ').unwrap_or((line, ""));
    if head.is_empty() {
        return Ok(None);
    }
    let not_found = || TerminalError::NotFound(head.chars().take(SHOWN_CHARS_MAX).collect());
    let script = match aliases::find(saved, head) {
        Some(script) => script,
        None => head.parse::<ProcessId>().map_err(|_| not_found())?,
    };
    // Its parts become part of a path, and of the id of a process: nothing but plain names may.
    if !script.is_creatable() {
        return Err(TerminalError::NoScriptId(script));
    }
    Ok(Some(Command { script, arguments }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart_at_its_first_blank() {
        let saved = Saved::default();
        let parsed = |line| parse(&saved, line).unwrap().map(|command| (command.script.to_string(), command.arguments));
        assert_eq!(parsed(""), None);
        assert_eq!(parsed("  \r\n"), None);
        assert_eq!(parsed("echo"), Some(("echo:terminal:sys".to_owned(), "")));
        assert_eq!(parsed(" a:b:c.os  x y \n"), Some(("a:b:c.os".to_owned(), " x y ")));
    }

    #[test]
    fn no_part_of_a_script_is_a_path() {
        let saved = Saved::default();
        for line in ["../x", "..:a:b", "a:..:b", "a/b:c:d", "a:b/../c:d", "A:b:c", "a_b:c:d", "nobody"] {
            assert!(parse(&saved, line).is_err(), "{line}");
        }
    }
}
