//! What the kernel keeps so that people can see what goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use wharf_types::ProcessId;
use wharf_types::metrics::{Family, ModuleMetrics};

use crate::events::Events;
use crate::histogram::Histogram;
use crate::limit_hits::LimitHits;
use crate::limits::Limits;
use crate::public_id::PublicIds;
use crate::trace::Traces;

/// Events, traces, and counters that belong to no single process. Every process has it too, to tell what happens to it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) events: Events,
    pub(crate) limit_hits: LimitHits,
    pub(crate) traces: Traces,
    pub(crate) public_ids: PublicIds,
    /// Places for requests that wait for an event or a traced message.
    pub(crate) watchers: Arc<Semaphore>,
    /// One for each module that was started.
    modules: Mutex<Vec<Arc<ModuleCounters>>>,
    families: Mutex<Vec<Arc<CounterFamily>>>,
}

impl Seen {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            events: Events::new(limits.events_max),
            limit_hits: LimitHits::default(),
            traces: Traces::new(limits),
            public_ids: PublicIds::default(),
            watchers: Arc::new(Semaphore::new(limits.watchers_max.min(Semaphore::MAX_PERMITS))),
            modules: Mutex::default(),
            families: Mutex::default(),
        }
    }

    /// Counters for a module that starts.
    pub(crate) fn add_module(&self, id: ProcessId) -> Arc<ModuleCounters> {
        let counters = Arc::new(ModuleCounters {
            id,
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            in_work: AtomicU64::new(0),
            time: Histogram::default(),
        });
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
        counters
    }

    pub(crate) fn add_family(&self, family: Arc<CounterFamily>) {
        self.families.lock().unwrap_or_else(PoisonError::into_inner).push(family);
    }

    pub(crate) fn modules(&self) -> Vec<ModuleMetrics> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|module| module.counted()).collect()
    }

    pub(crate) fn families(&self) -> Vec<Family> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|family| family.counted()).collect()
    }
}

/// What the runner counts of one module.
#[derive(Debug)]
pub(crate) struct ModuleCounters {
    id: ProcessId,
    requests: AtomicU64,
    failures: AtomicU64,
    in_work: AtomicU64,
    time: Histogram,
}

/// What became of a request to a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered, will be later, or wants no answer.
    Handled,
    /// It was refused, answered with the reason of a failure, or cost a panic.
    Failed,
}

impl ModuleCounters {
    /// Counts a request that was refused without being handled.
    pub(crate) fn refused(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Begins to count a request.
    pub(crate) fn begin(self: &Arc<Self>) -> InWork {
        self.in_work.fetch_add(1, Ordering::Relaxed);
        InWork { counters: Arc::clone(self), began: std::time::Instant::now() }
    }

    fn counted(&self) -> ModuleMetrics {
        ModuleMetrics {
            id: self.id.clone(),
            requests_total: self.requests.load(Ordering::Relaxed),
            failures_total: self.failures.load(Ordering::Relaxed),
            in_work: self.in_work.load(Ordering::Relaxed),
            time: self.time.counted(),
        }
    }
}

/// A request that a module works on, until this is dropped.
pub(crate) struct InWork {
    counters: Arc<ModuleCounters>,
    began: std::time::Instant,
}

impl InWork {
    /// It was handled.
    pub(crate) fn end(self, outcome: Outcome) {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        if outcome == Outcome::Failed {
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
        }
        self.counters.time.add(self.began.elapsed());
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.counters.in_work.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counters of one kind that a module keeps, told apart by one label with fixed values.
#[derive(Debug)]
pub struct CounterFamily {
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: Box<[(&'static str, AtomicU64)]>,
}

impl CounterFamily {
    /// Counters at zero. Name and label are `[a-z_]+`.
    pub fn new(name: &'static str, help: &'static str, label: &'static str, values: &[&'static str]) -> Self {
        let values = values.iter().map(|value| (*value, AtomicU64::new(0))).collect();
        Self { name, help, label, values }
    }

    /// Adds one to the counter of the value at `index`; to none, if there is no such value.
    pub fn add(&self, index: usize) {
        if let Some((_, counter)) = self.values.get(index) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted(&self) -> Family {
        let values = self.values.iter().map(|(value, count)| ((*value).to_owned(), count.load(Ordering::Relaxed)));
        Family {
            name: self.name.to_owned(),
            help: self.help.to_owned(),
            label: self.label.to_owned(),
            values: values.collect(),
        }
    }
}
