//! What a process keeps over restarts: one value, durable when the call returns.

use serde::Serialize;
use serde::de::DeserializeOwned;

use wharf_types::PackageId;
use wharf_types::state::{StateAction, StateError as ModuleError, StateResponse};

use crate::error::{CallError, call};
use crate::host as wit;
use crate::request::Request;

/// How long the module may take.
const TIMEOUT_S: u64 = 30;

/// Why saved state cannot be used.
///
/// ```
/// # use wharf_process_lib::state;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// state::set("text")?;
/// let error = state::get::<u64>().unwrap_err();
/// assert!(matches!(error, state::StateError::Read(_)));
/// assert!(error.to_string().starts_with("the saved state is not understood: invalid type"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// What is saved is not JSON of the wanted type. It is left as it is.
    #[error("the saved state is not understood: {0}")]
    Read(serde_json::Error),
    /// The value cannot be written as JSON. Nothing was saved.
    #[error("the state cannot be written as JSON: {0}")]
    Write(serde_json::Error),
}

/// The saved value; `None` when nothing was ever saved.
///
/// ```no_run
/// use wharf_process_lib::state;
///
/// let count: u64 = state::get()?.unwrap_or(0);
/// state::set(&(count + 1))?;
/// # Ok::<(), state::StateError>(())
/// ```
pub fn get<T: DeserializeOwned>() -> Result<Option<T>, StateError> {
    get_bytes().map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(StateError::Read)
}

/// Saves a value as JSON.
///
/// ```
/// # use wharf_process_lib::state;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// state::set(&vec!["milk"])?;
/// assert_eq!(state::get()?, Some(vec!["milk".to_owned()]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn set<T: Serialize + ?Sized>(value: &T) -> Result<(), StateError> {
    set_bytes(&serde_json::to_vec(value).map_err(StateError::Write)?);
    Ok(())
}

/// The saved bytes.
///
/// ```
/// # use wharf_process_lib::state;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// assert_eq!(state::get_bytes(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn get_bytes() -> Option<Vec<u8>> {
    wit::get_state()
}

/// Saves bytes. A process that cannot save is ended by the node, so that it never answers for what is not kept.
///
/// ```
/// # use wharf_process_lib::state;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// state::set_bytes(&[1, 2]);
/// assert_eq!(state::get_bytes(), Some(vec![1, 2]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn set_bytes(bytes: &[u8]) {
    wit::set_state(bytes);
}

/// Forgets what was saved.
///
/// ```
/// # use wharf_process_lib::state;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// state::set(&1)?;
/// state::clear();
/// assert_eq!(state::get::<u8>()?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn clear() {
    wit::clear_state();
}

/// Forgets what the processes of a package saved, also those that are gone. This takes the capability `{"root":true}` of
/// `state:distro:sys`.
///
/// ```
/// use wharf_process_lib::{PackageId, state};
///
/// fn forget(package: &PackageId) -> Result<(), Box<dyn std::error::Error>> {
///     Ok(state::clear_package(package)?)
/// }
/// ```
pub fn clear_package(package: &PackageId) -> Result<(), CallError<ModuleError>> {
    let tried = format!("forget what the processes of {package} saved");
    let action = StateAction::DeletePackage(package.clone());
    let malformed = |error: serde_json::Error| CallError::Malformed { tried: tried.clone(), error: error.to_string() };
    let request = Request::to_module("state").json(&action).map_err(malformed)?;
    match call(request, &tried, TIMEOUT_S)? {
        (StateResponse::DeleteState, _) => Ok(()),
        (StateResponse::Err(source), _) => Err(CallError::Refused { tried, source }),
        _ => Err(CallError::unexpected(&tried)),
    }
}
