//! Bodies that pass through a process piece by piece, for those too long to be held whole.
//!
//! A request at a path that was bound with `StreamBind` gets a number. Under it the life of the process that was asked,
//! and no other, reads the request's body and writes the answer's, a message for each piece. A piece is read when the
//! process asks for it and written when the client has taken the one before, so neither side can make the node hold more
//! than a few pieces.
//!
//! * **A slow client holds up nobody**: what waits for it waits in a task of its own, and not for ever.
//! * **What breaks off is seen to**: an answer ends well only if the process said so; else the connection is cut.
//!
//! | file | concept |
//! |---|---|
//! | `registry` | which streams are open, and whose they are |
//! | `upload` | the body of a request |
//! | `download` | the body of an answer |
//! | `actions` | what a process asks of its streams |

mod actions;
mod download;
mod registry;
mod upload;

pub(crate) use actions::Done;
pub(crate) use download::{BrokenOff, Pieces};
pub(crate) use registry::Streams;
