//! `http-server:distro:sys`: the node's web server, and the endpoint that tools send messages through.
//!
//! Processes bind paths by message ([`HttpModule`]); a request for a bound path becomes a message to the process, and
//! its response the HTTP answer. The same listener carries `POST /rpc:distro:sys/message`, with which the node's owner
//! sends messages from outside.
//!
//! ```text
//! let server = HttpServer::new(HttpSettings::default());
//! let handle = kernel.start_module(server.module());
//! server.serve(Listening { listener, tls: None, challenges: None }, handle, Gate::open(parts)?, stop).await;
//! ```
//!
//! | file | concept |
//! |---|---|
//! | `pattern` | a bound path with `:name` and `*name`, in the form the matcher takes |
//! | `routes` | which process a path belongs to |
//! | `module` | binding and unbinding by message |
//! | `access` | the control token, and what counts as this machine |
//! | `auth` | who else is let in: passwords, sessions, subdomains |
//! | `tls` | certificates, and connections with TLS |
//! | `body` | bodies in and out, with their bounds |
//! | `content` | answers given in advance, parts of them, compression |
//! | `refusal` | answers that the server gives in its own name |
//! | `incoming` | a request for a process, there and back |
//! | `guest` | an HTTP request and answer in the shape processes know |
//! | `rpc` | the endpoint for tools |
//! | `prometheus` | the node's counters, for programs that collect them |
//! | `serve` | connections |
//! | `socket` | WebSockets |
//! | `stream` | bodies that pass piece by piece |
//! | `under_way` | what one connection is busy with |
//! | `fuzzing` | doors for fuzz targets |

mod access;
mod auth;
mod body;
mod content;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod guest;
mod incoming;
mod module;
mod pattern;
mod prometheus;
mod refusal;
mod routes;
mod rpc;
mod serve;
mod settings;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod under_way;

pub use access::{ControlToken, WeakToken};
pub use auth::{BadHost, Gate, GateError, GateParts, HostName, Keep, LoginSettings, Origins, Tools};
pub use module::HttpModule;
pub use serve::{Challenges, HttpServer, Listening};
pub use settings::HttpSettings;
pub use tls::{Certificate, CertificateError, Tls};
