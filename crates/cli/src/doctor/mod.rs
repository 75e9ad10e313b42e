//! What is missing on this machine, or wrong with a node, and the command that mends it.

mod home;
mod machine;
mod node;

use serde::Serialize;
use wharf_home::Home;

use crate::client::Client;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Not there or not done; it depends on what you want whether that matters.
    Note,
    /// The node does not work, or will soon not.
    Problem,
}

/// What one look found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    /// What was looked at: a word that stays the same, for programs.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) state: State,
    /// What was found.
    pub(crate) found: String,
    /// The command, or the thing to do, that mends it.
    pub(crate) mend: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl ToString) -> Self {
        Self { check, state: State::Ok, found: found.to_string(), mend: None }
    }

    fn note(check: &'static str, found: impl ToString, mend: impl ToString) -> Self {
        Self { check, state: State::Note, found: found.to_string(), mend: Some(mend.to_string()) }
    }

    fn problem(check: &'static str, found: impl ToString, mend: impl ToString) -> Self {
        Self { check, state: State::Problem, found: found.to_string(), mend: Some(mend.to_string()) }
    }
}

/// Looks at everything.
pub(crate) fn examine(home: &Home) -> Vec<Finding> {
    let mut findings = machine::examine();
    if !home.root().exists() {
        let found = format!("{} is not there: no node was started with this home yet", home.root().display());
        findings.push(Finding::note("home", found, format!("wharfd --home {}", home.root().display())));
        return findings;
    }
    findings.extend(home::examine(home));
    findings.extend(node::examine(home, Client::of(home).ok().as_ref()));
    findings
}
