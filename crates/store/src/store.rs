//! [`KernelStore`]: the kernel's [`Persistence`] over the store's thread.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use wharf_kernel::envelope::Payload;
use wharf_kernel::persistence::{Change, Persistence, SetStateError, StateRoom, StoreError, Stored};
use wharf_types::metrics::StoreMetrics;
use wharf_types::{PackageId, ProcessId};

use crate::database::Database;
use crate::error::OpenError;
use crate::queue::Queue;
use crate::task::Kind;
use crate::worker::Worker;
use crate::{saved, wire};

/// What a job counts for besides the bytes it carries.
const JOB_BYTES: usize = 256;
/// What an address on a path counts for; most are shorter.
const ADDRESS_BYTES: usize = 128;

/// The kernel's database. One for each home; the lock on the home sees to that.
pub struct KernelStore {
    pub(crate) queue: Queue,
    thread: Mutex<Option<JoinHandle<()>>>,
    counters: Arc<Counters>,
}

/// What the thread counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    /// Writes in those.
    pub(crate) writes: AtomicU64,
    /// Most writes in one of them.
    pub(crate) batch: AtomicU64,
}

impl KernelStore {
    /// Opens the database at `path`, or makes an empty one. Blocks on the disk.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let database = Database::open(path)?;
        let counters = Arc::new(Counters::default());
        let worker = Worker::new(database, Arc::clone(&counters));
        let (queue, jobs) = Queue::new();
        let thread = std::thread::Builder::new()
            .name("wharf-store".to_owned())
            .spawn(move || worker.run(jobs))
            .map_err(|source| OpenError::Io { action: "starting the thread for", path: path.to_owned(), source })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)), counters })
    }

    /// Finishes what is queued, moves the log into the database file and ends the thread. Later calls fail with a
    /// [`StoreError`]; closing twice does nothing.
    pub async fn close(&self) {
        self.queue.close();
        let Some(thread) = self.take_thread() else { return };
        if let Err(error) = tokio::task::spawn_blocking(move || join(thread)).await {
            tracing::error!(%error, "waiting for the store's thread failed");
        }
    }

    /// Transactions committed since it was opened: at most the number of changes, fewer when several shared one.
    pub fn commits(&self) -> u64 {
        self.counters.commits.load(Ordering::Relaxed)
    }

    fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for KernelStore {
    /// Blocks until the thread has ended; [`KernelStore::close`] is the way that does not.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.take_thread() {
            join(thread);
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("the store's thread panicked");
    }
}

impl Persistence for KernelStore {
    fn load(&self) -> BoxFuture<'_, Result<Stored, StoreError>> {
        self.queue.call(Kind::Read, "reading kernel.db".to_owned(), JOB_BYTES, Database::load).boxed()
    }

    fn apply(&self, changes: Vec<Change>) -> BoxFuture<'_, Result<(), StoreError>> {
        let action = describe(&changes);
        let bytes = changes.iter().map(change_bytes).sum();
        let work = move |database: &Database| changes.iter().try_for_each(|change| database.apply(change));
        self.queue.call(Kind::Write, action, bytes, work).boxed()
    }

    fn get_state(&self, process: ProcessId) -> BoxFuture<'_, Result<Option<Vec<u8>>, StoreError>> {
        let action = format!("reading the state of {process}");
        self.queue.call(Kind::Read, action, JOB_BYTES, move |database| database.get_state(&process)).boxed()
    }

    fn set_state_within(
        &self,
        process: ProcessId,
        state: Payload,
        room: StateRoom,
    ) -> BoxFuture<'_, Result<(), SetStateError>> {
        let action = format!("saving the state of {process}");
        let bytes = JOB_BYTES + state.len();
        let work = move |database: &Database| {
            let fits = saved::check(database.connection(), &process, state.len(), room)?;
            if fits.is_ok() {
                database.set_state(&process, &state)?;
            }
            Ok(fits)
        };
        self.queue.call(Kind::Write, action, bytes, work).map(|set| set?).boxed()
    }

    fn clear_state(&self, process: ProcessId) -> BoxFuture<'_, Result<(), StoreError>> {
        let action = format!("clearing the state of {process}");
        self.queue.call(Kind::Write, action, JOB_BYTES, move |database| database.clear_state(&process)).boxed()
    }

    fn clear_states(&self, package: PackageId) -> BoxFuture<'_, Result<(), StoreError>> {
        let action = format!("clearing what the processes of {package} saved");
        self.queue.call(Kind::Write, action, JOB_BYTES, move |database| database.clear_states(&package)).boxed()
    }

    fn metrics(&self) -> StoreMetrics {
        StoreMetrics {
            commits_total: self.commits(),
            writes_total: self.counters.writes.load(Ordering::Relaxed),
            batch_max: self.counters.batch.load(Ordering::Relaxed),
        }
    }
}

fn change_bytes(change: &Change) -> usize {
    JOB_BYTES
        + match change {
            Change::PutProcess(process) => process.wasm_bytes_handle.len() + wire::encoded_bytes_min(&process.on_exit),
            Change::PutCapability(stored) => {
                2 * stored.capability.capability().params.len() + ADDRESS_BYTES * stored.lineage.path.len()
            }
            Change::RemoveCapability { key, .. } => key.params().len(),
            Change::RemoveProcess(_) => 0,
        }
}

/// What is tried, for people: a process that is put, or the first change, stands for those that come with it.
fn describe(changes: &[Change]) -> String {
    let put = changes.iter().find(|change| matches!(change, Change::PutProcess(_)));
    let Some(first) = put.or(changes.first()) else { return "saving nothing".to_owned() };
    let first_text = match first {
        Change::PutProcess(process) => format!("saving process {}", process.id),
        Change::RemoveProcess(id) => format!("removing process {id}"),
        Change::PutCapability(stored) => format!("saving a capability of {}", stored.holder),
        Change::RemoveCapability { holder, .. } => format!("removing a capability of {holder}"),
    };
    match changes.len() {
        1 => first_text,
        more => format!("{first_text} (with {} more changes)", more - 1),
    }
}
