//! The thread that owns the database: it turns all jobs that wait into one transaction.
//!
//! A commit costs a sync of the disk, milliseconds, whatever is in it. While one runs, the next jobs queue up; they share
//! the one after.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc;

use crate::database::Database;
use crate::error::DatabaseError;
use crate::store::Counters;
use crate::task::{Kind, Task};

/// Jobs in one transaction. More would only make the first of them wait longer.
pub(crate) const BATCH_MAX: usize = 256;

/// A boxed job in the queue.
pub(crate) type BoxTask = Box<dyn Task>;

/// A job that ran and is not answered yet.
type Ran = (BoxTask, Result<(), DatabaseError>);

/// What the thread owns.
pub(crate) struct Worker {
    database: Database,
    counters: Arc<Counters>,
}

impl Worker {
    pub(crate) fn new(database: Database, counters: Arc<Counters>) -> Self {
        Self { database, counters }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(self, mut queue: mpsc::Receiver<BoxTask>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while queue.blocking_recv_many(&mut batch, BATCH_MAX) > 0 {
            self.work_off(std::mem::take(&mut batch));
        }
        self.database.close();
    }

    /// Runs and answers every job, in order. A read sees every write before it.
    fn work_off(&self, batch: Vec<BoxTask>) {
        let mut rest = batch;
        let first_write = rest.iter().position(|task| task.kind() == Kind::Write).unwrap_or(rest.len());
        let writes = rest.split_off(first_write);
        for mut task in rest {
            let verdict = task.run(&self.database).map_err(|error| error.to_string());
            task.answer(verdict);
        }
        if writes.is_empty() {
            return;
        }
        if let Err(lost) = self.together(writes) {
            // A full disk, mostly: one job too many took its neighbours with it. Alone, those that fit succeed.
            for task in lost {
                if let Err(failed) = self.together(vec![task]) {
                    answer_all(failed, "the transaction was lost");
                }
            }
        }
    }

    /// Runs the jobs in one transaction and answers them. Gives them back unanswered when SQLite dropped the
    /// transaction on the way and there is more than one, so that each can be tried alone.
    fn together(&self, tasks: Vec<BoxTask>) -> Result<(), Vec<BoxTask>> {
        if let Err(error) = self.database.begin() {
            answer_all(tasks, &error.to_string());
            return Ok(());
        }
        let mut ran: Vec<Ran> = Vec::with_capacity(tasks.len());
        let mut tasks = tasks.into_iter();
        for mut task in tasks.by_ref() {
            let outcome = self.database.savepoint(|database| task.run(database));
            ran.push((task, outcome));
            if !self.database.in_transaction() {
                break;
            }
        }
        if self.database.in_transaction() {
            self.commit(ran);
            return Ok(());
        }
        if ran.len() == 1 && tasks.len() == 0 {
            answer_each(ran);
            return Ok(());
        }
        Err(ran.into_iter().map(|(task, _)| task).chain(tasks).collect())
    }

    /// Nobody is answered before this; when it fails nothing was kept, and nobody is told otherwise. It is not tried
    /// again: after a failed sync the system may report success for what never reached the disk.
    fn commit(&self, ran: Vec<Ran>) {
        match self.database.commit() {
            Ok(()) => {
                let writes = ran.len() as u64;
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.writes.fetch_add(writes, Ordering::Relaxed);
                self.counters.batch.fetch_max(writes, Ordering::Relaxed);
                answer_each(ran);
            }
            Err(error) => {
                tracing::error!(%error, jobs = ran.len(), "a commit to kernel.db failed");
                self.database.roll_back();
                answer_all(ran.into_iter().map(|(task, _)| task), &error.to_string());
            }
        }
    }
}

fn answer_each(ran: Vec<Ran>) {
    for (task, outcome) in ran {
        task.answer(outcome.map_err(|error| error.to_string()));
    }
}

fn answer_all(tasks: impl IntoIterator<Item = BoxTask>, reason: &str) {
    for task in tasks {
        task.answer(Err(reason.to_owned()));
    }
}
