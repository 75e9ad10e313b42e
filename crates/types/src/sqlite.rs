//! What `sqlite:distro:sys` is asked and answers: SQL in databases that belong to packages.
//!
//! A request names a database and what to do with it. Statements are in the body. Their parameters are a JSON array in the
//! blob, and so are the rows that come back.
//!
//! `Open` gives the caller the capabilities `{"kind":"read","db_key":[<package>,"<db>"]}` and `"write"`, issued by this module;
//! `read` and `write` below are these, also for processes of the package. Root is the module's capability `{"root":true}`,
//! which stands for all of them.
//!
//! Besides what an action names it may be refused with `NoReadCap` or `NoWriteCap`, `MalformedRequest`, `RusqliteError` where a
//! limit is reached or the database is damaged, and `IOError`.
//!
//! # Parameters
//!
//! | JSON | SQL |
//! |---|---|
//! | `null` | NULL |
//! | `true`, `false` | 1, 0 |
//! | a whole number of 64 bits | INTEGER |
//! | another number | REAL |
//! | text that is valid base64 | BLOB: the bytes. This is how guests have always passed bytes; text that looks like it suffers |
//! | other text | TEXT |
//! | `{"text":"..."}` | TEXT, whatever it looks like |
//! | `{"bytes":"<base64>"}` | BLOB |
//!
//! # Rows
//!
//! `Query` answers an array of objects, column name to value: numbers, text, `null`, and bytes as base64. A number that JSON
//! cannot say is the text `"inf"` or `"-inf"`. `QueryTyped` answers an array of arrays, in the order of the columns: bytes are
//! `{"bytes":"<base64>"}`, and an infinite number is `{"real":"inf"}` or `{"real":"-inf"}`.

use serde::{Deserialize, Serialize};

pub use crate::database::Durability;
use crate::id::PackageId;

/// A request to the sqlite module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqliteRequest {
    /// Whose database it is.
    pub package_id: PackageId,
    /// Its name: at most 120 bytes, no slash, backslash or control character, and neither `.` nor `..`.
    pub db: String,
    /// What to do.
    pub action: SqliteAction,
}

/// What to do with a database. From [`SqliteAction::OpenWith`] on, these are Wharf's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SqliteAction {
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
    /// Run a statement that changes something; parameters are in the blob.
    ///
    /// * Blob: the parameters, if any.
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`, `NotAWriteKeyword`, `InvalidParameters`, `RusqliteError`.
    Write {
        /// One statement.
        statement: String,
        /// The transaction that it belongs to, if any: it runs at the commit.
        tx_id: Option<u64>,
    },
    /// Run a statement that changes nothing; parameters are in the blob, and then rows.
    ///
    /// * Blob: the parameters, if any.
    /// * Takes: `read`.
    /// * Answers: `Read`, with the rows as blob.
    /// * Refuses: `NoDb`, `NotAReadKeyword`, `InvalidParameters`, `RusqliteError`.
    Query(String),
    /// Begin a transaction. Only the process that began it can use it, with this database; it ends with that process, and
    /// when it is too old.
    ///
    /// * Takes: `write`.
    /// * Answers: `BeginTx`.
    /// * Refuses: `NoDb`.
    BeginTx,
    /// Run what a transaction has gathered, all of it or nothing.
    ///
    /// * Takes: `write`.
    /// * Answers: `Ok`.
    /// * Refuses: `NoDb`, `NoTx`, `RusqliteError`.
    Commit {
        /// Which.
        tx_id: u64,
    },
    /// [`SqliteAction::Open`], and settle what an acknowledgement is worth from now on.
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
    /// [`SqliteAction::Query`] with columns in order and values that need no guessing.
    ///
    /// * Blob: the parameters, if any.
    /// * Takes: `read`; with a transaction `write`, too.
    /// * Answers: `Rows`, with the rows as blob.
    /// * Refuses: `NoDb`, `NoTx`, `NotAReadKeyword`, `InvalidParameters`, `RusqliteError`.
    QueryTyped {
        /// One statement.
        statement: String,
        /// The transaction whose changes it sees, if any.
        tx_id: Option<u64>,
    },
    /// Copy the database as it is at one moment to a file of the host, for the node's owner. The blob has its path.
    ///
    /// * Takes: root.
    /// * Answers: `Backup`, with a path as blob.
    /// * Refuses: `NoDb`, `NoReadCap`.
    Backup,
}

/// The sqlite module's answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SqliteResponse {
    /// Done.
    Ok,
    /// Rows are in the blob, as objects.
    Read,
    /// A transaction was begun.
    BeginTx {
        /// Its id.
        tx_id: u64,
    },
    /// Rows are in the blob, as arrays.
    Rows {
        /// Names of the columns, in order.
        columns: Vec<String>,
    },
    /// A copy was made. The blob has the path of the file, which is the caller's to read and to remove.
    Backup,
    /// It did not work.
    Err(SqliteError),
}

/// Why the sqlite module refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum SqliteError {
    /// There is no such database.
    #[error("there is no database `{1}` of {0}")]
    NoDb(PackageId, String),
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
    /// `Write` with a statement that does not begin as one that changes something.
    #[error("the statement does not begin with a word that a write begins with")]
    NotAWriteKeyword,
    /// `Query` with a statement that does not begin as one that reads.
    #[error("the statement does not begin with a word that a query begins with")]
    NotAReadKeyword,
    /// The blob is not a JSON array of parameters.
    #[error("the parameters are not a JSON array of what a parameter can be")]
    InvalidParameters,
    /// Not a request, or a name that cannot be one.
    #[error("malformed request")]
    MalformedRequest,
    /// SQLite refused, or a limit was reached.
    #[error("{0}")]
    RusqliteError(String),
    /// The operating system refused.
    #[error("{0}")]
    IOError(String),
}
