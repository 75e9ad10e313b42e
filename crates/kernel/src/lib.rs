//! Wharf's kernel: who exists, who may speak with whom, and how a message gets there.
//!
//! It knows nothing of WebAssembly, SQL or HTTP. Above it, a [`launcher::Launcher`] runs components; beneath it, a
//! [`persistence::Persistence`] keeps what must survive; beside it, runtime modules answer messages.
//!
//! * **No central loop.** The task of the sender finds the target's mailbox and puts the message there.
//! * **Everything is bounded**, see [`Limits`]. Reaching a bound is an error for whoever caused it.
//! * **Authority is never ambient.** [`capability`] says who may hold what; it is checked where it is used.
//! * **Identity is the whole address**, and one life of a process: see [`envelope::ReplyPath`].
//!
//! # Layout
//!
//! | module | concept |
//! |---|---|
//! | [`envelope`] | a message on its way |
//! | `mailbox` | the bounded queue of one life of a process |
//! | [`capability`] | signing, holding, attaching |
//! | `grants` | giving, handing on, keeping and giving up |
//! | `revocation` | taking back what was given, from everyone it reached |
//! | [`process`] | an entry of the process table |
//! | [`kernel`] | the table, permissions |
//! | `calls` | requests of modules, which no session sends |
//! | `journal` | changes of table and store in one order |
//! | [`session`] | a guest's view: send, receive, answer |
//! | [`module`], `runner` | runtime modules and the one loop that serves them |
//! | [`lifecycle`] | creating, starting, killing, restoring |
//! | `scheduler` | whose turn it is |
//! | `supervisor`, `backoff` | what happens when a process ends |
//! | `ended` | how the processes that are gone have ended |
//! | `census`, `throttle` | counting processes, and what they bring into the log, against their limits |
//! | `limit_hits` | how often each limit refused something |
//! | `counters`, `histogram`, [`meter`], `seen`, `metrics` | what is counted, and put together for who asks |
//! | `ring`, `events`, `trace`, `watch` | what happened lately, for who comes and asks |
//! | [`public_id`] | the id under which a request is shown |
//! | [`recorder`] | what a life brings into the log |
//! | [`api`] | `kernel:distro:sys` |
//! | `sync` | locks and atomics that a test can watch |
//! | `permit`, `listing` | who may command what; who holds what, for people |

pub mod api;
mod backoff;
mod book;
pub mod budget;
mod calls;
pub mod capability;
mod census;
mod counters;
mod doubt;
mod ended;
pub mod envelope;
mod events;
mod grants;
mod histogram;
mod journal;
pub mod kernel;
pub mod launcher;
pub mod lifecycle;
mod limit_hits;
mod limits;
mod listing;
mod mailbox;
pub mod meter;
mod metrics;
pub mod module;
mod permit;
pub mod persistence;
pub mod places;
pub mod process;
pub mod public_id;
pub mod recorder;
mod restore;
mod revocation;
mod ring;
mod runner;
mod scheduler;
mod seen;
pub mod session;
mod signature;
mod supervisor;
mod sync;
#[cfg(test)]
mod tests;
mod throttle;
mod trace;
mod view;
mod watch;

pub use book::Book;
pub use calls::{CallError, SendAs};
pub use kernel::{Kernel, Parts};
pub use limit_hits::{Limit, LimitHits};
pub use limits::Limits;
pub use runner::ModuleHandle;
pub use seen::CounterFamily;
