//! A disk that fails or loses power when a test says so.
//!
//! The library takes the place of the C library's functions that change files, in a daemon that was started with it in
//! `LD_PRELOAD`. SQLite and Rust's own files both go through them. What `tests/src/faulty_disk.rs` writes into a page of
//! shared memory decides what happens. While that says nothing, each call costs one look at it.
//!
//! | file | what |
//! |---|---|
//! | `layout` | the shared page |
//! | `disk` | which operation fails, or loses the power |
//! | `unsynced` | what was not synced, and what of it a loss of power leaves |
//! | `calls` | the functions themselves |
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "functions of the C library are replaced")]

mod calls;
mod disk;
#[path = "../../src/faulty_disk/layout.rs"]
mod layout;
mod unsynced;
