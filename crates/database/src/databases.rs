//! The databases of one module: which are open, and who has to wait.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, OwnedSemaphorePermit, RwLock, Semaphore};
use wharf_types::PackageId;
use wharf_types::database::Durability;

use wharf_kernel::Book;
use wharf_kernel::module::Caller;

use crate::Engine;
use crate::access::{self, Denied, Keys, Need};
use crate::database::Database;
use crate::error::DatabaseError;
use crate::files::Files;
use crate::limits::DatabaseLimits;
use crate::name::DatabaseId;

/// What to do about a database that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Make it, as durable as this.
    Create(Durability),
    /// Fail.
    Fail,
}

/// All databases of a module. Cloning it clones a reference.
pub struct Databases<E: Engine>(Arc<Inner<E>>);

impl<E: Engine> Clone for Databases<E> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<E: Engine> {
    engine: Arc<E>,
    files: Files,
    limits: Book<DatabaseLimits>,
    slots: Mutex<HashMap<DatabaseId, Arc<Slot<E>>>>,
    /// How many more may be open.
    room: Arc<Semaphore>,
    /// Somebody may be waiting for a database that nobody uses.
    given_back: Notify,
    readers: Arc<Semaphore>,
    uses: AtomicU64,
}

/// The place of a database that is open, or may be. Whoever uses the database holds the gate for reading; whoever opens,
/// closes or removes it holds it for writing, so a database is never closed while it is in use, nor opened while it closes.
struct Slot<E: Engine> {
    gate: Arc<RwLock<Option<Database<E>>>>,
    used: AtomicU64,
    keys: Keys,
}

type Shut<E> = OwnedRwLockWriteGuard<Option<Database<E>>>;

/// The use of an open database. It stays open as long as this is there.
pub struct Lease<E: Engine> {
    guard: Option<OwnedRwLockReadGuard<Option<Database<E>>, Database<E>>>,
    databases: Databases<E>,
}

impl<E: Engine> std::ops::Deref for Lease<E> {
    type Target = Database<E>;

    #[allow(clippy::expect_used, reason = "taken in drop and nowhere else")]
    fn deref(&self) -> &Database<E> {
        self.guard.as_ref().expect("a lease has its database until it is dropped")
    }
}

impl<E: Engine> Drop for Lease<E> {
    fn drop(&mut self) {
        drop(self.guard.take());
        self.databases.0.given_back.notify_one();
    }
}

impl<E: Engine> Lease<E> {
    /// Does `work` on a thread that may block, with a connection that cannot write.
    pub async fn read<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let of_database = Arc::clone(&self.reading);
        let permit = of_database.acquire_owned().await.map_err(|_| DatabaseError::Closed)?;
        let of_all = Arc::clone(&self.databases.0.readers);
        let permit = (permit, of_all.acquire_owned().await.map_err(|_| DatabaseError::Closed)?);
        // The lease goes along: whoever asked may be gone before this is done.
        let reading = tokio::task::spawn_blocking(move || {
            let outcome = self.read_blocking(work);
            drop(permit);
            outcome
        });
        reading.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a read did not finish");
            Err(DatabaseError::Closed)
        })
    }

    fn read_blocking<T>(&self, work: impl FnOnce(&Connection) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        Database::read(self, work)
    }
}

impl<E: Engine> Databases<E> {
    /// The databases in the folder `root`, which is made if there is none. Blocks on the disk.
    pub fn open(engine: E, root: PathBuf, limits: Book<DatabaseLimits>) -> Result<Self, DatabaseError> {
        let files = Files::open(root, E::KIND)?;
        let node = limits.node();
        let inner = Inner {
            engine: Arc::new(engine),
            files,
            room: Arc::new(Semaphore::new(node.open_max.clamp(1, Semaphore::MAX_PERMITS))),
            readers: Arc::new(Semaphore::new(node.readers_max.clamp(1, Semaphore::MAX_PERMITS))),
            limits,
            slots: Mutex::default(),
            given_back: Notify::new(),
            uses: AtomicU64::new(0),
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The bounds that a package's databases have.
    pub fn limits(&self) -> &Book<DatabaseLimits> {
        &self.0.limits
    }

    /// Checks that the caller may do something with a database, which need not exist.
    pub fn check(&self, caller: &Caller, id: &DatabaseId, need: Need) -> Result<(), Denied> {
        access::check(caller, id, &self.slot(id).keys, need)
    }

    /// Opens a database if it is not open. Waits while all that may be open are in use.
    pub async fn lease(&self, id: &DatabaseId, missing: Missing) -> Result<Lease<E>, DatabaseError> {
        let slot = self.slot(id);
        slot.used.store(self.0.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        loop {
            let guard = Arc::clone(&slot.gate).read_owned().await;
            if let Ok(guard) = OwnedRwLockReadGuard::try_map(guard, Option::as_ref) {
                return Ok(Lease { guard: Some(guard), databases: self.clone() });
            }
            let shut = Arc::clone(&slot.gate).write_owned().await;
            if shut.is_none() {
                // Boxed, since every request would carry the room for it.
                Box::pin(self.open_in(shut, id, missing)).await?;
            }
        }
    }

    /// Closes a database if it is open, and removes it. Waits for those who use it.
    pub async fn remove(&self, id: &DatabaseId) -> Result<(), DatabaseError> {
        let mut shut = Arc::clone(&self.slot(id).gate).write_owned().await;
        let (databases, id) = (self.clone(), id.clone());
        blocking(move || {
            if let Some(database) = shut.take() {
                database.close();
            }
            databases.0.files.remove(&id)
        })
        .await
    }

    /// The databases of a package, open or not.
    pub async fn of_package(&self, package: &PackageId) -> Result<Vec<DatabaseId>, DatabaseError> {
        let (databases, package) = (self.clone(), package.clone());
        blocking(move || databases.0.files.of_package(&package)).await
    }

    /// Closes all databases, each as soon as nobody uses it.
    pub async fn close(&self) {
        let slots: Vec<_> = self.lock().drain().map(|(_, slot)| slot).collect();
        for slot in slots {
            let mut shut = Arc::clone(&slot.gate).write_owned().await;
            let closed = blocking(move || {
                if let Some(database) = shut.take() {
                    database.close();
                }
                Ok(())
            });
            // A thread that panicked has said so.
            drop(closed.await);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DatabaseId, Arc<Slot<E>>>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, id: &DatabaseId) -> Arc<Slot<E>> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(id) {
            return Arc::clone(slot);
        }
        // Those of databases that are closed and that nobody waits for.
        slots.retain(|_, slot| {
            let is_free = Arc::strong_count(slot) == 1 && Arc::strong_count(&slot.gate) == 1;
            !is_free || slot.gate.try_read().map_or(true, |database| database.is_some())
        });
        let slot = Arc::new(Slot { gate: Arc::default(), used: AtomicU64::new(0), keys: Keys::default() });
        slots.insert(id.clone(), Arc::clone(&slot));
        slot
    }

    async fn open_in(&self, mut shut: Shut<E>, id: &DatabaseId, missing: Missing) -> Result<(), DatabaseError> {
        // Nothing is closed for the sake of one that does not exist.
        if missing == Missing::Fail && !self.exists(id).await? {
            return Err(DatabaseError::Missing(id.clone()));
        }
        let room = self.make_room().await?;
        let (databases, id) = (self.clone(), id.clone());
        blocking(move || {
            *shut = Some(databases.open_blocking(id, missing, room)?);
            Ok(())
        })
        .await
    }

    async fn exists(&self, id: &DatabaseId) -> Result<bool, DatabaseError> {
        let path = self.0.files.file(id);
        blocking(move || Ok(path.symlink_metadata().is_ok())).await
    }

    fn open_blocking(
        &self,
        id: DatabaseId,
        missing: Missing,
        room: OwnedSemaphorePermit,
    ) -> Result<Database<E>, DatabaseError> {
        let inner = &self.0;
        let limits = inner.limits.of(id.package());
        let durability = match (inner.files.check(&id), missing) {
            (Err(DatabaseError::Missing(_)), Missing::Create(durability)) => {
                inner.files.create(&id, durability, limits.package_databases_max)?;
                durability
            }
            (found, _) => found?,
        };
        let path = inner.files.file(&id);
        Database::open(Arc::clone(&inner.engine), id, path, durability, limits, room)
    }

    /// A place among those that may be open. The one that was used least recently gives way, of those that nobody uses.
    async fn make_room(&self) -> Result<OwnedSemaphorePermit, DatabaseError> {
        loop {
            let given_back = self.0.given_back.notified();
            tokio::pin!(given_back);
            // Registered before looking, so that one that is given back in between is not missed.
            given_back.as_mut().enable();
            if let Ok(room) = Arc::clone(&self.0.room).try_acquire_owned() {
                return Ok(room);
            }
            if let Some(mut shut) = self.least_recently_used() {
                blocking(move || {
                    if let Some(database) = shut.take() {
                        database.close();
                    }
                    Ok(())
                })
                .await?;
                continue;
            }
            given_back.await;
        }
    }

    fn least_recently_used(&self) -> Option<Shut<E>> {
        let slots = self.lock();
        let mut by_use: Vec<_> = slots.values().collect();
        by_use.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
        let free = |slot: &&Arc<Slot<E>>| Arc::clone(&slot.gate).try_write_owned().ok();
        by_use.iter().filter_map(free).find(|shut| shut.is_some())
    }

    /// Which databases are open.
    #[cfg(test)]
    pub(crate) fn open_ones(&self) -> Vec<DatabaseId> {
        let slots = self.lock();
        let is_open = |slot: &Slot<E>| slot.gate.try_read().is_ok_and(|database| database.is_some());
        slots.iter().filter(|(_, slot)| is_open(slot)).map(|(id, _)| id.clone()).collect()
    }
}

/// Runs `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DatabaseError> + Send + 'static,
) -> Result<T, DatabaseError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(DatabaseError::Closed))
}
