//! Databases of packages: what `kv:distro:sys` and `sqlite:distro:sys` have in common. Each database is one SQLite file.
//!
//! ```text
//! Databases::lease            a database that stays open while the lease is held; opened if need be, the one that was
//!   |                         used least recently closed
//!   |- Lease::write           bounded queue -> the database's own thread: all that waits becomes one transaction
//!   '- Lease::read            a thread that may block, of which only so many run, with a connection that cannot write
//! ```
//!
//! A module on top says what its databases look like ([`Engine`]) and what is done to them. Nothing here knows messages,
//! except who sent one: [`access`] decides, [`Transactions`] end with their process.
//!
//! | file | what |
//! |---|---|
//! | `name` | which texts are names |
//! | `files` | making, checking and removing a database on disk |
//! | `connection` | how SQLite is set up |
//! | `writer`, `task`, `queue` | the thread, one transaction for all that waits |
//! | `database` | one open database |
//! | `databases` | those that are open, a bounded number |
//! | `transactions` | what processes have begun and not ended |
//! | `access` | who may do what |
//! | `copy` | copies for backups |

pub mod access;
mod connection;
mod copy;
mod database;
mod databases;
mod error;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod faults;
mod files;
mod limits;
mod name;
mod queue;
mod task;
#[cfg(test)]
mod tests;
mod transactions;
mod writer;

pub use connection::Role;
pub use database::Database;
pub use databases::{Databases, Lease, Missing};
pub use error::DatabaseError;
pub use files::Kind;
pub use limits::DatabaseLimits;
pub use name::{DatabaseId, NameError};
pub use task::Mode;
pub use transactions::{NoTransaction, TooManyTransactions, TransactionId, Transactions};
pub use wharf_snapshot::Copies;

/// What a module makes of its databases.
pub trait Engine: Send + Sync + 'static {
    /// What is kept beside an open database.
    type Extra: Send + Sync + 'static;

    /// What the files are.
    const KIND: Kind;

    /// What is kept beside a database that is being opened.
    fn extra(&self, id: &DatabaseId) -> Self::Extra;

    /// Sets up a connection beyond what all have.
    fn prepare(&self, connection: &mut rusqlite::Connection, role: Role, extra: &Self::Extra) -> rusqlite::Result<()>;
}
