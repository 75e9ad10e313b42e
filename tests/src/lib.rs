//! Whole-node tests: the real `wharfd` and `wharf`, with real guests, over the interfaces that people use.
//!
//! `scripts/test` builds what they need: the binaries in `target/quick`, the packages in `target/packages` and
//! `target/test-packages`. Every test has a node of its own, with its own home and port, so they run side by side.
//!
//! | module | what it is for |
//! |---|---|
//! | [`node`] | a daemon: start, restart, kill, stop |
//! | [`rpc`] | sending it messages |
//! | [`socket`] | a WebSocket of it |
//! | [`browser`] | Chromium |
//! | [`cli`] | running `wharf` against it |
//! | [`authoring`] | running it as the author of a package |
//! | [`running`] | commands that go on until they are stopped |
//! | [`databases`] | asking kv and sqlite |
//! | [`pairs`] | what is written again and again, to see what of it is kept |
//! | [`faulty_disk`] | a disk beneath a daemon that fails or loses power |
//! | [`prober`] | the guest that does what a test tells it |
//! | [`pebble`] | an authority for certificates |
//! | [`web`] | a web server for processes to ask |
//! | [`web_two`] | one that speaks HTTP/2 only |
//! | [`authority`] | who holds what, handing it on, and whether it works |
//! | [`prometheus`] | reading the node's counters |
//! | [`packages`] | zips: built ones, and bad ones |
//! | [`kit`] | what Kinode's `kit` sends, byte for byte |
//! | [`mod@reference`] | the pages in `docs/reference`, made of the types |
//! | [`installing`] | versions of one package, one after the other |
//! | [`wait`] | waiting for what will be so |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "whatever fails here fails a test"
)]

pub mod authoring;
pub mod authority;
pub mod browser;
pub mod cli;
pub mod databases;
pub mod faulty_disk;
pub mod folders;
pub mod installing;
pub mod kit;
pub mod memory;
pub mod node;
pub mod oci;
pub mod packages;
pub mod pairs;
pub mod paths;
pub mod pebble;
pub mod prober;
pub mod prometheus;
pub mod reference;
pub mod rpc;
pub mod running;
pub mod shop;
pub mod socket;
pub mod wait;
pub mod web;
pub mod web_two;

pub use browser::Browser;
pub use node::{Builder, Node};
pub use oci::OciRegistry;
pub use pebble::Pebble;
pub use rpc::Reply;
pub use running::Running;
pub use shop::Shop;
pub use socket::Socket;
pub use wait::eventually;
pub use web::Web;
