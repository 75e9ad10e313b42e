//! One open database: its thread, and connections that read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use wharf_types::database::Durability;

use crate::Engine;
use crate::connection::{self, Role};
use crate::error::DatabaseError;
use crate::files::Kind;
use crate::limits::DatabaseLimits;
use crate::name::DatabaseId;
use crate::queue::Queue;
use crate::task::Mode;
use crate::writer::{BoxTask, Writer};

/// An open database. It is in use as long as somebody has a lease.
pub struct Database<E: Engine> {
    id: DatabaseId,
    path: PathBuf,
    engine: Arc<E>,
    extra: Arc<E::Extra>,
    queue: Queue,
    thread: Option<JoinHandle<()>>,
    idle: Mutex<Vec<Connection>>,
    idle_max: usize,
    /// One database does not take all threads that read.
    pub(crate) reading: Arc<Semaphore>,
    /// Its place among those that may be open.
    _room: OwnedSemaphorePermit,
}

impl<E: Engine> Database<E> {
    /// Opens what is at `path`. Blocks on the disk.
    pub(crate) fn open(
        engine: Arc<E>,
        id: DatabaseId,
        path: PathBuf,
        durability: Durability,
        limits: &DatabaseLimits,
        room: OwnedSemaphorePermit,
    ) -> Result<Self, DatabaseError> {
        let extra = Arc::new(engine.extra(&id));
        let mut connection = connection::connect(&path, Role::Writer)?;
        connection::set_up_writer(&connection, durability, limits.database_bytes_max)?;
        // Reads the schema: what is damaged there is found now.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        engine.prepare(&mut connection, Role::Writer, &extra)?;
        let (queue, tasks) = Queue::new(limits);
        let thread = start(Writer::new(id.clone(), connection), tasks)
            .map_err(DatabaseError::io("starting the thread for", &path))?;
        Ok(Self {
            id,
            path,
            engine,
            extra,
            queue,
            thread: Some(thread),
            idle: Mutex::default(),
            idle_max: limits.database_readers_max,
            reading: Arc::new(Semaphore::new(limits.database_readers_max.clamp(1, Semaphore::MAX_PERMITS))),
            _room: room,
        })
    }

    /// Which it is.
    pub fn id(&self) -> &DatabaseId {
        &self.id
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What its module keeps beside it.
    pub fn extra(&self) -> &Arc<E::Extra> {
        &self.extra
    }

    /// Lets the thread do `work`, which carries `bytes`, and waits until that is committed, as durably as the database is.
    ///
    /// `work` may be run more than once; only the last time counts. `settled` is told how it ended, on that thread and
    /// before anybody else is.
    pub async fn write<T, W, S>(&self, mode: Mode, bytes: usize, work: W, settled: S) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnMut(&Connection) -> Result<T, DatabaseError> + Send + 'static,
        S: FnOnce(Result<&T, &DatabaseError>) + Send + 'static,
    {
        self.queue.call(mode, bytes, work, settled).await
    }

    /// Settles what an acknowledgement is worth from now on, and remembers it.
    pub async fn set_durability(&self, durability: Durability) -> Result<(), DatabaseError> {
        let kind: Kind = E::KIND;
        let work = move |connection: &Connection| {
            let mark = kind.mark(durability);
            let found: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            if found == mark {
                return Ok(());
            }
            // To be less careful is remembered carefully, too.
            connection::set_durability(connection, Durability::Power)?;
            connection.pragma_update(None, "application_id", mark)?;
            Ok(connection::set_durability(connection, durability)?)
        };
        self.write(Mode::Alone, 0, work, |_| ()).await
    }

    /// Does `work` with a connection that cannot write. Blocks the thread. A connection on which something failed is not
    /// used again.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let mut connection = connection::connect(&self.path, Role::Reader)?;
                self.engine.prepare(&mut connection, Role::Reader, &self.extra)?;
                connection
            }
        };
        let outcome = work(&connection);
        let is_usable = !matches!(outcome, Err(DatabaseError::Damaged(_) | DatabaseError::Io { .. }));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if is_usable && idle.len() < self.idle_max {
            idle.push(connection);
        }
        outcome
    }

    /// Finishes what is queued, moves the log into the file, and ends the thread. Blocks.
    pub(crate) fn close(self) {
        let Self { queue, thread, idle, id, _room: room, .. } = self;
        // Those that read go first: the writer is the one that empties the log.
        drop(idle);
        drop(queue);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(database = %id, "the thread of a database panicked");
        }
        drop(room);
    }
}

fn start(writer: Writer, tasks: mpsc::Receiver<BoxTask>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("wharf-database".to_owned()).spawn(move || writer.run(tasks))
}
