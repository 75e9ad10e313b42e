//! `state:distro:sys`: the saved state of processes, by message.
//!
//! Guests use the host functions for their own state and do not need this. It is there for tools that hold the root
//! capability, and a process may ask about itself.

use std::sync::Arc;

use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, RuntimeModule, speaks_for_owner};
use wharf_kernel::persistence::{Persistence, StoreError};
use wharf_kernel::{Book, Limits};
use wharf_types::ProcessId;
use wharf_types::state::{StateAction, StateError, StateResponse};

use crate::snapshot::Snapshots;

/// Params of the capability, issued by this module, to read and change the state of every process.
const ROOT: &str = r#"{"root":true}"#;

/// What a state is, as far as anybody knows.
const MIME: &str = "application/octet-stream";

/// The runtime module.
pub struct StateModule {
    store: Arc<dyn Persistence>,
    snapshots: Snapshots,
    limits: Book<Limits>,
}

impl StateModule {
    /// Serves what is in `store`, and copies of it; `limits` say how much may be saved.
    pub fn new(store: Arc<dyn Persistence>, snapshots: Snapshots, limits: Book<Limits>) -> Self {
        Self { store, snapshots, limits }
    }

    async fn answer(&self, action: StateAction, blob: Option<Blob>) -> Result<Answer<StateResponse>, StateError> {
        match action {
            StateAction::GetState(process) => match self.store.get_state(process.clone()).await.map_err(failed)? {
                Some(bytes) => Ok(Answer::ReplyWithBlob(StateResponse::GetState, Blob::new(Some(MIME), bytes))),
                None => Err(StateError::NotFound { process_id: process }),
            },
            StateAction::SetState(process) => {
                let bytes = blob.ok_or_else(|| StateError::BadBytes { action: "SetState".to_owned() })?.bytes;
                let limits = self.limits.of_process(&process);
                if bytes.len() > limits.state_bytes_max {
                    let (is, max) = (bytes.len(), limits.state_bytes_max);
                    let error = format!("the state of {process} has {is} bytes, {max} are allowed");
                    return Err(StateError::BadRequest { error });
                }
                let room = limits.state_room();
                self.store.set_state_within(process, bytes, room).await.map_err(|error| failed(error.into()))?;
                Ok(Answer::Reply(StateResponse::SetState))
            }
            StateAction::DeleteState(process) => {
                self.store.clear_state(process).await.map_err(failed)?;
                Ok(Answer::Reply(StateResponse::DeleteState))
            }
            StateAction::DeletePackage(package) => {
                self.store.clear_states(package).await.map_err(failed)?;
                Ok(Answer::Reply(StateResponse::DeleteState))
            }
            StateAction::Backup => {
                let taken = self.snapshots.take().await;
                let path = taken.map_err(|error| StateError::IOError { error: error.to_string() })?;
                let path = path.into_os_string().into_encoded_bytes();
                Ok(Answer::ReplyWithBlob(StateResponse::Backup, Blob::new(Some("text/plain"), path)))
            }
        }
    }
}

impl RuntimeModule for StateModule {
    type Request = StateAction;
    type Response = StateResponse;

    const NAME: &'static str = "state";
    const ACCESS: Access = Access::Capability;

    async fn handle(&self, caller: Caller, request: StateAction, blob: Option<Blob>) -> Answer<StateResponse> {
        let outcome = match permit(caller.source().process(), &request, || caller.holds(ROOT)) {
            Ok(()) => self.answer(request, blob).await,
            Err(error) => Err(error),
        };
        outcome.unwrap_or_else(|error| Answer::Reply(StateResponse::Err(error)))
    }

    fn refuse(&self, refusal: Refusal) -> Option<StateResponse> {
        Some(StateResponse::Err(match refusal {
            Refusal::Malformed(error) => StateError::BadJson { error },
            Refusal::Foreign | Refusal::Overloaded => StateError::BadRequest { error: refusal.to_string() },
            Refusal::Internal => StateError::IOError { error: refusal.to_string() },
        }))
    }
}

/// A process may ask about itself; about another only with the root capability. Being allowed to send this module
/// messages is not enough. A copy of everything is for the holder of the root capability and for the node's owner.
fn permit(caller: &ProcessId, action: &StateAction, is_root: impl FnOnce() -> bool) -> Result<(), StateError> {
    let what = match action {
        StateAction::GetState(target) | StateAction::SetState(target) | StateAction::DeleteState(target) => {
            if caller == target {
                return Ok(());
            }
            format!("touch the state of {target}")
        }
        StateAction::DeletePackage(package) => {
            if speaks_for_owner(caller) {
                return Ok(());
            }
            format!("touch what {package} saved")
        }
        StateAction::Backup => {
            if speaks_for_owner(caller) {
                return Ok(());
            }
            "copy the database".to_owned()
        }
    };
    if is_root() {
        return Ok(());
    }
    Err(StateError::BadRequest { error: format!("{caller} may not {what}: it does not hold {ROOT} of this module") })
}

fn failed(error: StoreError) -> StateError {
    StateError::IOError { error: error.to_string() }
}

#[cfg(test)]
#[path = "state_module_tests.rs"]
mod tests;
