//! What a guest may call: the 19 functions of `kinode:process/standard`, and WASI, with files of our own and sockets
//! that refuse.

mod capabilities;
mod convert;
mod messages;
mod process;
mod wasi;

use wasmtime::component::Linker;
use wasmtime::{Engine, Result};
use wharf_bindings::INTERFACE;

use crate::instance::Guest;

/// A linker that has everything.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasi::add(&mut linker)?;
    let mut standard = linker.instance(INTERFACE)?;
    messages::add(&mut standard)?;
    process::add(&mut standard)?;
    capabilities::add(&mut standard)?;
    Ok(linker)
}
