//! Names of processes as people type them: whole ids, or only the first segment where that is enough.

use std::fmt;
use std::str::FromStr;

use wharf_types::kernel::ProcessInfo;
use wharf_types::{Address, IdError, NodeName, ProcessId};

use crate::errors::CliError;

/// A process as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProcessName {
    /// The whole id.
    Full(ProcessId),
    /// The first segment of one.
    Short(String),
}

impl ProcessName {
    /// Whether `id` is meant. `id` is text because logs may hold what is no id.
    pub(crate) fn matches(&self, id: &str) -> bool {
        match self {
            Self::Full(full) => id == full.to_string(),
            Self::Short(short) => id.split_once(':').is_some_and(|(process, _)| process == short),
        }
    }
}

impl FromStr for ProcessName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.contains(':') {
            return text.parse().map(Self::Full);
        }
        // The rules for one segment are the rules for an id made of it.
        ProcessId::new(text, "package", "publisher").map(|id| Self::Short(id.process().to_owned()))
    }
}

impl fmt::Display for ProcessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(id) => id.fmt(f),
            Self::Short(name) => f.write_str(name),
        }
    }
}

/// Where a message shall go, as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `None` for the node we speak with.
    pub(crate) node: Option<NodeName>,
    /// The process on it.
    pub(crate) process: ProcessName,
}

impl FromStr for Target {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.contains('@') {
            let address: Address = text.parse()?;
            let node = Some(address.node().clone()).filter(|node| node.as_str() != NodeName::OUR);
            return Ok(Self { node, process: ProcessName::Full(address.process().clone()) });
        }
        text.parse().map(|process| Self { node: None, process })
    }
}

/// Why a name means no one process.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ResolveError {
    /// There is none.
    #[error("there is no process `{name}` on this node")]
    Unknown {
        /// What was typed.
        name: String,
        /// Something like it that exists.
        similar: Option<String>,
    },
    /// There are several.
    #[error("`{name}` can mean {}", .ids.join(" or "))]
    Ambiguous {
        /// What was typed.
        name: String,
        /// All that it can mean.
        ids: Vec<String>,
    },
}

impl From<ResolveError> for CliError {
    fn from(error: ResolveError) -> Self {
        match &error {
            ResolveError::Unknown { similar: Some(similar), .. } => {
                Self::refused(&error).hint(format_args!("did you mean `{similar}`? `wharf ps` lists all processes"))
            }
            ResolveError::Unknown { similar: None, .. } => Self::refused(&error).hint("`wharf ps` lists all processes"),
            ResolveError::Ambiguous { .. } => Self::bad_input(&error).hint("give the whole id"),
        }
    }
}

/// The process on the node that `name` means.
pub(crate) fn resolve(name: &ProcessName, processes: &[ProcessInfo]) -> Result<ProcessId, ResolveError> {
    let found: Vec<&ProcessId> = (processes.iter().map(|info| &info.id))
        .filter(|id| match name {
            ProcessName::Full(full) => *id == full,
            ProcessName::Short(short) => id.process() == short,
        })
        .collect();
    match found.as_slice() {
        [] => Err(unknown(name, processes)),
        [id] => Ok(ProcessId::clone(id)),
        several => Err(ResolveError::Ambiguous {
            name: name.to_string(),
            ids: several.iter().map(|id| format!("`{id}`")).collect(),
        }),
    }
}

/// The error for a name that means nothing, with the nearest thing there is.
pub(crate) fn unknown(name: &ProcessName, processes: &[ProcessInfo]) -> ResolveError {
    let ids = processes.iter().map(|info| &info.id);
    let similar = match name {
        ProcessName::Short(short) => similar(short, ids.map(|id| (id.process().to_owned(), id.to_string()))),
        // Who has the first segment right is wrong about the rest, which can be long: that is near enough.
        ProcessName::Full(full) => ids
            .clone()
            .find(|id| id.process() == full.process())
            .map(ToString::to_string)
            .or_else(|| similar(&full.to_string(), ids.map(|id| (id.to_string(), id.to_string())))),
    };
    ResolveError::Unknown { name: name.to_string(), similar }
}

/// The value whose key is nearest to `typed`, if any is near enough to be a slip of the hand.
pub(crate) fn similar(typed: &str, known: impl Iterator<Item = (String, String)>) -> Option<String> {
    let near_enough = typed.chars().count().div_ceil(3);
    known
        .map(|(key, value)| (distance(typed, &key), value))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, value)| value)
}

/// How many characters must be added, removed or replaced to get from one text to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut left = i + 1;
        next.push(left);
        for (pair, b) in row.windows(2).zip(&to) {
            let &[above_left, above] = pair else { continue };
            let replaced = above_left + usize::from(a != *b);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::kernel::ProcessPhase;

    use super::*;

    fn processes(ids: &[&str]) -> Vec<ProcessInfo> {
        let info = |id: &&str| ProcessInfo {
            id: id.parse().unwrap(),
            phase: ProcessPhase::Running,
            public: false,
            on_exit: "none".to_owned(),
            restarts: 0,
            mailbox: 0,
            last_exit: None,
            exit: None,
            capabilities: 0,
            is_waiting: false,
        };
        ids.iter().map(info).collect()
    }

    fn resolved(name: &str, ids: &[&str]) -> Result<String, ResolveError> {
        resolve(&name.parse().unwrap(), &processes(ids)).map(|id| id.to_string())
    }

    #[test]
    fn a_short_name_is_enough_where_it_is_unambiguous() {
        let ids = ["echo:echo:wharf.os", "main:app-store:sys", "main:chat:wharf.os"];
        assert_eq!(resolved("echo", &ids).unwrap(), "echo:echo:wharf.os");
        assert_eq!(resolved("main:chat:wharf.os", &ids).unwrap(), "main:chat:wharf.os");
        let error = resolved("main", &ids).unwrap_err();
        assert_eq!(error.to_string(), "`main` can mean `main:app-store:sys` or `main:chat:wharf.os`");
    }

    #[test]
    fn an_unknown_name_brings_the_nearest_known_one() {
        let ids = ["echo:echo:wharf.os", "kernel:distro:sys"];
        let similar = |name| match resolved(name, &ids) {
            Err(ResolveError::Unknown { similar, .. }) => similar,
            _ => None,
        };
        assert_eq!(similar("ehco").as_deref(), Some("echo:echo:wharf.os"));
        assert_eq!(similar("echo:echo:wharf").as_deref(), Some("echo:echo:wharf.os"));
        assert_eq!(similar("kernal:distro:sys").as_deref(), Some("kernel:distro:sys"));
        assert_eq!(similar("terminal"), None);
    }

    #[test]
    fn targets_may_name_a_node() {
        let target: Target = "bob.os@echo:echo:wharf.os".parse().unwrap();
        assert_eq!(target.node.unwrap().as_str(), "bob.os");
        let target: Target = "our@echo:echo:wharf.os".parse().unwrap();
        assert_eq!(target.node, None);
        let target: Target = "echo".parse().unwrap();
        assert_eq!(target.process, ProcessName::Short("echo".to_owned()));
        for bad in ["", "a:b", "a:b:c:d", "bob.os@echo", "with blank", "a/b"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn distances() {
        for (from, to, expected) in
            [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ä", "a", 1)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
