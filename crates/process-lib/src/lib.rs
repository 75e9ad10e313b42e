//! Write Wharf processes in Rust.
//!
//! A process is a `cdylib` for `wasm32-wasip1` with one function, named to [`main!`]. It lives until that function
//! returns, and does everything by message:
//!
//! ```no_run
//! use wharf_process_lib::{Address, Message, Response, await_message, println};
//!
//! fn init(our: Address) {
//!     println!("{our} is up");
//!     loop {
//!         match await_message() {
//!             Ok(Message::Request { body, .. }) => Response::new().body(body).send(),
//!             Ok(Message::Response { source, .. }) => println!("an answer from {source}"),
//!             Err(error) => println!("{error}"),
//!         }
//!     }
//! }
//!
//! wharf_process_lib::main!(init);
//! # fn main() {}
//! ```
//!
//! ## Layout
//!
//! | module | for |
//! |---|---|
//! | [`mod@request`], [`mod@response`], [`mod@message`] | sending, answering, receiving |
//! | [`state`] | what a process keeps over restarts |
//! | [`vfs`], [`kv`], [`sqlite`], [`timer`], [`http`], [`http_client`], [`kernel`] | the node's modules, typed |
//! | [`capability`] | what this process may do |
//! | [`process`] | who we are, our children, what happens when we end |
//! | [`mod@script`] | programs for the terminal |
//! | [`types`] | ids and wire shapes, shared with the node |
//!
//! Calls to modules fail with [`CallError`], which says what was tried and whether it was not delivered, refused, or
//! answered in an unknown way.

// The paths that wit-bindgen writes are those a guest sees.
extern crate self as wharf_process_lib;

#[doc(hidden)]
pub mod bindings;
pub mod capability;
mod convert;
pub mod error;
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
pub mod sqlite;
pub mod state;
pub mod timer;
pub mod vfs;

pub use error::{CallError, SendError, SendErrorKind};
pub use message::{Message, await_message};
pub use print::print;
pub use process::our;
pub use request::Request;
pub use response::Response;
pub use wharf_types as types;
pub use wharf_types::{Address, Capability, Failure, IdError, LazyLoadBlob, NodeName, OnExit, PackageId, ProcessId};

/// Makes `fn(our: Address)` the process.
///
/// ```no_run
/// fn init(our: wharf_process_lib::Address) {
///     wharf_process_lib::println!("{our} has nothing to do");
/// }
/// wharf_process_lib::main!(init);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! main {
    ($init:path) => {
        #[allow(unsafe_code, reason = "the component's export")]
        const _: () = {
            struct WharfProcess;

            impl $crate::__private::bindings::Guest for WharfProcess {
                fn init(our: ::std::string::String) {
                    $crate::__private::start(&our, $init);
                }
            }

    $crate::__private::bindings::export!(WharfProcess with_types_in $crate::__private::bindings);
        };
    };
}

/// What [`main!`] expands to. Not part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings;
    pub use wit_bindgen::rt;

    use crate::Address;
    use crate::script::Answer;

    /// What [`crate::script!`] expands to.
    pub fn run_script<A: Answer>(our: Address, script: fn(Address, String) -> A) {
        crate::script::run(our, script);
    }

    /// Hands over to the process, with its address read.
    pub fn start(our: &str, init: fn(Address)) {
        match our.parse() {
            Ok(our) => init(our),
            Err(error) => crate::println!("the node gave this process an address that is none: {error}"),
        }
    }
}
