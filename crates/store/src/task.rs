//! One job for the store's thread: what it does, and whoever waits for the outcome.

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wharf_kernel::persistence::StoreError;

use crate::database::Database;
use crate::error::DatabaseError;

/// Whether a job changes anything. Only changes take a transaction and a sync of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Write,
}

/// A job as the thread sees it. It may be run again when the transaction it ran in was lost.
pub(crate) trait Task: Send {
    fn kind(&self) -> Kind;

    /// Does the work and keeps the result until [`Self::answer`].
    fn run(&mut self, database: &Database) -> Result<(), DatabaseError>;

    /// Tells the waiter: the result of the last run, or why there is none.
    fn answer(self: Box<Self>, verdict: Result<(), String>);
}

/// A job whose work is `work` and whose result is a `T`.
pub(crate) struct Job<T, W> {
    pub(crate) kind: Kind,
    /// What is tried, for people.
    pub(crate) action: String,
    pub(crate) work: W,
    pub(crate) result: Option<T>,
    pub(crate) waiter: oneshot::Sender<Result<T, StoreError>>,
    /// Its share of the bytes that may wait, given back when it is answered.
    pub(crate) room: OwnedSemaphorePermit,
}

impl<T, W> Task for Job<T, W>
where
    T: Send,
    W: FnMut(&Database) -> Result<T, DatabaseError> + Send,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn run(&mut self, database: &Database) -> Result<(), DatabaseError> {
        self.result = None;
        self.result = Some((self.work)(database)?);
        Ok(())
    }

    fn answer(self: Box<Self>, verdict: Result<(), String>) {
        let Self { action, result, waiter, room, .. } = *self;
        let outcome = match (verdict, result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(StoreError { action, reason: "the job was not run".to_owned() }),
            (Err(reason), _) => Err(StoreError { action, reason }),
        };
        drop(room);
        // Nobody may be waiting any more; what was done stays done.
        let _ = waiter.send(outcome);
    }
}
