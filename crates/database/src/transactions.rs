//! Transactions that processes have begun: gathered in memory, bound to their process and database, and bounded.
//!
//! Nothing of a transaction is in the database before it is committed, so one that is forgotten leaves nothing behind, and
//! none of them keeps others from writing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use wharf_kernel::Kernel;
use wharf_kernel::envelope::ReplyPath;
use wharf_types::ProcessId;

use crate::limits::DatabaseLimits;
use crate::name::DatabaseId;

/// The number under which a process knows its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransactionId(pub u64);

/// There is none with that id for that process and database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no transaction {}, or it ended", .0.0)]
pub struct NoTransaction(pub TransactionId);

/// A bound was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooManyTransactions {
    /// That of the process.
    #[error("the process has {0} transactions that it has not ended; no more are allowed")]
    OfProcess(usize),
    /// That of the node.
    #[error("the processes of the node have {0} transactions that they have not ended; no more are allowed")]
    OfNode(usize),
}

/// What was begun and not ended, with a `T` for what was gathered. Cloning it clones a reference.
pub struct Transactions<T>(Arc<Mutex<Table<T>>>);

impl<T> Clone for Transactions<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Table<T> {
    last: u64,
    begun: HashMap<TransactionId, Begun<T>>,
    per_process: HashMap<ProcessId, usize>,
}

struct Begun<T> {
    database: DatabaseId,
    owner: ReplyPath,
    until: Instant,
    gathered: T,
    /// Ends the task that waits for its end.
    _watch: DropGuard,
}

impl<T> Default for Transactions<T> {
    fn default() -> Self {
        let table = Table { last: 0, begun: HashMap::new(), per_process: HashMap::new() };
        Self(Arc::new(Mutex::new(table)))
    }
}

impl<T: Send + 'static> Transactions<T> {
    /// Begins one. It is forgotten when its time is over, and with that life of its process.
    pub fn begin(
        &self,
        kernel: &Kernel,
        owner: &ReplyPath,
        database: &DatabaseId,
        limits: &DatabaseLimits,
        gathered: T,
    ) -> Result<TransactionId, TooManyTransactions> {
        let process = owner.address().process();
        let ended = CancellationToken::new();
        let until = Instant::now() + limits.transaction_age_max().min(LONGEST);
        let id = {
            let mut table = self.lock();
            if table.begun.len() >= limits.transactions_max {
                return Err(TooManyTransactions::OfNode(limits.transactions_max));
            }
            let of_process = table.per_process.entry(process.clone()).or_default();
            if *of_process >= limits.process_transactions_max {
                return Err(TooManyTransactions::OfProcess(limits.process_transactions_max));
            }
            *of_process += 1;
            table.last += 1;
            let id = TransactionId(table.last);
            let watch = ended.clone().drop_guard();
            let begun = Begun { database: database.clone(), owner: owner.clone(), until, gathered, _watch: watch };
            table.begun.insert(id, begun);
            id
        };
        let (transactions, owner, stop) = (self.clone(), owner.clone(), kernel.stop().clone());
        kernel.run_until_stop(async move {
            tokio::select! {
                () = ended.cancelled() => return,
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(until) => {}
                () = owner.ended() => {}
            }
            transactions.lock().remove(id);
        });
        Ok(id)
    }

    /// Does something with what was gathered.
    pub fn with<R>(
        &self,
        id: TransactionId,
        owner: &ReplyPath,
        database: &DatabaseId,
        work: impl FnOnce(&mut T) -> R,
    ) -> Result<R, NoTransaction> {
        let mut table = self.lock();
        let begun = table.find(id, owner, database).ok_or(NoTransaction(id))?;
        Ok(work(&mut begun.gathered))
    }

    /// Ends one, and hands out what it gathered.
    pub fn end(&self, id: TransactionId, owner: &ReplyPath, database: &DatabaseId) -> Result<T, NoTransaction> {
        let mut table = self.lock();
        table.find(id, owner, database).ok_or(NoTransaction(id))?;
        table.remove(id).ok_or(NoTransaction(id))
    }

    /// Ends all of a database that is no more.
    pub fn end_all(&self, database: &DatabaseId) {
        let mut table = self.lock();
        let ids: Vec<_> =
            table.begun.iter().filter(|(_, begun)| begun.database == *database).map(|(id, _)| *id).collect();
        for id in ids {
            table.remove(id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No clock reaches further; what is set longer lasts as long as its process.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 3600);

impl<T> Table<T> {
    fn find(&mut self, id: TransactionId, owner: &ReplyPath, database: &DatabaseId) -> Option<&mut Begun<T>> {
        let now = Instant::now();
        let is_its = |begun: &&mut Begun<T>| begun.owner == *owner && begun.database == *database && now < begun.until;
        self.begun.get_mut(&id).filter(is_its)
    }

    fn remove(&mut self, id: TransactionId) -> Option<T> {
        let begun = self.begun.remove(&id)?;
        let process = begun.owner.address().process();
        if let Some(count) = self.per_process.get_mut(process) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_process.remove(process);
            }
        }
        Some(begun.gathered)
    }
}
