//! The way into the store's thread, bounded in jobs and in the bytes they carry.
//!
//! Jobs are done in the order in which [`Queue::submit`] was first polled, also where they had to wait for room: the kernel
//! counts on it for what is revoked or ended to stay so after the next boot.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use wharf_kernel::persistence::StoreError;

use crate::database::Database;
use crate::error::DatabaseError;
use crate::task::{Job, Kind};
use crate::worker::BoxTask;

/// Jobs that wait. Beyond this, callers wait.
const JOBS_MAX: usize = 1_024;

/// Bytes that waiting jobs carry. One that carries more than this goes in alone.
const BYTES_MAX: u32 = 256 << 20;

/// The callers' end.
pub(crate) struct Queue {
    /// `None` once the store is closing: what is queued is done, nothing new is taken.
    sender: RwLock<Option<mpsc::Sender<BoxTask>>>,
    room: Arc<Semaphore>,
    /// Held while waiting for room, so that nobody overtakes: this lock is given on in order, and whoever has it is in place
    /// before the next one is woken.
    turn: Mutex<()>,
}

impl Queue {
    pub(crate) fn new() -> (Self, mpsc::Receiver<BoxTask>) {
        let (sender, receiver) = mpsc::channel(JOBS_MAX);
        let room = Arc::new(Semaphore::new(usize::try_from(BYTES_MAX).unwrap_or(Semaphore::MAX_PERMITS)));
        (Self { sender: RwLock::new(Some(sender)), room, turn: Mutex::default() }, receiver)
    }

    /// Takes nothing more. The thread ends when it has done what is queued.
    pub(crate) fn close(&self) {
        self.sender.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Queues a job that carries `bytes` and waits for its outcome.
    pub(crate) async fn call<T, W>(&self, kind: Kind, action: String, bytes: usize, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Database) -> Result<T, DatabaseError> + Send + 'static,
    {
        let outcome = self.submit(kind, action.clone(), bytes, work).await?;
        outcome.await.unwrap_or_else(|_| Err(stopped(action)))
    }

    /// Queues a job. Waits for room, not for the outcome.
    pub(crate) async fn submit<T, W>(
        &self,
        kind: Kind,
        action: String,
        bytes: usize,
        work: W,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError>
    where
        T: Send + 'static,
        W: FnMut(&Database) -> Result<T, DatabaseError> + Send + 'static,
    {
        // A task that has used up its share of time would be sent away before it has its place.
        let _turn = tokio::task::unconstrained(self.turn.lock()).await;
        let share = u32::try_from(bytes).map_or(BYTES_MAX, |bytes| bytes.min(BYTES_MAX));
        let Ok(room) = Arc::clone(&self.room).acquire_many_owned(share).await else { return Err(stopped(action)) };
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(sender) = sender else { return Err(stopped(action)) };
        // The place first, so that the action is still ours to name when there is none.
        let Ok(place) = sender.reserve().await else { return Err(stopped(action)) };
        let (waiter, outcome) = oneshot::channel();
        place.send(Box::new(Job { kind, action, work, result: None, waiter, room }));
        Ok(outcome)
    }
}

fn stopped(action: String) -> StoreError {
    StoreError { action, reason: "the store is closed".to_owned() }
}
