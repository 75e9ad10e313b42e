//! What wit-bindgen makes of `wit/kinode.wit`. The rest of the crate is the only user of it.
//!
//! Outside wasm32 every import is a stub that panics, and is not called: see `host.rs`.

#![allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::undocumented_unsafe_blocks,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "generated"
)]

wit_bindgen::generate!({
    path: "wit/kinode.wit",
    world: "process-v1",
    pub_export_macro: true,
    // `export!` is expanded in the guest's crate, which has no wit-bindgen of its own.
    runtime_path: "::wharf_process_lib::__private::rt",
    default_bindings_module: "::wharf_process_lib::__private::bindings",
});
