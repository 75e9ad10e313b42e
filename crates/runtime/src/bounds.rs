//! What one life of a process may use of the host's memory.
//!
//! A component may bring many core modules, each with memories and tables of its own. The bounds hold for their sum:
//! a bound for each would be none.

use wasmtime::{ResourceLimiter, Result};

use crate::engine::RuntimeSettings;

/// Counts what a guest's memories and tables have grown to.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory_bytes: Count,
    table_elements: Count,
}

#[derive(Debug)]
struct Count {
    used: usize,
    max: usize,
}

impl Count {
    /// Lets one part grow from `current` to `desired` if the sum stays within the bound. A part that then fails to grow
    /// stays counted, which costs nobody but the guest.
    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let fits = used <= self.max;
        if fits {
            self.used = used;
        }
        fits
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

impl ResourceLimiter for Bounds {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.memory_bytes.grow(current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.table_elements.grow(current, desired))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn many_memories_together_stay_within_the_bound() {
        let settings = RuntimeSettings { memory_bytes_max: 100, table_elements_max: 10, ..RuntimeSettings::default() };
        let mut bounds = Bounds::new(&settings);
        assert!(bounds.memory_growing(0, 60, None).unwrap());
        assert!(!bounds.memory_growing(0, 60, None).unwrap());
        assert!(bounds.memory_growing(0, 40, None).unwrap());
        assert!(!bounds.memory_growing(60, 61, None).unwrap());
        assert!(bounds.table_growing(0, 10, None).unwrap());
        assert!(!bounds.table_growing(0, usize::MAX, None).unwrap());
    }
}
