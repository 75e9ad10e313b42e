//! Keys and values: the runtime module `kv:distro:sys`.
//!
//! A database is one SQLite table, `entry`, ordered by key. What was read or written lately is in memory too
//! (`cache`), so that most reads touch no disk and wait for nobody.
//!
//! | file | what |
//! |---|---|
//! | `table` | the statements |
//! | `cache` | values in memory, never older than what is committed |
//! | `gathered` | what a transaction read and is going to change |
//! | `perform` | each action |
//! | `module` | who may, and the wire |

mod cache;
mod gathered;
mod limits;
mod module;
mod perform;
mod table;
#[cfg(test)]
mod tests;

pub use limits::KvLimits;
pub use module::KvModule;
