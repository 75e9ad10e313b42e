//! One change for a database's thread: what it does, and whoever waits for the outcome.

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::error::DatabaseError;

/// How a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In a transaction, together with others.
    Together,
    /// Like that, and then all that it did is undone.
    Undone,
    /// Outside of a transaction.
    Alone,
}

/// A task as the thread sees it. It may be run again when the transaction that it ran in was lost.
pub(crate) trait Task: Send {
    fn mode(&self) -> Mode;

    /// Does the work and keeps the result until [`Self::settle`].
    fn run(&mut self, connection: &Connection) -> Result<(), DatabaseError>;

    /// Tells the waiter: the result of the last run, or why there is none.
    fn settle(self: Box<Self>, verdict: Result<(), DatabaseError>);
}

/// A task whose work is `work`, whose result is a `T`, and after which `settled` is told whether it was committed, before
/// anybody else is.
pub(crate) struct Job<T, W, S> {
    pub(crate) mode: Mode,
    pub(crate) work: W,
    pub(crate) settled: S,
    pub(crate) result: Option<T>,
    pub(crate) waiter: oneshot::Sender<Result<T, DatabaseError>>,
    /// Its share of the bytes that may wait, given back when it is settled.
    pub(crate) room: OwnedSemaphorePermit,
}

impl<T, W, S> Task for Job<T, W, S>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, DatabaseError> + Send,
    S: FnOnce(Result<&T, &DatabaseError>) + Send,
{
    fn mode(&self) -> Mode {
        self.mode
    }

    fn run(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        self.result = None;
        self.result = Some((self.work)(connection)?);
        Ok(())
    }

    fn settle(self: Box<Self>, verdict: Result<(), DatabaseError>) {
        let Self { settled, result, waiter, room, .. } = *self;
        let outcome = match (verdict, result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(DatabaseError::Closed),
            (Err(error), _) => Err(error),
        };
        settled(outcome.as_ref());
        drop(room);
        // Nobody may be waiting any more; what was done stays done.
        drop(waiter.send(outcome));
    }
}
