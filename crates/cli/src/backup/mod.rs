//! The archive of a node: a zip that has everything a node is, and a manifest that says what has to be in it.
//!
//! ```text
//! version, node.key, wharf.toml   as in the home; wharf.toml only if there is one
//! kernel.db                       a consistent copy of one moment, complete without a log
//! vfs/...                         every file of every drive
//! kv/..., sqlite/...              a consistent copy of each database of each package, complete without a log
//! manifest.json                   last: what all of it is, and a SHA-256 of each file
//! ```
//!
//! The format has a number, [`FORMAT`]. What is newer, foreign or damaged is refused as a whole.

mod databases;
mod manifest;
mod pack;
mod unpack;

pub(crate) use databases::{Copied, Copying, Database, Module};
pub(crate) use manifest::Manifest;
pub(crate) use pack::{Packed, pack, sync_folder};
pub(crate) use unpack::{Archive, is_free};

/// Format of the archive that is written, and the newest that is read. 1 had no databases of packages.
const FORMAT: u32 = 3;

/// Name of the manifest in the archive.
const MANIFEST: &str = "manifest.json";

/// What is wrong with an archive, or with making one; says nothing of which archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The operating system refused.
    #[error("{action} {what}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        what: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The zip cannot be read or written.
    #[error("{0}")]
    Zip(#[from] zip::result::ZipError),
    /// It is something else.
    #[error("it is not a backup of a Wharf node: {0}")]
    Foreign(String),
    /// It is of a newer version.
    #[error("it is a backup of format {found}, and this version of wharf reads format {FORMAT}")]
    Newer {
        /// Its format.
        found: u32,
    },
    /// It is not all of what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A name that cannot be in an archive.
    #[error("the name of {0} is not UTF-8, which an archive cannot hold")]
    Name(String),
}

impl ArchiveError {
    fn io(action: &'static str, what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, what: what.to_string(), source }
    }
}
