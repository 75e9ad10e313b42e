//! What `timer:distro:sys` is asked, and answers.
//!
//! Two kinds of timers:
//!
//! | | `SetTimer` | `Every`, `At` |
//! |---|---|---|
//! | counts | milliseconds from now | by the clock, in UTC |
//! | fires as | the response to its request, with an empty body | a request to the process that set it |
//! | lasts | until the process ends or is started again | until cancelled, or the process is removed; over restarts of process and node |
//!
//! `SetTimer` and `Debug` are as the reference has them; the others are additions. Every process of the node may use it. What is
//! no request is answered `Malformed`.

use serde::{Deserialize, Serialize};

/// A request to the timer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerAction {
    /// Show the timers of the sender in the node's log. Not answered.
    ///
    /// * Takes: nothing.
    /// * Answers: nothing.
    Debug,
    /// Answer with an empty body after this many milliseconds, never earlier; with 0 at once. One over the limits is
    /// not answered at all, so that no refusal is taken for the time having come.
    ///
    /// * Takes: nothing.
    /// * Answers: an empty body, when the time has come.
    SetTimer(u64),
    /// Send a request whenever a cron expression says so. Replaces the timer of the same process with the same id.
    ///
    /// * Takes: to be a process of a package.
    /// * Answers: `Ok`.
    /// * Refuses: `BadId`, `BadCron`, `TooMany`, `NotAProcess`, `Store`.
    Every {
        /// Name of the timer within the process.
        id: String,
        /// Minute, hour, day of month, month, day of week; or six fields with seconds first; or `@daily` and the like.
        /// In UTC.
        cron: String,
        /// Body of the request.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        body: Vec<u8>,
    },
    /// Send a request once. When the time has passed, or passes while the node is down, it is sent as soon as possible.
    ///
    /// * Takes: to be a process of a package.
    /// * Answers: `Ok`.
    /// * Refuses: `BadId`, `TooMany`, `NotAProcess`, `Store`.
    At {
        /// Name of the timer within the process.
        id: String,
        /// Milliseconds since 1970.
        unix_ms: u64,
        /// Body of the request.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        body: Vec<u8>,
    },
    /// Forget a timer that was set with `Every` or `At`.
    ///
    /// * Takes: to be a process of a package.
    /// * Answers: `Ok`.
    /// * Refuses: `NoSuchTimer`, `NotAProcess`, `Store`.
    Cancel {
        /// Its name.
        id: String,
    },
    /// Tell the timers of the sender that were set with `Every` or `At`, by id.
    ///
    /// * Takes: to be a process of a package.
    /// * Answers: `List`.
    /// * Refuses: `NotAProcess`.
    List,
}

/// What the timer answers to everything but `SetTimer` and `Debug`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerResponse {
    /// Done, durably.
    Ok,
    /// The sender's timers.
    List(Vec<ScheduledTimer>),
    /// Not done.
    Err(TimerError),
}

/// A timer that was set with `Every` or `At`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduledTimer {
    /// Its name.
    pub id: String,
    /// Its cron expression, if it was set with `Every`.
    pub cron: Option<String>,
    /// When it fires next, in milliseconds since 1970.
    pub next_unix_ms: u64,
}

/// The metadata of a request with which a timer fires, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TimerNotice {
    /// The time of a timer has come. Should the node end just then, it is sent once more.
    Fired {
        /// Its name.
        id: String,
        /// When it was due, in milliseconds since 1970. Of several times that passed while the node was down, the first.
        due_unix_ms: u64,
    },
}

/// Why the timer refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum TimerError {
    /// The request is not JSON of a [`TimerAction`].
    #[error("not a timer request: {error}")]
    Malformed {
        /// What is wrong with it.
        error: String,
    },
    /// The name is empty or too long.
    #[error("the id of a timer has 1 to {max} bytes")]
    BadId {
        /// Most bytes of one.
        max: usize,
    },
    /// The expression is not one, or no such time ever comes.
    #[error("`{cron}` is no cron expression for a time to come: {error}")]
    BadCron {
        /// The expression; cut when it is long.
        cron: String,
        /// What is wrong with it.
        error: String,
    },
    /// There is no such timer.
    #[error("there is no timer `{id}`")]
    NoSuchTimer {
        /// The name that was given.
        id: String,
    },
    /// A limit is reached.
    #[error("{limit} is {max}")]
    TooMany {
        /// Name of the setting.
        limit: String,
        /// Its value.
        max: usize,
    },
    /// Only processes of packages have such timers.
    #[error("only processes of packages have timers that last")]
    NotAProcess,
    /// It could not be saved. Whether it is in force is settled with the next change.
    #[error("the timers could not be saved: {error}")]
    Store {
        /// What the database said.
        error: String,
    },
}
