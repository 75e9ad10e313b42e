//! What can go wrong when a message is sent or a module is called.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use wharf_types::{Address, IdError};

use crate::message::Message;
use crate::request::Request;

/// Why a request brought no response.
///
/// ```
/// use wharf_process_lib::{Address, Request, SendErrorKind};
///
/// /// Whether it is worth to try again.
/// fn is_there(target: &Address) -> bool {
///     match Request::to(target).body("ping").send_and_await_response(5) {
///         Ok(_) => true,
///         Err(error) => error.kind == SendErrorKind::Timeout,
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendErrorKind {
    /// The target's node could not be reached.
    Offline,
    /// No response in time, no such process, or no capability to send it messages.
    Timeout,
    /// A response came, and its sender's address is none.
    Unreadable,
}

impl Display for SendErrorKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Offline => "its node cannot be reached",
            Self::Timeout => "no response in time, or it could not be delivered",
            Self::Unreadable => "the response names a sender that is not an address",
        })
    }
}

/// A request that failed.
///
/// ```
/// # use wharf_process_lib::Request;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// let error = Request::to_module("nobody").body("hello").send_and_await_response(5).unwrap_err();
/// assert_eq!(error.to_string(), "request to our@nobody:distro:sys: no response in time, or it could not be delivered");
/// assert_eq!(error.body, b"hello");
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("request to {target}: {kind}")]
pub struct SendError {
    /// Why.
    pub kind: SendErrorKind,
    /// Where it was sent, as the sender wrote it: the node may be `our`.
    pub target: String,
    /// The body of the request.
    pub body: Vec<u8>,
    /// The context given with the request.
    pub context: Option<Vec<u8>>,
}

impl SendError {
    /// The target as an address.
    pub fn target_address(&self) -> Result<Address, IdError> {
        self.target.parse()
    }
}

/// Why a call to a module failed. `E` is the module's own error.
///
/// ```
/// use wharf_process_lib::types::kv::KvError;
/// use wharf_process_lib::{CallError, PackageId, kv};
///
/// fn visits(package: &PackageId) -> Result<Option<kv::Database>, kv::Error> {
///     match kv::open(package, "visits") {
///         Ok(database) => Ok(Some(database)),
///         // Its reason, to decide by; as text an error says what was tried, on what, and why it failed.
///         Err(CallError::Refused { source: KvError::MismatchingPackageId, .. }) => Ok(None),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
pub enum CallError<E: std::error::Error + 'static> {
    /// The module was not reached or did not answer.
    #[error("{tried}: {source}")]
    Send {
        /// What was tried, on what.
        tried: String,
        /// Why it failed.
        source: SendError,
    },
    /// The module said no.
    #[error("{tried}: {source}")]
    Refused {
        /// What was tried, on what.
        tried: String,
        /// The module's reason.
        source: E,
    },
    /// The module's answer, or the question, has another shape than this library knows.
    #[error("{tried}: {error}")]
    Malformed {
        /// What was tried, on what.
        tried: String,
        /// What is wrong.
        error: String,
    },
}

impl<E: std::error::Error + 'static> CallError<E> {
    /// The module's reason, if it was the module that said no.
    pub fn refusal(&self) -> Option<&E> {
        match self {
            Self::Refused { source, .. } => Some(source),
            Self::Send { .. } | Self::Malformed { .. } => None,
        }
    }

    pub(crate) fn unexpected(tried: &(impl Display + ?Sized)) -> Self {
        Self::Malformed { tried: tried.to_string(), error: "the answer belongs to another question".to_owned() }
    }
}

/// The reason of a process that did not do what it was asked, as [`mod@crate::service`] answers it.
///
/// ```
/// use wharf_process_lib::{CallError, Refused, Request, Response};
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// world.play("till:shop:test.os", |_| Some(Response::new().failure("the till is closed")));
/// let asked = world.run("guest:cafe:test.os", |_| {
///     let till = "till:shop:test.os".parse().unwrap();
///     Request::to_local(&till).json("Total").unwrap().ask::<u64>(5)
/// });
/// let error = asked.unwrap_err();
/// assert_eq!(error.to_string(), "ask our@till:shop:test.os: the till is closed");
/// assert_eq!(error.refusal(), Some(&Refused { reason: "the till is closed".to_owned() }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// In words.
    pub reason: String,
}

/// Sends a request to a module and reads its answer. The message is returned beside it for what is not in the body.
pub(crate) fn call<R, E>(
    request: Request,
    tried: &(impl Display + ?Sized),
    timeout_s: u64,
) -> Result<(R, Message), CallError<E>>
where
    R: DeserializeOwned,
    E: std::error::Error + 'static,
{
    let answer = request
        .send_and_await_response(timeout_s)
        .map_err(|source| CallError::Send { tried: tried.to_string(), source })?;
    let read = answer.json().map_err(|error| CallError::Malformed {
        tried: tried.to_string(),
        error: format!("the answer is not understood: {error}"),
    })?;
    Ok((read, answer))
}
