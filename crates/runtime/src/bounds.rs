//! What one life of a process may use of the host's memory.
//!
//! A component may bring many core modules, each with memories and tables of its own, and a life may run many instances
//! of it. The bounds hold for the sum: a bound for each would be none.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharf_kernel::meter::Meter;

use crate::engine::RuntimeSettings;

/// What all guests of one life have grown to.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    memory_bytes: AtomicUsize,
    table_elements: AtomicUsize,
    /// Shows the owner the first.
    meter: Option<Meter>,
}

impl Sums {
    /// Nothing yet.
    pub(crate) fn new(meter: Meter) -> Self {
        Self { meter: Some(meter), ..Self::default() }
    }

    fn show(&self) {
        if let Some(meter) = &self.meter {
            meter.memory_bytes(self.memory_bytes.load(Ordering::Relaxed) as u64);
        }
    }
}

/// Counts what one guest's memories and tables have grown to. It is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Bounds {
    sums: Arc<Sums>,
    memory_bytes: Count,
    table_elements: Count,
}

/// Whether a part may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It may.
    Granted,
    /// The sum would be over its bound.
    Refused,
}

/// One guest's part of a sum, and the bound of the sum.
#[derive(Debug)]
struct Count {
    own: usize,
    max: usize,
}

impl Count {
    /// A part that is granted and then fails to grow stays counted, which costs nobody but the guest.
    fn grow(&mut self, sum: &AtomicUsize, current: usize, desired: usize) -> Grant {
        let more = desired.saturating_sub(current);
        let within = |sum: usize| sum.checked_add(more).filter(|sum| *sum <= self.max);
        // Only a counter: it orders no other memory.
        if sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_err() {
            return Grant::Refused;
        }
        self.own = self.own.saturating_add(more);
        Grant::Granted
    }
}

impl Bounds {
    pub(crate) fn new(settings: &RuntimeSettings, sums: Arc<Sums>) -> Self {
        Self {
            sums,
            memory_bytes: Count { own: 0, max: settings.memory_bytes_max },
            table_elements: Count { own: 0, max: settings.table_elements_max },
        }
    }

    /// Lets a memory grow from `current` to `desired` bytes if the sum stays within the bound.
    pub(crate) fn grow_memory(&mut self, current: usize, desired: usize) -> Grant {
        let grant = self.memory_bytes.grow(&self.sums.memory_bytes, current, desired);
        self.sums.show();
        grant
    }

    /// The same for the elements of a table.
    pub(crate) fn grow_table(&mut self, current: usize, desired: usize) -> Grant {
        self.table_elements.grow(&self.sums.table_elements, current, desired)
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        self.sums.memory_bytes.fetch_sub(self.memory_bytes.own, Ordering::Relaxed);
        self.sums.table_elements.fetch_sub(self.table_elements.own, Ordering::Relaxed);
        self.sums.show();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> RuntimeSettings {
        RuntimeSettings { memory_bytes_max: 100, table_elements_max: 10, ..RuntimeSettings::default() }
    }

    #[test]
    fn many_memories_together_stay_within_the_bound() {
        let mut bounds = Bounds::new(&settings(), Arc::default());
        let grown = [(0, 60), (0, 60), (0, 40), (60, 61)].map(|(from, to)| bounds.grow_memory(from, to));
        assert_eq!(grown, [Grant::Granted, Grant::Refused, Grant::Granted, Grant::Refused]);
        assert_eq!([bounds.grow_table(0, 10), bounds.grow_table(0, usize::MAX)], [Grant::Granted, Grant::Refused]);
    }

    #[test]
    fn instances_of_one_life_share_the_bound_and_give_back_what_they_had() {
        let sums = Arc::<Sums>::default();
        let [mut first, mut second] = [(); 2].map(|()| Bounds::new(&settings(), Arc::clone(&sums)));
        assert_eq!([first.grow_memory(0, 70), second.grow_memory(0, 40)], [Grant::Granted, Grant::Refused]);
        drop(first);
        assert_eq!(second.grow_memory(0, 100), Grant::Granted);
    }
}
