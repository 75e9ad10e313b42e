//! One line of the log: whether it is wanted, and how it looks to a person.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};
use wharf_types::{PackageId, ProcessId};

use crate::names::ProcessName;
use crate::output::{Colour, Style};
use crate::text;

/// Fields with a place of their own; all others follow as `name=value`.
const PLACED: [&str; 5] = ["timestamp", "level", "target", "process", "message"];

/// The one field that decides about a line: the others need not be built to skip it.
#[derive(Deserialize)]
struct About<'a> {
    #[serde(borrow)]
    process: Option<Cow<'a, str>>,
}

/// Whether `line` is wanted: all are when no process was named.
pub(crate) fn is_wanted(line: &[u8], process: Option<&ProcessName>) -> bool {
    let Some(name) = process else { return true };
    serde_json::from_slice::<About>(line).is_ok_and(|about| about.process.is_some_and(|id| name.matches(&id)))
}

/// Whether `line` is about a process of this package.
pub(crate) fn is_of_package(line: &[u8], package: &PackageId) -> bool {
    let Ok(About { process: Some(process) }) = serde_json::from_slice::<About>(line) else { return false };
    process.parse::<ProcessId>().is_ok_and(|id| id.is_in(package))
}

/// Whether `line` is a warning or an error.
pub(crate) fn is_warning(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Weight<'a> {
        #[serde(borrow)]
        level: Cow<'a, str>,
    }
    serde_json::from_slice::<Weight>(line).is_ok_and(|weight| matches!(&*weight.level, "WARN" | "ERROR"))
}

/// What the line says.
pub(crate) fn message(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }
    serde_json::from_slice::<Said>(line).ok().map(|said| said.message)
}

/// The line for people: time, level, who, message, the other fields. A line that is not JSON is shown as it is.
pub(crate) fn for_people(line: &[u8], colour: Colour) -> String {
    let Ok(fields) = serde_json::from_slice::<Map<String, Value>>(line) else {
        return text::clean_line(&String::from_utf8_lossy(line));
    };
    let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let level = field("level");
    let who = match (field("process"), field("target")) {
        ("", target) => colour.paint(Style::Dim, &text::clean_line(target)),
        (process, _) => colour.paint(Style::Bold, &text::clean_line(process)),
    };
    let mut parts = vec![
        colour.paint(Style::Dim, &text::clean_line(field("timestamp"))),
        colour.paint(style_of(level), &format!("{:<5}", text::clean_line(level))),
        who,
        text::clean_block(field("message"), "    "),
    ];
    let others = fields.iter().filter(|(name, _)| !PLACED.contains(&name.as_str()));
    parts.extend(others.map(|(name, value)| colour.paint(Style::Dim, &named(name, value))));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn named(name: &str, value: &Value) -> String {
    let value = match value {
        Value::String(text) if !text.is_empty() && !text.contains(char::is_whitespace) => text.clone(),
        other => other.to_string(),
    };
    format!("{}={}", text::clean_line(name), text::clean_line(&value))
}

fn style_of(level: &str) -> Style {
    match level {
        "ERROR" => Style::Red,
        "WARN" => Style::Yellow,
        "INFO" => Style::Green,
        _ => Style::Dim,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    const ECHO: &str = r#"{"timestamp":"2026-11-21T04:00:50.1Z","level":"INFO","message":"hello","target":"guest","process":"echo:echo:wharf.os","n":3,"why":"two words"}"#;

    fn wanted(line: &str, name: &str) -> bool {
        is_wanted(line.as_bytes(), Some(&name.parse().unwrap()))
    }

    #[test]
    fn lines_are_chosen_by_their_process() {
        assert!(wanted(ECHO, "echo"));
        assert!(wanted(ECHO, "echo:echo:wharf.os"));
        assert!(!wanted(ECHO, "ech"));
        assert!(!wanted(ECHO, "echo:echo:other.os"));
        assert!(is_wanted(ECHO.as_bytes(), None));
    }

    #[test]
    fn a_mention_in_the_message_is_not_enough() {
        let line = r#"{"message":"echo:echo:wharf.os was started","target":"wharf_kernel"}"#;
        assert!(!wanted(line, "echo"));
        assert!(!wanted("echo:echo:wharf.os", "echo"));
        assert!(is_wanted(b"not json", None));
    }

    #[test]
    fn a_line_reads_time_level_who_what() {
        let expected = "2026-11-21T04:00:50.1Z INFO  echo:echo:wharf.os hello n=3 why=\"two words\"";
        assert_eq!(for_people(ECHO.as_bytes(), Colour::Off), expected);
        let line = br#"{"timestamp":"t","level":"WARN","message":"slow","target":"wharf_vfs"}"#;
        assert_eq!(for_people(line, Colour::Off), "t WARN  wharf_vfs slow");
    }

    #[test]
    fn a_guest_cannot_forge_a_line() {
        let line = br#"{"timestamp":"t","level":"INFO","message":"x\n2026 ERROR kernel\u001b[2J","process":"a:b:c"}"#;
        assert_eq!(for_people(line, Colour::Off), "t INFO  a:b:c x\n    2026 ERROR kernel\\u{1b}[2J");
        assert_eq!(for_people(b"\x1b[2Jraw", Colour::Off), "\\u{1b}[2Jraw");
    }
}
