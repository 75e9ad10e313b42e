//! What `terminal:terminal:sys` is asked and answers.
//!
//! A request of the node's owner whose body is none of [`TerminalRequest`] is a command line: the text itself, UTF-8. It is
//! answered as [`TerminalRequest::Run`] is; where no response is expected, what the script answers is printed.
//! [`TerminalRequest::EditAlias`] is the protocol's, the other requests are Wharf's own. All but that one are for the owner.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::id::ProcessId;

/// A request to the terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalRequest {
    /// Set or remove a short name. Also taken from processes of the terminal's own package.
    ///
    /// * Takes: to be the node's owner, or of the terminal's package.
    /// * Answers: `EditAlias`.
    EditAlias {
        /// The short name.
        alias: String,
        /// The script, `process:package:publisher`; `None` removes the name.
        process: Option<String>,
    },
    /// Run a command line, and answer when its script has ended.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `Ran`, when the script has ended; `Nothing` for an empty line.
    /// * Refuses: `Err`.
    Run {
        /// `<alias or process id> <arguments>`
        line: String,
        /// Name of the process that runs the script: a number below 2^64, not used before. Without one, the terminal
        /// chooses. Whoever names it knows whose lines to look for in the log.
        name: Option<String>,
    },
    /// End a running script.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `Stopped`.
    /// * Refuses: `Err`.
    Stop {
        /// Name of its process.
        name: String,
    },
    /// What can be typed.
    ///
    /// * Takes: to be the node's owner.
    /// * Answers: `List`.
    /// * Refuses: `Err`.
    List,
}

/// The terminal's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TerminalResponse {
    /// Answer to `EditAlias`.
    EditAlias(EditAliasOutcome),
    /// Answer to a command line: the script has ended.
    Ran(Ran),
    /// Answer to an empty command line.
    Nothing,
    /// Answer to `Stop`.
    Stopped,
    /// Answer to `List`.
    List(TerminalList),
    /// It was not done, and why.
    Err(String),
}

/// How `EditAlias` ended; why it is invalid is in the metadata, as [`crate::Failure`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EditAliasOutcome {
    /// The name stands for the script now.
    AliasSet,
    /// The name is gone.
    AliasRemoved,
    /// There was no such name.
    AliasNotFound,
    /// The process is none, or the name cannot be one.
    InvalidProcessId,
}

/// A script that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The process that it ran as, and that is gone.
    pub process: ProcessId,
    /// What it answered; empty when it did not.
    pub text: String,
    /// Bytes of the answer that were left out because it is too long.
    pub left_out_bytes: u64,
    /// Whether its answer says that it failed.
    pub failed: bool,
    /// How it ended.
    pub end: RunEnd,
}

/// How a script ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// By itself, or killed.
    Exited(Exit),
    /// The terminal killed it: it ran for as long as a script may.
    OutOfTime {
        /// Seconds.
        after_s: u64,
    },
    /// It is gone, and the node does not remember how.
    Unknown,
}

/// What can be typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalList {
    /// Short names, and what they stand for.
    pub aliases: BTreeMap<String, ProcessId>,
    /// Every script of every installed package, as `process:package:publisher`.
    pub scripts: Vec<ProcessId>,
    /// Scripts that run now, by the processes that they run as.
    pub running: Vec<ProcessId>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_edited_in_the_shape_that_scripts_know() {
        let json = r#"{"EditAlias":{"alias":"x","process":"p:q:r"}}"#;
        let request: TerminalRequest = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&request).unwrap(), json);
        let removal = serde_json::from_str(r#"{"EditAlias":{"alias":"x","process":null}}"#).unwrap();
        assert_eq!(request, TerminalRequest::EditAlias { alias: "x".to_owned(), process: Some("p:q:r".to_owned()) });
        assert_eq!(TerminalRequest::EditAlias { alias: "x".to_owned(), process: None }, removal);
        for (outcome, json) in [
            (EditAliasOutcome::AliasSet, r#"{"EditAlias":"AliasSet"}"#),
            (EditAliasOutcome::AliasRemoved, r#"{"EditAlias":"AliasRemoved"}"#),
            (EditAliasOutcome::AliasNotFound, r#"{"EditAlias":"AliasNotFound"}"#),
            (EditAliasOutcome::InvalidProcessId, r#"{"EditAlias":"InvalidProcessId"}"#),
        ] {
            assert_eq!(serde_json::to_string(&TerminalResponse::EditAlias(outcome)).unwrap(), json);
        }
    }
}
