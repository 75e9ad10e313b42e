//! The locks and atomics of what tasks share: the standard library's, or in tests of schedules those of shuttle, which
//! switches threads at each of them.
//!
//! All threads of such a test are one thread of the operating system. So nothing in here is used while a lock of
//! another kind is held (an entry of the process table, or inside tokio): whoever waited for that would wait for ever.

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{Mutex, MutexGuard, RwLock, atomic};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, atomic};
