//! Tests of a process without a node: its own code, on the machine that it is written on.
//!
//! A [`World`] stands in for the node. It runs the code that is tested, natively, and answers what that asks of the node;
//! the test sends requests, plays other processes, lets time pass, and looks at what was sent, printed and saved. A test
//! with it starts in a millisecond and is the same each time: one process runs at any moment, and time passes only when
//! the test says so, or waits for an answer and nothing else is left to happen.
//!
//! ```
//! use wharf_process_lib::testing::World;
//! use wharf_process_lib::{Address, Message, Response, await_message, println, state};
//!
//! fn init(our: Address) {
//!     println!("{our} is up");
//!     while let Ok(Message::Request { body, .. }) = await_message() {
//!         let sum = state::get().unwrap().unwrap_or(0) + body.len();
//!         state::set(&sum).unwrap();
//!         Response::new().json(&sum).unwrap().send();
//!     }
//! }
//!
//! // In a package this is a function under #[test].
//! let world = World::new();
//! let adder = world.start("adder:adder:test.os", init);
//! assert_eq!(adder.printed(), ["test.os@adder:adder:test.os is up"]);
//! assert_eq!(adder.ask(&"four").json::<usize>(), 6);
//! adder.restart();
//! assert_eq!(adder.ask(&"four").json::<usize>(), 12);
//! assert_eq!(adder.state::<usize>(), Some(12));
//! ```
//!
//! ## What is there
//!
//! | | |
//! |---|---|
//! | saved state, printing, children, capabilities | as in a node |
//! | `vfs:distro:sys`, `kv:distro:sys`, `timer:distro:sys` | simple stand-ins, in memory; timers run by the world's time |
//! | `http-server:distro:sys` | takes paths, and [`Process::http`] asks for them as the logged-in owner |
//! | any other process | played by the test: [`World::play`] and [`World::actor`]; or not there, which a sender is told at once |
//!
//! What only a node has is not here: whether a process may send a message at all, limits, quotas, crashes and restarts,
//! `std::fs`, cron expressions, WebSockets and streams. `wharf test` starts nodes for that. `SystemTime` and `Instant` are
//! the machine's: only timers and timeouts know the world's time.
//!
//! This module is not in components: it is there on every other machine than `wasm32`.

#![allow(clippy::panic, reason = "what is wrong with a test fails the test")]
#![allow(clippy::result_large_err, reason = "the shapes are those of the bindings")]

mod actor;
pub(crate) mod host;
mod kernel;
mod kv;
mod module;
mod process;
mod sent;
mod station;
#[cfg(test)]
mod tests;
mod thread;
mod timer;
mod vfs;
mod web;
mod world;

pub use actor::{Actor, Begun};
pub use process::{Process, Setup};
pub use sent::{Answer, Sent};
pub use web::HttpAnswer;
pub use world::World;
