//! Write Wharf processes in Rust.
//!
//! A process is a `cdylib` for `wasm32-wasip1` with one function, named to [`main!`]. It lives until that function
//! returns, and does everything by message:
//!
//! ```
//! use serde::Deserialize;
//! use wharf_process_lib::service::{Incoming, Service};
//! use wharf_process_lib::{Address, println, state};
//!
//! #[derive(Deserialize)]
//! enum Ask {
//!     Pay { cents: u64 },
//!     Total,
//! }
//!
//! fn answer(total: &mut u64, asked: Incoming<Ask>) -> Result<u64, state::StateError> {
//!     if let Ask::Pay { cents } = asked.request {
//!         state::set(&(*total + cents))?;
//!         *total += cents;
//!     }
//!     Ok(*total)
//! }
//!
//! fn init(our: Address) -> Result<(), state::StateError> {
//!     println!("{our} is up");
//!     Service::new(state::get()?.unwrap_or(0)).on_request(answer).serve();
//!     Ok(())
//! }
//!
//! wharf_process_lib::main!(init);
//! # fn main() {
//!
//! // A test of it, on any machine and without a node:
//! let world = wharf_process_lib::testing::World::new();
//! let till = world.start("till:shop:test.os", init);
//! assert_eq!(till.ask(&serde_json::json!({ "Pay": { "cents": 250 } })).json::<u64>(), 250);
//! # }
//! ```
//!
//! ## Layout
//!
//! | module | for |
//! |---|---|
//! | [`mod@entry`] | where a process begins |
//! | [`mod@service`] | answering typed requests |
//! | [`mod@request`], [`mod@response`], [`mod@message`] | sending, answering, receiving |
//! | [`mod@state`] | what a process keeps over restarts |
//! | [`vfs`], [`kv`], [`sqlite`], [`timer`], [`http`], [`http_client`], [`kernel`] | the node's modules, typed |
//! | [`capability`] | what this process may do |
//! | [`process`] | who we are, our children, what happens when we end |
//! | [`mod@script`] | programs for the terminal |
//! | [`types`] | ids and wire shapes, shared with the node |
//! | `testing` | tests without a node; not in components |
//!
//! Calls to modules fail with [`CallError`], which says what was tried and whether it was not delivered, refused, or
//! answered in an unknown way.

#[cfg(test)]
mod docs_tests;

// The paths that wit-bindgen writes are those a guest sees.
extern crate self as wharf_process_lib;

#[doc(hidden)]
pub mod bindings;
pub mod capability;
mod convert;
mod database;
pub mod entry;
pub mod error;
mod host;
pub mod http;
pub mod http_client;
pub mod kernel;
pub mod kv;
pub mod message;
mod print;
pub mod process;
pub mod request;
pub mod response;
pub mod script;
pub mod service;
pub mod sqlite;
pub mod state;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod timer;
pub mod vfs;

pub use error::{CallError, Refused, SendError, SendErrorKind};
pub use message::{Message, await_message};
pub use print::print;
pub use process::our;
pub use request::Request;
pub use response::Response;
pub use wharf_types as types;
pub use wharf_types::{Address, Capability, Failure, IdError, LazyLoadBlob, NodeName, OnExit, PackageId, ProcessId};

/// What [`main!`] expands to. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use wit_bindgen::rt;

    use crate::Address;
    use crate::entry::{self, Outcome};
    use crate::script::Answer;

    /// What [`crate::script!`] expands to.
    pub fn run_script<A: Answer>(our: Address, script: fn(Address, String) -> A) {
        crate::script::run(our, script);
    }

    /// Hands over to the process, with its address read.
    pub fn start<O: Outcome>(our: &str, init: impl FnOnce(Address) -> O) {
        entry::start(our, init);
    }
}
