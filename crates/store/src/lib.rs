//! What the kernel persists: guest processes, capabilities with signatures and origins, and the state that processes
//! save. One SQLite file, `kernel.db`.
//!
//! ```text
//! KernelStore (async, any number of callers)
//!   -> bounded queue            jobs, and the bytes they carry
//!   -> thread `wharf-store`     owns the connection; all that waits becomes one transaction and one fsync
//! ```
//!
//! An `Ok` for a change means that it survives power loss: nobody is answered before the commit has reached the disk.
//!
//! [`StateModule`] is `state:distro:sys`, the part of this that is addressed by message.

mod create;
mod database;
mod error;
mod queue;
mod rows;
mod schema;
mod state_module;
mod store;
mod task;
mod wire;
mod worker;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

pub use error::OpenError;
pub use state_module::StateModule;
pub use store::KernelStore;
