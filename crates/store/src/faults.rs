//! Failures of the disk, for tests: the n-th time that the database begins, changes, commits or syncs.

use std::cell::Cell;

/// `None` lets everything work.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    before: Cell<Option<u64>>,
}

impl Faults {
    /// Lets `before` operations work, and the one after them fail.
    pub(crate) fn fail_after(&self, before: u64) {
        self.before.set(Some(before));
    }

    /// Lets everything work. Tells whether something failed.
    pub(crate) fn lift(&self) -> bool {
        self.before.take().is_none()
    }

    pub(crate) fn next(&self) -> rusqlite::Result<()> {
        match self.before.get() {
            None => Ok(()),
            Some(0) => {
                self.before.set(None);
                let error = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
                Err(rusqlite::Error::SqliteFailure(error, Some("the disk fails, for a test".to_owned())))
            }
            Some(left) => {
                self.before.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
