//! What a process fetches: begun, going on, done or failed.

use std::collections::BTreeMap;
use std::error::Error;

use serde::{Deserialize, Serialize};
use wharf_process_lib::state::StateError;
use wharf_process_lib::{Address, ProcessId, state};

use crate::worker::{self, Job};

/// Files that are fetched at the same time.
const RUNNING_MAX: usize = 4;
/// Files that are remembered. Those that are not fetched any more are forgotten for new ones.
const REMEMBERED_MAX: usize = 100;

/// How far one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transfer {
    Fetching {
        bytes: u64,
        of: u64,
    },
    Done,
    /// What came so far is kept, and goes on when the same file is asked for again.
    Failed(String),
}

#[derive(Debug, Default)]
pub(crate) struct Transfers {
    all: BTreeMap<String, Transfer>,
    running: BTreeMap<String, Running>,
}

/// One that is being fetched.
#[derive(Debug)]
struct Running {
    from: Address,
    worker: ProcessId,
}

impl Transfers {
    /// Starts workers for what was not done when this process ended.
    pub(crate) fn go_on(our: &Address) -> Result<Self, Box<dyn Error>> {
        let mut transfers = Self::default();
        let saved: BTreeMap<String, Address> = state::get()?.unwrap_or_default();
        for (name, from) in saved {
            match transfers.start(our, from, &name) {
                Ok(()) => {}
                Err(error) => drop(transfers.all.insert(name, Transfer::Failed(error.to_string()))),
            }
        }
        transfers.save()?;
        Ok(transfers)
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, Transfer> {
        &self.all
    }

    pub(crate) fn begin(&mut self, our: &Address, from: Address, name: &str) -> Result<(), Box<dyn Error>> {
        if self.running.contains_key(name) {
            return Err(format!("{name} is being fetched already").into());
        }
        if self.running.len() >= RUNNING_MAX {
            return Err(format!("{RUNNING_MAX} files are being fetched already").into());
        }
        if self.all.len() >= REMEMBERED_MAX {
            self.all.retain(|_, transfer| matches!(transfer, Transfer::Fetching { .. }));
        }
        self.start(our, from, name)?;
        Ok(self.save()?)
    }

    fn start(&mut self, our: &Address, from: Address, name: &str) -> Result<(), Box<dyn Error>> {
        let worker = worker::start(our, &Job { from: from.clone(), name: name.to_owned() })?;
        self.running.insert(name.to_owned(), Running { from, worker });
        self.all.insert(name.to_owned(), Transfer::Fetching { bytes: 0, of: 0 });
        Ok(())
    }

    /// Takes in what a worker says. One whose file is another's by now is not heard.
    pub(crate) fn set(&mut self, worker: &ProcessId, name: &str, transfer: Transfer) -> Result<(), StateError> {
        if self.running.get(name).is_none_or(|running| running.worker != *worker) {
            return Ok(());
        }
        let is_over = !matches!(transfer, Transfer::Fetching { .. });
        self.all.insert(name.to_owned(), transfer);
        if is_over {
            self.running.remove(name);
            self.save()?;
        }
        Ok(())
    }

    /// What is to go on when this process starts again: the files, and where from.
    fn save(&self) -> Result<(), StateError> {
        let saved: BTreeMap<_, _> = self.running.iter().map(|(name, running)| (name, &running.from)).collect();
        state::set(&saved)
    }
}
