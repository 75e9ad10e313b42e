//! The words Wharf is spoken in: ids, messages, capabilities, and the requests and responses of every module.
//!
//! Everything here is plain data with its wire shape. The host and the guests compile the same crate, so that a shape
//! exists once. Unless a module says otherwise, the format is JSON as serde writes it: enums are externally tagged
//! (`"Restart"`, `{"RunProcess":"a:b:c"}`), `Vec<u8>` is an array of integers, a missing `Option` is `null`.
//!
//! | module | speaks with |
//! |---|---|
//! | [`id`] | everyone: nodes, processes, packages, addresses |
//! | [`message`] | everyone: requests, responses, blobs, what happens when a process ends |
//! | [`capability`] | everyone: what a process may do |
//! | [`kernel`], [`exit`] | `kernel:distro:sys` |
//! | [`metrics`], [`events`], [`trace`] | `kernel:distro:sys`, about what a node counts, and what happens in it |
//! | [`vfs`] | `vfs:distro:sys` |
//! | [`kv`] | `kv:distro:sys` |
//! | [`sqlite`] | `sqlite:distro:sys` |
//! | [`database`] | both of these |
//! | [`state`] | `state:distro:sys` |
//! | [`timer`] | `timer:distro:sys` |
//! | [`terminal`] | `terminal:terminal:sys` |
//! | [`http_server`] | `http-server:distro:sys` |
//! | [`http_client`] | `http-client:distro:sys` |
//! | [`login`] | the HTTP endpoint `/login:distro:sys` |
//! | [`rpc`] | the HTTP endpoint `/rpc:distro:sys/message` |
//! | [`hex`] | nobody: how keys, hashes and signatures are written |
//! | [`app_store`], [`ask`] | `main:app-store:sys`, and what packages ask for |

pub mod app_store;
pub mod ask;
pub mod capability;
pub mod database;
pub mod events;
pub mod exit;
pub mod hex;
pub mod http_client;
pub mod http_server;
pub mod id;
pub mod kernel;
pub mod kv;
pub mod login;
pub mod message;
pub mod metrics;
pub mod rpc;
pub mod sqlite;
pub mod state;
pub mod terminal;
pub mod timer;
pub mod trace;
pub mod vfs;

pub use capability::{Capability, CapabilityKey};
pub use id::{Address, IdError, NodeName, PackageId, ProcessId};
pub use message::{Failure, LazyLoadBlob, OnExit, Request};
