//! WebSockets that processes take at paths they bound, [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455).
//!
//! Each socket is one task, and belongs to one life of the process that bound the path: no other process, and no later
//! life, can write to it or learn of it.
//!
//! * **A slow client holds up nobody.** What a process sends goes into a bounded queue ([`outbox`]); one that is full
//!   ends the socket.
//! * **A slow process holds up its own clients.** While its mailbox is full, the socket is not read ([`task`]), and
//!   the client's own send buffer fills.
//! * **What a process is told is in order**: one open, the frames, one close. It is told the close in any case, unless
//!   it has ended itself.
//!
//! | file | concept |
//! |---|---|
//! | `handshake` | what makes a request one for a WebSocket |
//! | `open` | from the request to the running task |
//! | `registry` | which sockets are open, whose they are, how many there may be |
//! | `outbox` | what waits to be sent |
//! | `task` | reading, writing, closing |
//! | `ending` | why a socket ends, and what its client is told |
//! | `meter` | memory of messages that are still arriving |
//! | `actions` | what a process asks of its sockets |
//! | `extension` | programs on this machine that speak for a process |

mod actions;
mod ending;
mod extension;
mod handshake;
mod meter;
mod open;
mod outbox;
mod registry;
mod task;

pub(crate) use actions::ForExtension;
#[cfg(feature = "fuzzing")]
pub(crate) use handshake::read_head;
pub(crate) use open::{Upgraded, upgrade};
pub(crate) use registry::Sockets;
