//! What one life of a process may use of the host's memory.
//!
//! A component may bring many core modules, each with memories and tables of its own. The bounds hold for their sum:
//! a bound for each would be none.

use crate::engine::RuntimeSettings;

/// Counts what a guest's memories and tables have grown to.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) memory_bytes: Count,
    pub(crate) table_elements: Count,
}

/// Whether a part may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// It may.
    Granted,
    /// The sum would be over its bound.
    Refused,
}

/// A sum and its bound.
#[derive(Debug)]
pub(crate) struct Count {
    used: usize,
    max: usize,
}

impl Count {
    /// The sum.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Lets one part grow from `current` to `desired` if the sum stays within the bound. A part that then fails to grow
    /// stays counted, which costs nobody but the guest.
    pub(crate) fn grow(&mut self, current: usize, desired: usize) -> Grant {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.max {
            return Grant::Refused;
        }
        self.used = used;
        Grant::Granted
    }
}

impl Bounds {
    pub(crate) fn new(settings: &RuntimeSettings) -> Self {
        Self {
            memory_bytes: Count { used: 0, max: settings.memory_bytes_max },
            table_elements: Count { used: 0, max: settings.table_elements_max },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_memories_together_stay_within_the_bound() {
        let settings = RuntimeSettings { memory_bytes_max: 100, table_elements_max: 10, ..RuntimeSettings::default() };
        let Bounds { memory_bytes: mut memory, table_elements: mut table } = Bounds::new(&settings);
        let grown = [memory.grow(0, 60), memory.grow(0, 60), memory.grow(0, 40), memory.grow(60, 61)];
        assert_eq!(grown, [Grant::Granted, Grant::Refused, Grant::Granted, Grant::Refused]);
        assert_eq!((memory.used(), table.used()), (100, 0));
        assert_eq!([table.grow(0, 10), table.grow(0, usize::MAX)], [Grant::Granted, Grant::Refused]);
    }
}
