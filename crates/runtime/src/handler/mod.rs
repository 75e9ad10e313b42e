//! A process that handles HTTP: a component that exports `wasi:http/incoming-handler` 0.2, as other hosts run them.
//!
//! Towards the kernel and the web server it is a process like any other. Its life is a loop of the runtime's own, which binds
//! the paths of the process, receives what `http-server:distro:sys` sends, has an instance of the component handle it, and
//! answers. What an instance asks of the world outside becomes a message to `http-client:distro:sys`, so that the same rules
//! hold as for any process.
//!
//! ```text
//!   http-server --message--> life --job--> instance --wasi:http--> guest
//!               <-response--      <-desk--          <-------------
//!   http-client <--request--      <-desk-- outgoing <-------------
//! ```
//!
//! | file | what |
//! |---|---|
//! | `life` | the loop: what is under way, and what is answered |
//! | `pool` | the instances, and who of them has something to do |
//! | `instance` | one instance: requests, one after the other |
//! | `desk` | what instances leave for the loop |
//! | `outgoing` | requests to the world outside |
//! | `shape` | between messages and HTTP |
//!
//! **Instances are part of the life.** Each is a future that the life polls, on the carrier's thread, and goes to the lanes by
//! itself when it computes for long or uses files. So there is no task to end: dropping the life ends all of them.
//!
//! **An instance handles one request at a time**, many one after the other, and remembers what it has in its memory. One that
//! traps is thrown away, and its request gets 500.

mod desk;
mod instance;
mod life;
mod outgoing;
mod pool;
mod shape;

use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::guest::{Guest, World};
pub(crate) use life::live;
use outgoing::Outside;

/// Numbers a request that is under way in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct JobId(u64);

/// The world of `wasi:http`.
pub(crate) struct Handler {
    http: WasiHttpCtx,
    outside: Outside,
    /// Requests that it began to handle.
    begun: u32,
}

impl World for Handler {
    // Each may be a set of headers, or a body with a chunk in it.
    const RESOURCES_MAX: usize = 512;

    fn turn(&self) -> u32 {
        self.begun
    }
}

impl WasiHttpView for Guest<Handler> {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (world, table) = self.parts();
        WasiHttpCtxView { hooks: &mut world.outside, table, ctx: &mut world.http }
    }
}
