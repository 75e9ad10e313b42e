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
    /// The last process that was asked for and of which the log says that it has ended.
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

    /// Hands what a process has printed since the last call to `each`. Tells whether the log says that it has ended: then
    /// nothing of it follows.
    ///
    /// `process` is its id, or its name alone while no more is known of it: another package's may have the same.
    pub(super) fn poll(&mut self, process: &str, mut each: impl FnMut(String) -> CliResult<()>) -> CliResult<bool> {
        let mut found = Vec::new();
        let polled = self.follower.poll(|line| {
            if let Some(Line { process: id, target, message, exit }) = about(&line, process) {
                if target == GUEST {
                    found.push(message);
                } else if exit.is_some() || message == KILLED {
                    self.ended = Some(id.into_owned());
                }
            }
            Ok::<(), io::Error>(())
        });
        polled.map_err(|error| cannot_read(&self.home, &error))?;
        found.into_iter().try_for_each(&mut each)?;
        Ok(self.ended.as_deref().is_some_and(|ended| is(ended, process)))
    }
}

fn cannot_read(home: &Home, error: &io::Error) -> CliError {
    CliError::file("read the logs in", &home.log_dir(), error)
}

fn about<'a>(line: &'a [u8], process: &str) -> Option<Line<'a>> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    is(&line.process, process).then_some(line)
}

/// Whether this is the id of the process that is meant by its id or by its name, in which there is no `:`.
fn is(id: &str, process: &str) -> bool {
    id == process || id.split_once(':').is_some_and(|(name, _)| name == process)
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
        assert!(printed.poll("7:a:b", &mut each).unwrap(), "by its id, too");
        assert!(!printed.poll("77", |_| Ok(())).unwrap());
        assert!(!printed.poll("7:c:d", |_| Ok(())).unwrap());
        assert_eq!(lines, ["one\ntwo"]);
        append("{\"process\":\"7:c:d\",\"target\":\"guest\",\"message\":\"of another package\"}\n");
        append("{\"process\":\"7:a:b\",\"target\":\"guest\",\"message\":\"three\"}\n");
        let mut of_one = Vec::new();
        let each = |line| {
            of_one.push(line);
            Ok(())
        };
        printed.poll("7:a:b", each).unwrap();
        assert_eq!(of_one, ["three"]);
    }
}
