//! What the terminal keeps over restarts.
//!
//! **Invariant:** a run is named here before its process exists, so that no process of a script outlives the terminal's
//! knowledge of it: what is named after a restart is ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wharf_process_lib::state;
use wharf_types::ProcessId;

use crate::error::TerminalError;

const VERSION: u32 = 1;

/// What is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    version: u32,
    /// Edited aliases: what they stand for, or that they are none.
    pub(crate) aliases: BTreeMap<String, Option<ProcessId>>,
    /// The processes of runs that began and perhaps have not ended.
    pub(crate) running: Vec<ProcessId>,
}

impl Default for Saved {
    fn default() -> Self {
        Self { version: VERSION, aliases: BTreeMap::new(), running: Vec::new() }
    }
}

impl Saved {
    /// What was saved last.
    pub(crate) fn load() -> Result<Self, TerminalError> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        // The version is looked at first: of another one, nothing else is known.
        match state::get::<Version>()? {
            None => Ok(Self::default()),
            Some(Version { version: VERSION }) => Ok(state::get()?.unwrap_or_default()),
            Some(Version { version }) => Err(TerminalError::SavedVersion(version)),
        }
    }

    /// Makes a change, durable when it returns. What is not saved is not in memory either.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Self)) -> Result<(), TerminalError> {
        let mut changed = self.clone();
        change(&mut changed);
        state::set(&changed)?;
        *self = changed;
        Ok(())
    }
}
