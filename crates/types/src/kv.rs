//! What `kv:distro:sys` is asked and answers: keys and values, in databases that belong to packages.
//!
//! A request names a database and what to do with it. Values travel in the blob, keys in the body. Keys are bytes and are
//! ordered as bytes are.
//!
//! `Open` gives the caller the capabilities `{"kind":"read","db_key":[<package>,"<db>"]}` and `"write"`, issued by this module;
//! `read` and `write` below are these, also for processes of the package. Root is the module's capability `{"root":true}`,
//! which stands for all of them.
//!
//! Besides what an action names it may be refused with `NoReadCap` or `NoWriteCap`, `MalformedRequest`, `RocksDBError` where a
//! limit is reached or the database is damaged, and `IOError`.

use serde::{Deserialize, Serialize};

pub use crate::database::Durability;
use crate::id::PackageId;

/// A request to the kv module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRequest {
    /// Whose database it is.
    pub package_id: PackageId,
    /// Its name: at most 120 bytes, no slash, backslash or control character, and neither `.` nor `..`.
    pub db: String,
    /// What to do.
    pub action: KvAction,
}

/// What to do with a database. From [`KvAction::OpenWith`] on, these are Wharf's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvAction {
    /// Make it if there is none, and get its capabilities. For processes of its package.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`.
    /// * Refuses: `MismatchingPackageId`, `AddCapFailed`.
    Open,
    /// Remove it with all in it. For processes of its package.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`, also when there is none.
    /// * Refuses: `MismatchingPackageId`.
    RemoveDb,
    /// Remove all databases of the package, whichever the request's `db` names. Wharf's own.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`.
    /// * Refuses: `MismatchingPackageId`.
    RemoveAll,
    /// Set a key to the blob.
    ///
    /// * Blob: the value.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`, `MalformedRequest` without a blob.
    Set {
        /// The key.
        key: Vec<u8>,
        /// The transaction that it belongs to, if any.
        tx_id: Option<u64>,
    },
    /// Remove a key; it need not be there.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`.
    Delete {
        /// The key.
        key: Vec<u8>,
        /// The transaction that it belongs to, if any.
        tx_id: Option<u64>,
    },
    /// The value of a key as it was committed last, in the blob.
    ///
    /// * Takes: `read`.
    /// * Answers: `Get`, with the value as blob.
    /// * Refuses: `NoDb`, `KeyNotFound`.
    Get(Vec<u8>),
    /// Begin a transaction. Only the process that began it can use it, with this database; it ends with that process, and
    /// when it is too old.
    ///
    /// * Takes: `write`.
    /// * Answers: `BeginTx`.
    /// * Refuses: `NoDb`.
    BeginTx,
    /// Do what a transaction has gathered, all of it or nothing.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`, `TxConflict`.
    Commit {
        /// Which.
        tx_id: u64,
    },
    /// [`KvAction::Open`], and settle what an acknowledgement is worth from now on.
    ///
    /// * Takes: to be of the package, or root.
    /// * Answers: `Ok`.
    /// * Refuses: `MismatchingPackageId`, `AddCapFailed`.
    OpenWith {
        /// It is remembered in the database.
        durability: Durability,
    },
    /// Forget a transaction.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`.
    Rollback {
        /// Which.
        tx_id: u64,
    },
    /// The value of a key as a transaction sees it: with its own changes. Its commit fails with [`KvError::TxConflict`] when
    /// somebody else changed the key since.
    ///
    /// * Takes: `read` and `write`.
    /// * Answers: `Get`, with the value as blob.
    /// * Refuses: `NoDb`, `NoTx`, `KeyNotFound`, `TxConflict`.
    GetInTx {
        /// The key.
        key: Vec<u8>,
        /// The transaction.
        tx_id: u64,
    },
    /// Keys in order, with their values.
    ///
    /// * Takes: `read`.
    /// * Answers: `Scan`, with the values as blob.
    /// * Refuses: `NoDb`.
    Scan(KvScan),
    /// Set a key to the blob, or remove it when there is none, if its value is what is expected.
    ///
    /// * Blob: the value; none to remove the key.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NotAsExpected`.
    CompareAndSet {
        /// The key.
        key: Vec<u8>,
        /// What it has to be; `null` for not there.
        expected: Option<Vec<u8>>,
    },
    /// Several changes, all of them or nothing. The blob has the values, one after the other.
    ///
    /// * Blob: the values, one after the other.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `MalformedRequest` when blob and lengths do not match.
    Batch(Vec<KvChange>),
    /// Copy the database as it is at one moment to a file of the host, for the node's owner. The blob has its path.
    ///
    /// * Takes: root.
    /// * Answers: `Backup`, with a path as blob.
    /// * Refuses: `NoDb`, `NoReadCap`.
    Backup,
}

/// Which keys, and how many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KvScan {
    /// Only keys that begin like this.
    pub prefix: Vec<u8>,
    /// The first key, included; the node's answer has the one to go on with.
    pub from: Option<Vec<u8>>,
    /// At most so many; the node may give fewer.
    pub limit: Option<u64>,
    /// In which direction.
    pub order: KvOrder,
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvOrder {
    /// From the smallest key up.
    #[default]
    Ascending,
    /// From the largest key down.
    Descending,
}

/// One change of a [`KvAction::Batch`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvChange {
    /// Set a key to the next bytes of the blob.
    Set {
        /// The key.
        key: Vec<u8>,
        /// How many bytes.
        bytes: u64,
    },
    /// Remove a key.
    Delete {
        /// The key.
        key: Vec<u8>,
    },
}

/// A key that was found by a scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// The key.
    pub key: Vec<u8>,
    /// Bytes of its value, which are the next of the blob.
    pub bytes: u64,
}

/// The kv module's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvResponse {
    /// Done.
    Ok,
    /// The value of this key is in the blob.
    Get(Vec<u8>),
    /// A transaction was begun.
    BeginTx {
        /// Its id.
        tx_id: u64,
    },
    /// What was found. The blob has the values, one after the other.
    Scan {
        /// Keys in order.
        entries: Vec<KvEntry>,
        /// Where to go on, as `from`; `null` when this was all.
        next: Option<Vec<u8>>,
    },
    /// A copy was made. The blob has the path of the file, which is the caller's to read and to remove.
    Backup,
    /// It did not work.
    Err(KvError),
}

/// Why the kv module refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum KvError {
    /// There is no such database.
    #[error("there is no database `{1}` of {0}")]
    NoDb(PackageId, String),
    /// The key is not there.
    #[error("there is no such key")]
    KeyNotFound,
    /// There is no such transaction, or it is of another process or database, or it ended.
    #[error("there is no transaction {0}")]
    NoTx(u64),
    /// The caller may not write there.
    #[error("no capability to write there")]
    NoWriteCap,
    /// The caller may not read there.
    #[error("no capability to read there")]
    NoReadCap,
    /// The database belongs to another package than the caller.
    #[error("the database belongs to another package")]
    MismatchingPackageId,
    /// The capabilities of the database could not be given to the caller.
    #[error("the capabilities of the database could not be granted")]
    AddCapFailed,
    /// Not a request, a name that cannot be one, or no blob where one is needed.
    #[error("malformed request")]
    MalformedRequest,
    /// The database refused: it is full, damaged, or over a limit. The name is the one that guests know.
    #[error("{0}")]
    RocksDBError(String),
    /// The operating system refused.
    #[error("{0}")]
    IOError(String),
    /// What a transaction read was changed by somebody else. Nothing was committed; begin again.
    #[error("what the transaction read has changed; nothing was committed")]
    TxConflict,
    /// The value is not what was expected.
    #[error("the value is not what was expected")]
    NotAsExpected,
}
