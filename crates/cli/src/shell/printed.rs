//! What one process prints, read from the node's log while it is written.

use std::borrow::Cow;
use std::io;

use serde::Deserialize;
use wharf_home::Home;

use crate::errors::{CliError, CliResult};
use crate::log_file::Follower;

/// Target of the lines that guests print.
const GUEST: &str = "guest";
/// What the kernel says when a process was killed.
const KILLED: &str = "killed";

/// The log, from some place on.
pub(super) struct Printed {
    follower: Follower,
    home: Home,
    /// Name of the last process that was asked for and of which the log says that it has ended.
    ended: Option<String>,
}

/// The fields that decide what a line is.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    process: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    message: String,
    /// How the process ended, where the line says that it did.
    #[serde(borrow)]
    exit: Option<Cow<'a, str>>,
}

impl Printed {
    /// From the end of the log on.
    pub(super) fn from_here(home: &Home) -> CliResult<Self> {
        let follower = Follower::from_end(home).map_err(|error| cannot_read(home, &error))?;
        Ok(Self { follower, home: home.clone(), ended: None })
    }

    /// Hands what the process of this name has printed since the last call to `each`. Tells whether the log says that it
    /// has ended: then nothing of it follows.
    pub(super) fn poll(&mut self, name: &str, mut each: impl FnMut(String) -> CliResult<()>) -> CliResult<bool> {
        let (mut found, mut has_ended) = (Vec::new(), self.ended.as_deref() == Some(name));
        let polled = self.follower.poll(|line| {
            if let Some(Line { target, message, exit, .. }) = about(&line, name) {
                if target == GUEST {
                    found.push(message);
                } else {
                    has_ended |= exit.is_some() || message == KILLED;
                }
            }
            Ok::<(), io::Error>(())
        });
        polled.map_err(|error| cannot_read(&self.home, &error))?;
        if has_ended {
            self.ended = Some(name.to_owned());
        }
        found.into_iter().try_for_each(&mut each)?;
        Ok(has_ended)
    }
}

fn cannot_read(home: &Home, error: &io::Error) -> CliError {
    CliError::file("read the logs in", &home.log_dir(), error)
}

fn about<'a>(line: &'a [u8], name: &str) -> Option<Line<'a>> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    line.process.split_once(':').is_some_and(|(process, _)| process == name).then_some(line)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_one_process_up_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        std::fs::create_dir(home.log_dir()).unwrap();
        let old = r#"{"process":"7:a:b","target":"guest","message":"old"}"#;
        std::fs::write(home.log(), format!("{old}\n")).unwrap();
        let mut printed = Printed::from_here(&home).unwrap();
        let mut lines = Vec::new();
        let lines_of = [
            r#"{"process":"7:a:b","target":"guest","message":"one\ntwo"}"#,
            r#"{"process":"77:a:b","target":"guest","message":"of another"}"#,
            r#"{"process":"7:a:b","target":"wharf_kernel::limit_hits","message":"a limit"}"#,
            "not json",
        ];
        let append = |text: &str| {
            use std::io::Write;
            let mut file = std::fs::File::options().append(true).open(home.log()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        append(&format!("{}\n", lines_of.join("\n")));
        let mut each = |line| {
            lines.push(line);
            Ok(())
        };
        assert!(!printed.poll("7", &mut each).unwrap());
        append(
            "{\"process\":\"7:a:b\",\"target\":\"wharf_kernel::supervisor\",\"message\":\"returned\",\"exit\":\"returned\"}\n",
        );
        assert!(printed.poll("7", &mut each).unwrap());
        assert!(printed.poll("7", &mut each).unwrap(), "it stays so");
        assert!(!printed.poll("77", |_| Ok(())).unwrap());
        assert_eq!(lines, ["one\ntwo"]);
    }
}
