//! What Tab offers: short names, scripts and processes.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};
use wharf_types::ProcessId;
use wharf_types::terminal::{TerminalList, TerminalRequest, TerminalResponse};

use crate::client::{Client, QUICK_S};

/// How long the node is not asked again.
const FRESH: Duration = Duration::from_secs(2);

/// Completes lines for one node.
pub(super) struct Completion<'a> {
    client: &'a Client,
    known: RefCell<Option<(Instant, Known)>>,
}

/// What there is on the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) list: TerminalList,
    pub(super) processes: Vec<ProcessId>,
}

impl<'a> Completion<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client, known: RefCell::new(None) }
    }

    fn known(&self) -> Known {
        let mut known = self.known.borrow_mut();
        match &*known {
            Some((at, known)) if at.elapsed() < FRESH => return known.clone(),
            _ => {}
        }
        let fresh = self.ask();
        *known = Some((Instant::now(), fresh.clone()));
        fresh
    }

    /// Where the node does not answer, nothing is completed: there is no place for an error in the middle of a line.
    fn ask(&self) -> Known {
        let Ok(terminal) = ProcessId::new("terminal", "terminal", "sys") else { return Known::default() };
        let answer = self.client.ask::<_, TerminalResponse>(&terminal, &TerminalRequest::List, None, QUICK_S);
        let list = match answer.map(|answer| answer.body) {
            Ok(TerminalResponse::List(list)) => list,
            _ => TerminalList::default(),
        };
        let processes = self.client.processes().unwrap_or_default().into_iter().map(|info| info.id).collect();
        Known { list, processes }
    }
}

impl Known {
    /// Where the word begins that ends at `pos`, and what it can become.
    pub(super) fn complete(&self, line: &str, pos: usize) -> (usize, Vec<String>) {
        let before = line.get(..pos).unwrap_or_default();
        let start = before.rfind(' ').map_or(0, |blank| blank + 1);
        let word = before.get(start..).unwrap_or_default();
        let mut words: Vec<String> = if before.trim_start().contains(' ') {
            self.arguments(before.split_whitespace().next().unwrap_or_default())
        } else {
            let aliases = self.list.aliases.keys().cloned();
            aliases.chain(self.list.scripts.iter().map(ToString::to_string)).collect()
        };
        words.retain(|candidate| candidate.starts_with(word));
        words.sort();
        words.dedup();
        (start, words)
    }

    /// What can be behind a command.
    fn arguments(&self, command: &str) -> Vec<String> {
        let ids = |ids: &[ProcessId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        match command {
            "help" => self.list.aliases.keys().cloned().collect(),
            "alias" => self.list.aliases.keys().cloned().chain(ids(&self.list.scripts)).collect(),
            _ => ids(&self.processes),
        }
    }
}

impl Completer for Completion<'_> {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.known().complete(line, pos))
    }
}

impl Hinter for Completion<'_> {
    type Hint = String;
}
impl Highlighter for Completion<'_> {}
impl Validator for Completion<'_> {}
impl Helper for Completion<'_> {}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn known() -> Known {
        let ids = |ids: &[&str]| ids.iter().map(|id| id.parse().unwrap()).collect::<Vec<ProcessId>>();
        let aliases =
            ["echo", "help", "hi"].map(|name| (name.to_owned(), format!("{name}:terminal:sys").parse().unwrap()));
        let scripts = ids(&["echo:terminal:sys", "number:fibonacci:a.os"]);
        let list = TerminalList { aliases: aliases.into(), scripts, running: Vec::new() };
        Known { list, processes: ids(&["kernel:distro:sys", "main:chat:a.os"]) }
    }

    fn completed(line: &str) -> (usize, Vec<String>) {
        known().complete(line, line.len())
    }

    #[test]
    fn the_first_word_is_a_short_name_or_a_script() {
        assert_eq!(completed("h"), (0, vec!["help".to_owned(), "hi".to_owned()]));
        assert_eq!(completed("nu"), (0, vec!["number:fibonacci:a.os".to_owned()]));
        assert_eq!(completed("e").1, ["echo", "echo:terminal:sys"]);
        assert!(completed("main").1.is_empty(), "a process is no script");
    }

    #[test]
    fn further_words_are_what_the_command_is_about() {
        assert_eq!(completed("kill ma"), (5, vec!["main:chat:a.os".to_owned()]));
        assert_eq!(completed("top -c k"), (7, vec!["kernel:distro:sys".to_owned()]));
        assert_eq!(completed("help ec").1, ["echo"]);
        assert_eq!(completed("alias x nu").1, ["number:fibonacci:a.os"]);
        assert_eq!(known().complete("kill é", 7), (5, Vec::new()));
    }
}
