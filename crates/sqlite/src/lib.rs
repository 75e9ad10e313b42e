//! SQL: the runtime module `sqlite:distro:sys`.
//!
//! Whatever a guest's statement is, SQLite asks what each part of it does before it runs (`guard`): a query changes
//! nothing, and no statement reaches another file, a setting of SQLite, or the transaction that it runs in.
//!
//! | file | what |
//! |---|---|
//! | `keyword` | what a statement has to begin with |
//! | `guard` | what it may do, and for how long |
//! | `params`, `rows` | from JSON, and to JSON |
//! | `perform` | each action |
//! | `module` | who may, and the wire |

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod keyword;
mod limits;
mod module;
mod params;
mod perform;
mod rows;
#[cfg(test)]
mod tests;

pub use limits::SqliteLimits;
pub use module::SqliteModule;
