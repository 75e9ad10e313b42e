//! What each action does, once it is allowed.

use std::sync::Arc;

use rusqlite::Connection;
use wharf_database::{DatabaseError, DatabaseId, Engine, Kind, Lease, Mode, Role};
use wharf_kernel::envelope::Payload;
use wharf_kernel::module::Caller;
use wharf_kernel::{Book, Limit};
use wharf_types::kv::{KvChange, KvError, KvResponse, KvScan};

use crate::cache::{Cache, Changes, Key};
use crate::gathered::{Gathered, see};
use crate::limits::KvLimits;
use crate::table::{self, Range};

/// What kv makes of databases.
pub(crate) struct Kv {
    pub(crate) limits: Book<KvLimits>,
}

impl Engine for Kv {
    type Extra = Arc<Cache>;

    const KIND: Kind =
        Kind { application_id: table::APPLICATION_ID, format: Some(table::FORMAT), tables: table::TABLES };

    fn extra(&self, id: &DatabaseId) -> Arc<Cache> {
        Arc::new(Cache::new(self.limits.of(id.package()).cache_bytes_max))
    }

    fn prepare(&self, _: &mut Connection, _: Role, _: &Arc<Cache>) -> rusqlite::Result<()> {
        Ok(())
    }
}

/// A response and the bytes beside it.
pub(crate) type Performed = Result<(KvResponse, Option<Payload>), KvError>;

/// One database under the bounds of its package.
pub(crate) struct Open<'a> {
    pub(crate) lease: Arc<Lease<Kv>>,
    pub(crate) caller: &'a Caller,
    pub(crate) limits: &'a KvLimits,
}

/// How a commit that was possible ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Done,
    /// What was read or expected is not so.
    Differs,
}

impl Open<'_> {
    /// The committed value: out of memory without waiting for anybody, or else off the disk.
    pub(crate) async fn value(&self, key: &[u8]) -> Result<Option<Payload>, DatabaseError> {
        let cache = Arc::clone(self.lease.extra());
        let began = match cache.get(key) {
            Ok(value) => return Ok(value),
            Err(began) => began,
        };
        let (lease, key) = (Arc::clone(&self.lease), key.to_vec());
        lease
            .read(move |connection| {
                let value = table::get(connection, &key)?;
                cache.fill(&key, &value, began);
                Ok(value)
            })
            .await
    }

    pub(crate) async fn get(&self, key: Vec<u8>) -> Performed {
        match self.value(&key).await.map_err(|error| to_wire(self.caller, error))? {
            Some(value) => Ok((KvResponse::Get(key), Some(value))),
            None => Err(KvError::KeyNotFound),
        }
    }

    pub(crate) async fn change(&self, list: Vec<(Key, Option<Payload>)>) -> Performed {
        self.change_if(list, |_| Ok(true)).await
    }

    /// Sets a key or removes it, if it has the value that is expected.
    pub(crate) async fn compare_and_set(
        &self,
        key: Vec<u8>,
        expected: Option<Vec<u8>>,
        value: Option<Payload>,
    ) -> Performed {
        let key: Key = key.into();
        let looked_at = Arc::clone(&key);
        let is_so = move |connection: &Connection| {
            let found = table::get(connection, &looked_at)?;
            Ok(found.as_ref().map(|value| value.as_slice()) == expected.as_deref())
        };
        self.change_if(vec![(key, value)], is_so).await.map_err(|error| match error {
            KvError::TxConflict => KvError::NotAsExpected,
            other => other,
        })
    }

    /// Makes the changes of a transaction if what it read is still so.
    pub(crate) async fn commit(&self, gathered: Gathered) -> Performed {
        let (reads, changes) = gathered.into_parts();
        let is_so = move |connection: &Connection| {
            for (key, seen) in &reads {
                let found = table::get(connection, key)?;
                if see(found.as_ref().map(|value| value.as_slice())) != *seen {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        self.change_if(changes, is_so).await
    }

    async fn change_if(
        &self,
        list: Vec<(Key, Option<Payload>)>,
        mut is_so: impl FnMut(&Connection) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Performed {
        let changes = Changes::new(self.lease.extra(), list);
        let settled = Arc::clone(&changes);
        let bytes = changes.bytes();
        let work = move |connection: &Connection| {
            if !is_so(connection)? {
                return Ok(Verdict::Differs);
            }
            changes.begin();
            for (key, value) in &changes.list {
                table::put(connection, key, value.as_ref().map(|value| value.as_slice()))?;
            }
            Ok(Verdict::Done)
        };
        let settle =
            move |outcome: Result<&Verdict, &DatabaseError>| settled.settle(outcome.is_ok_and(|v| *v == Verdict::Done));
        match self.lease.write(Mode::Together, bytes, work, settle).await {
            Ok(Verdict::Done) => Ok((KvResponse::Ok, None)),
            Ok(Verdict::Differs) => Err(KvError::TxConflict),
            Err(error) => Err(to_wire(self.caller, error)),
        }
    }

    pub(crate) async fn scan(&self, scan: KvScan) -> Performed {
        let wanted = scan.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let range = Range {
            prefix: scan.prefix,
            from: scan.from,
            order: scan.order,
            entries_max: wanted.min(self.limits.scan_entries_max),
            bytes_max: self.limits.scan_bytes_max,
        };
        let lease = Arc::clone(&self.lease);
        let found = lease.read(move |connection| Ok(table::scan(connection, &range)?)).await;
        let found = found.map_err(|error| to_wire(self.caller, error))?;
        Ok((KvResponse::Scan { entries: found.entries, next: found.next }, Some(Arc::new(found.values))))
    }

    /// Takes a batch apart.
    pub(crate) fn batch(
        &self,
        changes: Vec<KvChange>,
        blob: Option<&Payload>,
    ) -> Result<Vec<(Key, Option<Payload>)>, KvError> {
        if changes.len() > self.limits.batch_changes_max {
            return Err(over("the batch has too many changes", self.limits.batch_changes_max));
        }
        let mut rest = blob.map_or(&[][..], |blob| blob.as_slice());
        let mut list = Vec::with_capacity(changes.len());
        for change in changes {
            let (key, value) = match change {
                KvChange::Delete { key } => (key, None),
                KvChange::Set { key, bytes } => {
                    let taken = usize::try_from(bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
                    let (value, left) = taken.ok_or(KvError::MalformedRequest)?;
                    rest = left;
                    (key, Some(Arc::new(value.to_vec())))
                }
            };
            self.check(&key, value.as_ref())?;
            list.push((key.into(), value));
        }
        if rest.is_empty() { Ok(list) } else { Err(KvError::MalformedRequest) }
    }

    /// Whether key and value are within the bounds.
    pub(crate) fn check(&self, key: &[u8], value: Option<&Payload>) -> Result<(), KvError> {
        if key.len() > self.limits.key_bytes_max {
            return Err(over("the key has too many bytes", self.limits.key_bytes_max));
        }
        if value.is_some_and(|value| value.len() > self.limits.value_bytes_max) {
            return Err(over("the value has too many bytes", self.limits.value_bytes_max));
        }
        Ok(())
    }
}

/// A bound was reached.
pub(crate) fn over(what: &str, max: usize) -> KvError {
    KvError::RocksDBError(format!("{what}: {max} are allowed"))
}

/// What guests are told. A limit that was reached is counted.
pub(crate) fn to_wire(caller: &Caller, error: DatabaseError) -> KvError {
    if matches!(error, DatabaseError::Full(_)) {
        caller.kernel().hit(caller.source().process(), Limit::DatabaseBytes);
    }
    match error {
        DatabaseError::Missing(id) => KvError::NoDb(id.package().clone(), id.name().to_owned()),
        error @ DatabaseError::Io { .. } => KvError::IOError(error.to_string()),
        error => KvError::RocksDBError(error.to_string()),
    }
}
