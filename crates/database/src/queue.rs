//! The way into a database's thread, bounded in tasks and in the bytes they carry.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::error::DatabaseError;
use crate::limits::DatabaseLimits;
use crate::task::{Job, Mode};
use crate::writer::BoxTask;

/// The callers' end. When it is dropped, the thread does what is queued and ends.
pub(crate) struct Queue {
    sender: mpsc::Sender<BoxTask>,
    room: Arc<Semaphore>,
    bytes_max: u32,
}

impl Queue {
    pub(crate) fn new(limits: &DatabaseLimits) -> (Self, mpsc::Receiver<BoxTask>) {
        let (sender, receiver) = mpsc::channel(limits.queue_changes_max.max(1));
        let bytes_max = limits.queue_bytes_max.max(1);
        let room = Arc::new(Semaphore::new(usize::try_from(bytes_max).unwrap_or(Semaphore::MAX_PERMITS)));
        (Self { sender, room, bytes_max }, receiver)
    }

    /// Queues a task that carries `bytes` and waits for its outcome. One that carries more than may wait goes in alone.
    pub(crate) async fn call<T, W, S>(&self, mode: Mode, bytes: usize, work: W, settled: S) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, DatabaseError> + Send + 'static,
        S: FnOnce(Result<&T, &DatabaseError>) + Send + 'static,
    {
        let share = u32::try_from(bytes).map_or(self.bytes_max, |bytes| bytes.min(self.bytes_max));
        let room = Arc::clone(&self.room).acquire_many_owned(share).await.map_err(|_| DatabaseError::Closed)?;
        let (waiter, outcome) = oneshot::channel();
        let task = Box::new(Job { mode, work, settled, result: None, waiter, room });
        self.sender.send(task).await.map_err(|_| DatabaseError::Closed)?;
        outcome.await.unwrap_or(Err(DatabaseError::Closed))
    }
}
