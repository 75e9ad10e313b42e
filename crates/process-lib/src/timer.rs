//! `timer:distro:sys`: being told that a time has come.
//!
//! | | fires as | lasts |
//! |---|---|---|
//! | [`set_timer`], [`sleep`] | a response, so many milliseconds later | as long as this life of the process |
//! | [`every`], [`at`] | a request, by the clock | over restarts of process and node, until [`cancel`] or the process is removed |
//!
//! A timer that lasts has a name within the process. Setting it again under the same name replaces it, so a process sets
//! what it wants each time it starts, and has it once:
//!
//! ```no_run
//! use wharf_process_lib::{await_message, timer};
//!
//! timer::every("report", "0 6 * * *", b"daily")?;
//! loop {
//!     let Ok(message) = await_message() else { continue };
//!     match timer::fired(&message) {
//!         Some(fired) if fired.id == "report" => { /* it is six in the morning, UTC, or was while the node was down */ }
//!         _ => { /* somebody else's message */ }
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), wharf_process_lib::CallError<timer::TimerError>>(())
//! ```

pub use wharf_types::timer::{ScheduledTimer, TimerError};
use wharf_types::timer::{TimerAction, TimerNotice, TimerResponse};

use crate::error::{CallError, call};
use crate::message::Message;
use crate::request::Request;

/// How much later than asked the timer may answer before the node reports a timeout instead.
const GRACE_S: u64 = 5;

fn request(action: &TimerAction) -> Result<Request, CallError<TimerError>> {
    Request::to_module("timer")
        .json(action)
        .map_err(|error| CallError::Malformed { tried: tried(action), error: error.to_string() })
}

fn tried(action: &TimerAction) -> String {
    match action {
        TimerAction::Debug => "show timers in the log".to_owned(),
        TimerAction::SetTimer(ms) => format!("set a timer of {ms} ms"),
        TimerAction::Every { id, .. } | TimerAction::At { id, .. } => format!("set the timer `{id}`"),
        TimerAction::Cancel { id } => format!("cancel the timer `{id}`"),
        TimerAction::List => "list timers".to_owned(),
    }
}

fn timeout_s(ms: u64) -> u64 {
    ms.div_ceil(1000).saturating_add(GRACE_S)
}

/// Asks for a message after this many milliseconds, never earlier: a response with this context.
///
/// ```no_run
/// use wharf_process_lib::{await_message, timer};
///
/// timer::set_timer(250, "again")?;
/// if let Ok(message) = await_message() {
///     assert_eq!(message.context(), Some("again".as_bytes()));
/// }
/// # Ok::<(), wharf_process_lib::CallError<timer::TimerError>>(())
/// ```
pub fn set_timer(ms: u64, context: impl Into<Vec<u8>>) -> Result<(), CallError<TimerError>> {
    request(&TimerAction::SetTimer(ms))?.context(context).expects_response(timeout_s(ms)).send();
    Ok(())
}

/// Waits this many milliseconds; messages wait meanwhile.
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::sleep(250)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn sleep(ms: u64) -> Result<(), CallError<TimerError>> {
    let action = TimerAction::SetTimer(ms);
    request(&action)?
        .send_and_await_response(timeout_s(ms))
        .map(|_: Message| ())
        .map_err(|source| CallError::Send { tried: tried(&action), source })
}

/// The name that `kinode_process_lib` has for [`sleep`].
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::set_and_await_timer(250)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn set_and_await_timer(ms: u64) -> Result<(), CallError<TimerError>> {
    sleep(ms)
}

/// Asks for a request with this body whenever a cron expression says so: minute, hour, day of month, month, day of week,
/// or six fields with seconds first, or `@daily` and the like; in UTC. Of several times that pass while the node is down,
/// one is told. Durable when it returns.
///
/// ```
/// use wharf_process_lib::timer;
///
/// /// At six in the morning, UTC.
/// fn plan() -> Result<(), wharf_process_lib::CallError<timer::TimerError>> {
///     timer::every("report", "0 6 * * *", "daily")
/// }
/// ```
pub fn every(id: &str, cron: &str, body: impl Into<Vec<u8>>) -> Result<(), CallError<TimerError>> {
    done(&TimerAction::Every { id: id.to_owned(), cron: cron.to_owned(), body: body.into() })
}

/// Asks for a request with this body at a time, in milliseconds since 1970; as soon as possible when that has passed.
/// Durable when it returns.
///
/// ```no_run
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use wharf_process_lib::timer;
///
/// let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
/// let unix_ms = tomorrow.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as u64);
/// timer::at("reminder", unix_ms, "wake up")?;
/// # Ok::<(), wharf_process_lib::CallError<timer::TimerError>>(())
/// ```
pub fn at(id: &str, unix_ms: u64, body: impl Into<Vec<u8>>) -> Result<(), CallError<TimerError>> {
    done(&TimerAction::At { id: id.to_owned(), unix_ms, body: body.into() })
}

/// Forgets a timer that lasts.
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::at("reminder", 4_000_000_000_000, "wake up")?;
/// timer::cancel("reminder")?;
/// assert!(timer::cancel("reminder").is_err(), "it is not there any more");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn cancel(id: &str) -> Result<(), CallError<TimerError>> {
    done(&TimerAction::Cancel { id: id.to_owned() })
}

/// The timers of this process that last, by name.
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::at("reminder", 4_000_000_000_000, "wake up")?;
/// assert_eq!(timer::list()?[0].id, "reminder");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn list() -> Result<Vec<ScheduledTimer>, CallError<TimerError>> {
    match ask(&TimerAction::List)? {
        TimerResponse::List(timers) => Ok(timers),
        _ => Err(CallError::unexpected(&tried(&TimerAction::List))),
    }
}

/// A timer that lasts, whose time has come.
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::at("reminder", 0, "wake up")?;
/// let message = wharf_process_lib::await_message().unwrap();
/// let timer::Fired { id, due_unix_ms } = timer::fired(&message).unwrap();
/// assert_eq!((id.as_str(), due_unix_ms), ("reminder", 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// Its name.
    pub id: String,
    /// When it was due, in milliseconds since 1970.
    pub due_unix_ms: u64,
}

/// Which timer a message is from; `None` for every other message. Its body is the one that was given. Should the node
/// end just when a timer fires, it fires once more.
///
/// ```
/// # use wharf_process_lib::timer;
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// # (|| {
/// timer::at("reminder", 0, "wake up")?;
/// let message = wharf_process_lib::await_message().unwrap();
/// let fired = timer::fired(&message).unwrap();
/// assert_eq!((fired.id.as_str(), message.body()), ("reminder", &b"wake up"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })().unwrap();
/// # });
/// ```
pub fn fired(message: &Message) -> Option<Fired> {
    let Message::Request { source, .. } = message else { return None };
    let our = crate::process::our().ok()?;
    if source.node() != our.node() || !source.process().has_parts("timer", "distro", "sys") {
        return None;
    }
    let TimerNotice::Fired { id, due_unix_ms } = serde_json::from_str(message.metadata()?).ok()?;
    Some(Fired { id, due_unix_ms })
}

fn ask(action: &TimerAction) -> Result<TimerResponse, CallError<TimerError>> {
    let tried = tried(action);
    match call(request(action)?, &tried, GRACE_S)?.0 {
        TimerResponse::Err(source) => Err(CallError::Refused { tried, source }),
        response => Ok(response),
    }
}

fn done(action: &TimerAction) -> Result<(), CallError<TimerError>> {
    match ask(action)? {
        TimerResponse::Ok => Ok(()),
        _ => Err(CallError::unexpected(&tried(action))),
    }
}
