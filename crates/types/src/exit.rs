//! How a life of a process ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::ProcessId;

/// Why a life of a process is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// `init` returned.
    Returned,
    /// It was killed. Only seen of processes that are gone.
    Killed,
    /// The guest trapped.
    Trapped(Crash),
    /// The guest was refused memory or table elements and then gave up.
    OutOfMemory(Crash),
    /// The guest computed for longer than it may without coming back to wait for messages.
    OutOfCpu(Crash),
    /// It never came to `init`, or its component could not be loaded.
    FailedToStart(Crash),
    /// The node itself failed while it ran the process; the text says how.
    NodeFault(String),
}

/// What is known of a guest that did not end well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// What happened.
    pub message: String,
    /// The end of what it wrote to stdout and stderr.
    #[serde(default)]
    pub stderr: String,
    /// The functions it was in, innermost first. Only some of a deep stack.
    #[serde(default)]
    pub stack: Vec<String>,
}

impl Crash {
    /// One of which nothing but the reason is known.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if !self.stderr.is_empty() {
            write!(f, "\nit wrote last:\n{}", self.stderr)?;
        }
        if !self.stack.is_empty() {
            f.write_str("\nit was in:")?;
        }
        self.stack.iter().try_for_each(|frame| write!(f, "\n  {frame}"))
    }
}

impl Exit {
    /// A word or two for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Killed => "killed",
            Self::Trapped(_) => "trapped",
            Self::OutOfMemory(_) => "out of memory",
            Self::OutOfCpu(_) => "out of cpu",
            Self::FailedToStart(_) => "failed to start",
            Self::NodeFault(_) => "node fault",
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        match self {
            Self::Returned | Self::Killed => Ok(()),
            Self::Trapped(crash) | Self::OutOfMemory(crash) | Self::OutOfCpu(crash) | Self::FailedToStart(crash) => {
                write!(f, ": {crash}")
            }
            Self::NodeFault(reason) => write!(f, ": {reason}"),
        }
    }
}

/// The end of one life, and when it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// Why.
    pub exit: Exit,
    /// Milliseconds since 1970, UTC.
    pub at_ms: u64,
}

/// A process that is gone: what `wharf ps --ended` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedProcess {
    /// Its id. Another process may have it by now.
    pub id: ProcessId,
    /// How often it had been started again since the node came up.
    pub restarts: u64,
    /// How it ended.
    pub last: LastExit,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_first_what_it_is() {
        let crash =
            Crash { message: "unreachable".to_owned(), stderr: "oh".to_owned(), stack: vec!["main".to_owned()] };
        let text = Exit::Trapped(crash).to_string();
        assert_eq!(text, "trapped: unreachable\nit wrote last:\noh\nit was in:\n  main");
        assert_eq!(Exit::Returned.to_string(), "returned");
    }

    #[test]
    fn an_exit_is_the_same_after_its_way_through_json() {
        for exit in [Exit::Killed, Exit::OutOfCpu(Crash::new("it computed")), Exit::NodeFault("why".to_owned())] {
            let json = serde_json::to_string(&exit).unwrap();
            assert_eq!(serde_json::from_str::<Exit>(&json).unwrap(), exit);
        }
    }
}
