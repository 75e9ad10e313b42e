//! What a guest may call: WASI, with files of our own and sockets that refuse; and, as a process, the 19 functions of
//! `kinode:process/standard`, or, as a handler of HTTP, `wasi:http`.

mod capabilities;
mod convert;
mod messages;
mod process;
mod wasi;

use wasmtime::component::Linker;
use wasmtime::{Engine, Result};
use wharf_bindings::INTERFACE;

use crate::guest::Guest;
use crate::handler::Handler;
use crate::instance::Process;

/// A linker that has everything for a process.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest<Process>>> {
    let mut linker = Linker::new(engine);
    wasi::add(&mut linker)?;
    let mut standard = linker.instance(INTERFACE)?;
    messages::add(&mut standard)?;
    process::add(&mut standard)?;
    capabilities::add(&mut standard)?;
    Ok(linker)
}

/// A linker that has everything for a handler of HTTP.
pub(crate) fn handler_linker(engine: &Engine) -> Result<Linker<Guest<Handler>>> {
    let mut linker = Linker::new(engine);
    wasi::add(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    Ok(linker)
}
