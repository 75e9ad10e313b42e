//! Runs WebAssembly components as processes of the kernel.
//!
//! * [`engine`]: one wasmtime engine for the node, and the thread that lets guests be interrupted.
//! * [`inspect`]: what some bytes are, and why they cannot be run here.
//! * [`components`]: compiling once per content, on few threads, with a cache on disk.
//! * `bounds`: what one life may use of memory and tables.
//! * `guest`: what the host knows of an instance; `instance`: one life of a process, from instantiation to exit;
//!   `handler`: one life of a process that handles HTTP by `wasi:http`; `ending`: why an instance ended.
//! * `turn`: whether a guest computes or waits; `lanes`: the threads for guests that compute for long.
//! * `host`: what a guest may call; `files`: the part of it that is WASI's files, over the core of the vfs.
//!
//! A host function that cannot wait is synchronous; one that can is asynchronous and suspends the guest only if it has
//! to wait. Wasmtime's `component-model-async` stays out of the build: it makes every call slower.

mod bounds;
pub mod components;
mod ending;
pub mod engine;
mod files;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod handler;
mod host;
pub mod inspect;
mod instance;
mod lanes;
mod output;
mod turn;

pub use components::Runtime;
pub use engine::{RuntimeError, RuntimeSettings};
