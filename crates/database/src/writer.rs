//! The thread that changes a database: it turns all tasks that wait into one transaction.
//!
//! A durable commit costs a sync of the disk, milliseconds, whatever is in it. While one runs, the next tasks queue up; they
//! share the one after.

use rusqlite::Connection;
use tokio::sync::mpsc;

use crate::error::DatabaseError;
#[cfg(test)]
use crate::faults::Faults;
use crate::name::DatabaseId;
use crate::task::{Mode, Task};

/// Tasks in one transaction. More would only make the first of them wait longer.
const BATCH_MAX: usize = 256;

/// A boxed task in the queue.
pub(crate) type BoxTask = Box<dyn Task>;

/// A task that ran and is not settled yet.
type Ran = (BoxTask, Result<(), DatabaseError>);

/// What the thread owns.
pub(crate) struct Writer {
    id: DatabaseId,
    connection: Connection,
    #[cfg(test)]
    faults: Faults,
}

impl Writer {
    pub(crate) fn new(id: DatabaseId, connection: Connection) -> Self {
        Self {
            #[cfg(test)]
            faults: Faults::of(&id),
            id,
            connection,
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(self, mut queue: mpsc::Receiver<BoxTask>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            self.work_off(std::mem::take(&mut batch));
        }
        // Nothing is lost when this fails: what was committed is in the log, and the next open reads it.
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(database = %self.id, %error, "closing a database left its log behind");
        }
    }

    /// Runs and settles every task, in order.
    fn work_off(&self, batch: Vec<BoxTask>) {
        let mut rest = batch.into_iter().peekable();
        while let Some(first) = rest.next() {
            if first.mode() == Mode::Alone {
                self.alone(first);
                continue;
            }
            let mut some = vec![first];
            while let Some(next) = rest.next_if(|task| task.mode() != Mode::Alone) {
                some.push(next);
            }
            if let Err(lost) = self.together(some) {
                // A full disk, mostly: one task too many took its neighbours with it. Alone, those that fit succeed.
                for task in lost {
                    if let Err(failed) = self.together(vec![task]) {
                        settle_all(failed, "the transaction was lost");
                    }
                }
            }
        }
    }

    fn alone(&self, mut task: BoxTask) {
        let verdict = self.fault().map_err(DatabaseError::from).and_then(|()| task.run(&self.connection));
        self.roll_back();
        task.settle(verdict);
    }

    /// Runs the tasks in one transaction and settles them. Gives them back when SQLite dropped the transaction on the way
    /// and there is more than one, so that each can be tried alone.
    fn together(&self, tasks: Vec<BoxTask>) -> Result<(), Vec<BoxTask>> {
        if let Err(error) = self.begin() {
            settle_all(tasks, &error.to_string());
            return Ok(());
        }
        let mut ran: Vec<Ran> = Vec::with_capacity(tasks.len());
        let is_single = tasks.len() == 1;
        let mut tasks = tasks.into_iter();
        for mut task in tasks.by_ref() {
            let outcome = if is_single && task.mode() == Mode::Together {
                // Nobody else is in the transaction, so it needs nothing of its own to undo.
                self.fault().map_err(DatabaseError::from).and_then(|()| task.run(&self.connection))
            } else {
                self.savepoint(&mut *task)
            };
            ran.push((task, outcome));
            if !self.in_transaction() {
                break;
            }
        }
        if is_single && ran.iter().any(|(_, outcome)| outcome.is_err()) {
            self.roll_back();
        }
        if self.in_transaction() {
            self.commit(ran);
            return Ok(());
        }
        if is_single {
            settle_each(ran);
            return Ok(());
        }
        Err(ran.into_iter().map(|(task, _)| task).chain(tasks).collect())
    }

    /// Nobody is answered before this; when it fails nothing was kept, and nobody is told otherwise. It is not tried
    /// again: after a failed sync the system may report success for what never reached the disk.
    fn commit(&self, ran: Vec<Ran>) {
        let committed = self.fault().and_then(|()| self.execute("COMMIT")).and_then(|()| self.fault());
        match committed {
            Ok(()) => settle_each(ran),
            Err(error) => {
                tracing::error!(database = %self.id, %error, changes = ran.len(), "a commit failed");
                self.roll_back();
                settle_all(ran.into_iter().map(|(task, _)| task), &error.to_string());
            }
        }
    }

    /// Runs a task so that a failure undoes what it did and nothing else. After a failure that made SQLite drop the whole
    /// transaction (a full disk does), [`Self::in_transaction`] is false.
    fn savepoint(&self, task: &mut dyn Task) -> Result<(), DatabaseError> {
        self.fault()?;
        self.execute("SAVEPOINT task")?;
        let outcome = task.run(&self.connection);
        let done = outcome.is_ok() && task.mode() == Mode::Together;
        let settled = match (done, self.in_transaction()) {
            (true, _) => self.execute("RELEASE task"),
            (false, true) => self.execute("ROLLBACK TO task").and_then(|()| self.execute("RELEASE task")),
            (false, false) => Ok(()),
        };
        if let Err(error) = settled {
            // What the task left behind cannot be undone alone, so all of it goes.
            self.roll_back();
            return Err(error.into());
        }
        outcome
    }

    fn begin(&self) -> rusqlite::Result<()> {
        self.fault()?;
        self.execute("BEGIN IMMEDIATE")
    }

    /// Ends a transaction that was not committed, if there still is one.
    fn roll_back(&self) {
        if self.in_transaction()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(database = %self.id, %error, "rolling back failed");
        }
    }

    fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// Where a test makes the disk fail: when a transaction begins, when something is changed, at the commit, and at its
    /// sync, after which what was written may be there or not.
    #[cfg(test)]
    fn fault(&self) -> rusqlite::Result<()> {
        self.faults.next()
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "only tests make it fail")]
    fn fault(&self) -> rusqlite::Result<()> {
        Ok(())
    }
}

fn settle_each(ran: Vec<Ran>) {
    for (task, outcome) in ran {
        task.settle(outcome);
    }
}

fn settle_all(tasks: impl IntoIterator<Item = BoxTask>, reason: &str) {
    for task in tasks {
        task.settle(Err(DatabaseError::NotCommitted(reason.to_owned())));
    }
}
