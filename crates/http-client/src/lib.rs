//! `http-client:distro:sys`: HTTP requests and WebSockets of processes, to the world outside.
//!
//! Each request and each WebSocket is a task of its own, with a bound on its time and its bytes, and ends with the process
//! that asked. Whom a process may ask is settled by name before anything is done, and by the address that is connected to;
//! redirects are asked for anew.
//!
//! Who may: holders of the messaging capability, and of those that hold capabilities for hosts, `{"host":"example.com"}`,
//! `{"host":"*.example.com"}` or `{"host":"*"}` issued by this module, only these hosts. The node's settings stand over it.
//!
//! | file | concept |
//! |---|---|
//! | `settings` | every bound |
//! | `host` | hosts by name, as settings and capabilities write them |
//! | `address` | which addresses are public, and which others are allowed |
//! | `rules` | whom a process may ask |
//! | `resolve`, `dial` | from a name to a connection: the only place that connects |
//! | `trust` | whom TLS trusts |
//! | `pool` | connections that are used again |
//! | `exchange` | one HTTP request, with its redirects |
//! | `sockets`, `socket` | WebSockets: whose they are, and one of them |
//! | `fault` | why something was not done |
//! | `module` | the wire |

mod address;
mod dial;
mod exchange;
mod fault;
mod host;
mod module;
mod pool;
mod resolve;
mod rules;
mod settings;
mod socket;
mod sockets;
#[cfg(test)]
mod tests;
mod trust;

pub use address::PrivateHost;
pub use host::HostPattern;
pub use module::start;
pub use settings::HttpClientLimits;
pub use trust::TrustError;
