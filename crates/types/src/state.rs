//! What `state:distro:sys` is asked and answers. Only the kernel and its holders reach it; guests use `get-state`.

use serde::{Deserialize, Serialize};

use crate::id::{PackageId, ProcessId};

/// A request to the state module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum StateAction {
    /// Read what a process saved; bytes come in the blob.
    GetState(ProcessId),
    /// Save the blob for a process.
    SetState(ProcessId),
    /// Forget what a process saved.
    DeleteState(ProcessId),
    /// Forget what the processes of a package saved, those that are gone included. Wharf's own.
    DeletePackage(PackageId),
    /// Copy the whole database, as it is at one moment, to a file of the host.
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
