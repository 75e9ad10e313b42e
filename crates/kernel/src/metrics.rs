//! Everything that is counted, put together for whoever asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use wharf_types::kernel::ProcessPhase;
use wharf_types::metrics::{NodeMetrics, ProcessMetrics};

use crate::kernel::Kernel;
use crate::process::Process;

impl Kernel {
    /// What the node has counted so far.
    pub fn metrics(&self) -> NodeMetrics {
        let mut table: Vec<_> = self.table().iter().map(|entry| Arc::clone(entry.value())).collect();
        // Those that are shown alone where there is room for some only should stay the same from one time to the next.
        table.sort_by(|a, b| a.counters.created().cmp(&b.counters.created()).then_with(|| a.id().cmp(b.id())));
        let processes: Vec<_> = table.iter().map(|process| of_process(process)).collect();
        let mut phases: BTreeMap<ProcessPhase, u64> = BTreeMap::new();
        for process in &processes {
            *phases.entry(process.phase).or_default() += 1;
        }
        NodeMetrics {
            node: self.node().to_string(),
            boot: self.boot().to_string(),
            uptime_ms: millis(self.uptime()),
            phases,
            capabilities: processes.iter().map(|process| process.capabilities).sum(),
            store: self.persistence().metrics(),
            events_total: self.seen().events.total(),
            limit_hits: self.limit_hits().iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            modules: self.seen().modules(),
            families: self.seen().families(),
            processes,
        }
    }
}

fn of_process(process: &Process) -> ProcessMetrics {
    let counters = &process.counters;
    let mailbox = counters.mailbox(process.mailbox().figures());
    let status = process.status();
    ProcessMetrics {
        id: process.id().clone(),
        phase: status.phase,
        age_ms: millis(counters.created().elapsed()),
        received: counters.all_received(),
        sent: counters.all_sent(),
        mailbox: mailbox.depth,
        mailbox_peak: mailbox.peak,
        mailbox_full_total: mailbox.full,
        failed: counters.failures(),
        restarts_total: status.restarts,
        cpu_ms_total: (!process.is_module()).then(|| process.cpu().as_ms()),
        memory_bytes: (!process.is_module()).then(|| process.memory.bytes()),
        capabilities: process.held_count() as u64,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
