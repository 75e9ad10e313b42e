//! The one place where the library meets its host.
//!
//! In a component these are the functions that the node gives it, under another name and at no cost. On any other machine
//! they are those of a [`crate::testing::World`].

pub(crate) use crate::bindings::kinode::process::standard::*;

// Named, so they stand before what the bindings have by the same names.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::{
    clear_state, drop_capabilities, get_blob, get_on_exit, get_state, has_blob, our, our_capabilities,
    print_to_terminal, receive, save_capabilities, send_and_await_response, send_request, send_response, set_on_exit,
    set_state, spawn,
};
