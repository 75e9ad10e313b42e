//! Files of packages: the storage core that everything on disk goes through, and the runtime module `vfs:distro:sys`.
//!
//! The core ([`Vfs`]) knows paths, files and folders, and nothing of messages; boot, the runtime's WASI files and the
//! module share it. The module ([`VfsModule`]) adds who may do what, cursors, and the wire.
//!
//! | file | what |
//! |---|---|
//! | `path` | which texts are paths; resolved lexically, once |
//! | `storage` | where files are: the interface of all providers, a folder of the host, memory |
//! | `beneath` | the system calls: everything relative to an open folder, no symbolic link ever followed |
//! | `staging` | files and folders that are not visible yet, or not any more |
//! | `core`, `file`, `whole` | drives, folders and names; open files; whole files |
//! | `ledger` | what each package has, and may have |
//! | `archive` | a zip, checked before any of it appears |
//! | `access`, `cursor`, `perform`, `module` | the module, from rule to wire |
//! | `source` | components for the kernel |

mod access;
mod archive;
mod beneath;
mod core;
mod cursor;
mod error;
mod file;
mod ledger;
mod limits;
mod module;
mod path;
mod perform;
mod source;
mod staging;
pub mod storage;
mod whole;

pub use crate::core::Vfs;
pub use error::Failure;
pub use file::VfsFile;
pub use limits::{Durability, VfsLimits};
pub use module::VfsModule;
pub use path::{PathError, Segment, VfsPath};
pub use source::DriveSource;

#[cfg(test)]
mod tests;
