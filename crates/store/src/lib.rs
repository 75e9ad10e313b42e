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
//! A database that is not all of what was written is refused as a whole when it is opened: its structure, its tables and
//! the seal of every row are checked, and that its log is there and not damaged.
//!
//! [`StateModule`] is `state:distro:sys`, the part of this that is addressed by message.

mod create;
mod database;
mod error;
#[cfg(test)]
mod faults;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod log;
mod migrate;
mod migrate_components;
mod migrate_seals;
mod queue;
mod rows;
mod saved;
mod schema;
mod seal;
mod snapshot;
mod state_module;
mod store;
mod task;
mod verify;
mod wire;
mod worker;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "open_tests.rs"]
mod open_tests;

#[cfg(test)]
#[path = "damage_tests.rs"]
mod damage_tests;

#[cfg(test)]
#[path = "fault_tests.rs"]
mod fault_tests;

pub use error::OpenError;
pub use snapshot::Snapshots;
pub use state_module::StateModule;
pub use store::KernelStore;
