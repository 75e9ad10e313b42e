//! What `state:distro:sys` is asked and answers: what processes save.
//!
//! A process reads and saves its own by the functions `get-state`, `set-state` and `clear-state`, and needs none of this; it is for
//! tools, which hold the module's messaging capability. Root is its capability `{"root":true}`, and the node's owner has it.
//! What is no request is answered `BadJson`.

use serde::{Deserialize, Serialize};

use crate::id::{PackageId, ProcessId};

/// A request to the state module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StateAction {
    /// Read what a process saved; bytes come in the blob.
    ///
    /// * Takes: to be that process, or root.
    /// * Answers: `GetState`, with the bytes as blob.
    /// * Refuses: `NotFound`, `BadRequest`, `IOError`.
    GetState(ProcessId),
    /// Save the blob for a process.
    ///
    /// * Blob: the bytes.
    /// * Takes: to be that process, or root.
    /// * Answers: `SetState`.
    /// * Refuses: `BadBytes`, `BadRequest`, `IOError`.
    SetState(ProcessId),
    /// Forget what a process saved.
    ///
    /// * Takes: to be that process, or root.
    /// * Answers: `DeleteState`.
    /// * Refuses: `BadRequest`, `IOError`.
    DeleteState(ProcessId),
    /// Forget what the processes of a package saved, those that are gone included. Wharf's own.
    ///
    /// * Takes: root.
    /// * Answers: `DeleteState`.
    /// * Refuses: `BadRequest`, `IOError`.
    DeletePackage(PackageId),
    /// Copy the whole database, as it is at one moment, to a file of the host.
    ///
    /// * Takes: root.
    /// * Answers: `Backup`, with a path as blob.
    /// * Refuses: `BadRequest`, `IOError`.
    Backup,
}

/// The state module's answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StateResponse {
    /// The bytes are in the blob.
    GetState,
    /// Saved, durably.
    SetState,
    /// Forgotten.
    DeleteState,
    /// Copied. The blob has the path of the file, which is the caller's to read and to remove.
    Backup,
    /// It did not work.
    Err(StateError),
}

/// Why the state module refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StateError {
    /// Nothing saved for this process.
    #[error("{process_id} has no saved state")]
    NotFound {
        /// Which.
        process_id: ProcessId,
    },
    /// The request is not JSON of a [`StateAction`].
    #[error("not a state request: {error}")]
    BadJson {
        /// What is wrong with it.
        error: String,
    },
    /// `SetState` without a blob.
    #[error("{action} needs its bytes in the blob")]
    BadBytes {
        /// Which action.
        action: String,
    },
    /// The caller may not.
    #[error("{error}")]
    BadRequest {
        /// Why.
        error: String,
    },
    /// The database failed.
    #[error("{error}")]
    IOError {
        /// What it said.
        error: String,
    },
}
