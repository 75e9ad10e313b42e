//! What the store may have although memory has not: changes that it failed to store.
//!
//! After a failure nobody knows what reached the disk. A removal that failed is done in memory all the same, so nothing
//! is there to be removed when it is tried again; an addition that failed is undone in memory, and may be in the store.
//! Either would come back with the next boot, behind a later change that was acknowledged. So what is in doubt is
//! remembered, and with the next change the store is told to forget whatever of it memory does not have. A caller that
//! stopped waiting leaves a doubt, too.

use std::collections::HashSet;

use wharf_types::{CapabilityKey, ProcessId};

use crate::kernel::Kernel;
use crate::persistence::{Change, StoredCapability};

/// Things in doubt. With more, changes are refused until the store works again.
const DOUBTS_MAX: usize = 65_536;

/// Everything in doubt.
#[derive(Debug, Default)]
pub(crate) struct Doubts(HashSet<Doubt>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Doubt {
    Process(ProcessId),
    Capability { holder: ProcessId, key: CapabilityKey },
}

impl Doubt {
    /// What is in doubt when this fails.
    pub(crate) fn of(change: &Change) -> Self {
        match change {
            Change::PutProcess(process) => Self::Process(process.id.clone()),
            Change::RemoveProcess(id) => Self::Process(id.clone()),
            Change::PutCapability(stored) => {
                Self::Capability { holder: stored.holder.clone(), key: stored.capability.key().clone() }
            }
            Change::RemoveCapability { holder, key } => Self::Capability { holder: holder.clone(), key: key.clone() },
        }
    }
}

impl Doubts {
    /// Remembers these.
    pub(crate) fn add(&mut self, doubts: impl IntoIterator<Item = Doubt>) {
        self.0.extend(doubts);
    }

    /// Takes all of them, to settle them.
    pub(crate) fn take(&mut self) -> Vec<Doubt> {
        self.0.drain().collect()
    }

    /// Whether no more can be remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= DOUBTS_MAX
    }
}

impl Kernel {
    /// What settles a doubt: the store gets what memory has of it, or forgets it.
    pub(crate) fn settle(&self, doubt: &Doubt) -> Option<Change> {
        match doubt {
            Doubt::Process(id) => {
                let kept = self.find(id).filter(|process| process.is_kept());
                kept.map_or_else(
                    || Some(Change::RemoveProcess(id.clone())),
                    |process| process.stored().map(Change::PutProcess),
                )
            }
            Doubt::Capability { holder, key } => {
                let held = self.find(holder).filter(|process| process.is_kept()).and_then(|process| process.held(key));
                let put = held.map(|holding| Change::PutCapability(StoredCapability::from(&holding)));
                let remove = || Change::RemoveCapability { holder: holder.clone(), key: key.clone() };
                Some(put.filter(|put| self.outlives_node(put)).unwrap_or_else(remove))
            }
        }
    }
}
