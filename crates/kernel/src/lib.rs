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
//! | [`process`] | an entry of the process table |
//! | [`kernel`] | the table, permissions, calls of modules |
//! | `journal` | changes of table and store in one order |
//! | [`session`] | a guest's view: send, receive, answer |
//! | [`module`], `runner` | runtime modules and the one loop that serves them |
//! | [`lifecycle`] | creating, starting, killing, restoring |
//! | `supervisor` | what happens when a process ends |
//! | [`api`] | `kernel:distro:sys` |

pub mod api;
mod backoff;
pub mod capability;
pub mod envelope;
mod journal;
pub mod kernel;
pub mod launcher;
pub mod lifecycle;
mod limits;
mod mailbox;
pub mod module;
pub mod persistence;
pub mod process;
mod runner;
pub mod session;
mod supervisor;
#[cfg(test)]
mod tests;

pub use kernel::{CallError, Kernel, Parts, SendAs};
pub use limits::Limits;
pub use runner::ModuleHandle;
