//! `timer:distro:sys`: being told that time has passed.
//!
//! The timer's answer is a message like any other: the process must be public, or grant `timer:distro:sys` messaging.

use wharf_types::timer::TimerAction;

use crate::error::CallError;
use crate::message::Message;
use crate::request::Request;

/// How much later than asked the timer may answer before the node reports a timeout instead.
const GRACE_S: u64 = 5;

fn request(ms: u64) -> Result<Request, CallError<TimerRefusal>> {
    Request::to_module("timer")
        .json(&TimerAction::SetTimer(ms))
        .map_err(|error| CallError::Malformed { tried: format!("set a timer of {ms} ms"), error: error.to_string() })
}

fn timeout_s(ms: u64) -> u64 {
    ms.div_ceil(1000).saturating_add(GRACE_S)
}

/// The timer refuses nothing; this has no values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerRefusal {}

/// Asks for a message after this many milliseconds, never earlier: a response with this context.
///
/// ```no_run
/// use wharf_process_lib::{await_message, timer};
///
/// timer::set_timer(250, "again")?;
/// if let Ok(message) = await_message() {
///     assert_eq!(message.context(), Some("again".as_bytes()));
/// }
/// # Ok::<(), wharf_process_lib::CallError<timer::TimerRefusal>>(())
/// ```
pub fn set_timer(ms: u64, context: impl Into<Vec<u8>>) -> Result<(), CallError<TimerRefusal>> {
    request(ms)?.context(context).expects_response(timeout_s(ms)).send();
    Ok(())
}

/// Waits this many milliseconds; messages wait meanwhile.
pub fn sleep(ms: u64) -> Result<(), CallError<TimerRefusal>> {
    request(ms)?
        .send_and_await_response(timeout_s(ms))
        .map(|_: Message| ())
        .map_err(|source| CallError::Send { tried: format!("sleep {ms} ms"), source })
}
