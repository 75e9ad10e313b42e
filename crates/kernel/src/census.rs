//! How many guest processes there are: on the node, of each package, of each parent.
//!
//! A place is counted from when a process is put into the table until it is taken out of it, so a process that is gone
//! makes room for another at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use wharf_types::{PackageId, ProcessId};

use crate::limit_hits::Limit;
use crate::limits::Limits;

/// Counts of guest processes.
#[derive(Debug, Default)]
pub(crate) struct Census {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    packages: HashMap<PackageId, usize>,
}

/// Children of one process.
pub(crate) type Children = Arc<AtomicUsize>;

/// There is no room for another process: which bound, and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom {
    pub(crate) limit: Limit,
    pub(crate) max: usize,
}

impl Census {
    /// Whether there would be room for another process of this id, with these bounds and this parent.
    pub(crate) fn check(
        &self,
        id: &ProcessId,
        limits: &Limits,
        parent: Option<&Parent>,
        processes_max: usize,
    ) -> Result<(), NoRoom> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let of_package = counts.packages.get(&id.package_id()).copied().unwrap_or(0);
        let full = |limit, max| Err(NoRoom { limit, max });
        if counts.all >= processes_max {
            return full(Limit::Processes, processes_max);
        }
        if of_package >= limits.package_processes_max {
            return full(Limit::PackageProcesses, limits.package_processes_max);
        }
        match parent {
            Some(parent) if parent.alive.load(Ordering::Relaxed) >= parent.max => full(Limit::Children, parent.max),
            _ => Ok(()),
        }
    }

    /// A process was put into the table.
    pub(crate) fn add(&self, id: &ProcessId, parent: Option<&Parent>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all += 1;
        *counts.packages.entry(id.package_id()).or_default() += 1;
        if let Some(parent) = parent {
            parent.alive.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A process that is in the table is known to be another's child.
    pub(crate) fn adopt(&self, parent: &Parent) {
        let _counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        parent.alive.fetch_add(1, Ordering::Relaxed);
    }

    /// A process was taken out of the table.
    pub(crate) fn remove(&self, id: &ProcessId, parent: Option<&Parent>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let package = id.package_id();
        if let Some(count) = counts.packages.get_mut(&package) {
            *count -= 1;
            if *count == 0 {
                counts.packages.remove(&package);
            }
        }
        if let Some(parent) = parent {
            parent.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
impl Census {
    /// All of them, and those of each package.
    pub(crate) fn counted(&self) -> (usize, HashMap<PackageId, usize>) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (counts.all, counts.packages.clone())
    }
}

/// The process that started another, as far as counting goes.
#[derive(Clone, Debug)]
pub(crate) struct Parent {
    pub(crate) id: ProcessId,
    pub(crate) alive: Children,
    pub(crate) max: usize,
}
