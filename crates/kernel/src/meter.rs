//! What a life uses while it lasts. The runtime counts it against its bounds, and shows the sum here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::process::Process;

/// Linear memory that a process has now.
#[derive(Debug, Default)]
pub(crate) struct Memory(AtomicU64);

impl Memory {
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The runtime's end. One for each life; when it is dropped, the life uses nothing any more.
pub struct Meter {
    process: Arc<Process>,
}

impl Meter {
    pub(crate) fn new(process: Arc<Process>) -> Self {
        Self { process }
    }

    /// The life has so much linear memory, over all its modules.
    pub fn memory_bytes(&self, bytes: u64) {
        self.process.memory.0.store(bytes, Ordering::Relaxed);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.memory_bytes(0);
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Meter of {}", self.process.id())
    }
}
