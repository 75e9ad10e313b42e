//! Failures of the disk, for tests: the n-th time that a database begins, changes, commits or syncs.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::name::DatabaseId;

/// By database: its thread is made where no test can hand it anything. Tests name their databases differently.
static ALL: LazyLock<Mutex<HashMap<DatabaseId, Faults>>> = LazyLock::new(Mutex::default);

/// How many more operations work before one fails; negative lets everything work.
#[derive(Clone, Debug)]
pub(crate) struct Faults(Arc<AtomicI64>);

impl Faults {
    pub(crate) fn of(id: &DatabaseId) -> Self {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.clone()).or_insert_with(|| Self(Arc::new(AtomicI64::new(-1)))).clone()
    }

    /// Lets `before` operations work, and the one after them fail.
    pub(crate) fn fail_after(&self, before: i64) {
        self.0.store(before, Ordering::SeqCst);
    }

    /// Lets everything work. Tells whether something failed.
    pub(crate) fn lift(&self) -> bool {
        self.0.swap(-1, Ordering::SeqCst) < 0
    }

    pub(crate) fn next(&self) -> rusqlite::Result<()> {
        if self.0.load(Ordering::SeqCst) < 0 {
            return Ok(());
        }
        if self.0.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Err(rusqlite::Error::SqliteFailure(error, Some("the disk fails, for a test".to_owned())))
    }
}
