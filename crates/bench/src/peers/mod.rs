//! Who does the same work as the node. Each of them copies a body once for each hop, as anyone must whose processes
//! share no memory.

pub(crate) mod bare;
pub(crate) mod databases;
pub(crate) mod erlang;
pub(crate) mod files;
pub(crate) mod http;
pub(crate) mod native;
pub(crate) mod wasmtime;
