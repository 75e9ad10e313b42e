//! The whole server: a kernel, a listener, a process that answers, and a client that speaks plain TCP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed unwrap fails the test"
)]

mod autobahn;
mod client;
mod conformance;
mod content;
mod endpoint;
mod login;
mod paths;
mod process;
mod sockets;
mod streams;
mod tls;
mod world;
