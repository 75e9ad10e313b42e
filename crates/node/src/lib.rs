//! The node daemon: reads its settings, takes its home, wires kernel, runtime, store and modules together, serves, and
//! stops in order.
//!
//! * [`args`], [`settings`]: what it was asked to do.
//! * [`home`]: taking a home: format, lock, key, control token.
//! * [`logging`]: one stream of events, for people on stderr and as JSON on disk.
//! * [`boot`]: the order in which a node comes up and goes down.
//! * `doors`: whom the web server lets in, and with which certificate; `acme`: one that an authority gives.
//! * [`bundled`]: the packages that belong to the node itself.
//! * `service_manager`: telling systemd that the node serves and is alive.
//! * [`exit`]: why it stopped.

mod acme;
pub mod args;
pub mod boot;
pub mod bundled;
mod doors;
mod drives;
pub mod exit;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod home;
mod lines;
mod log_file;
pub mod logging;
mod service_manager;
pub mod settings;
