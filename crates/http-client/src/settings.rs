//! Every bound of the HTTP client, and whom it may ask, in one place.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::address::PrivateHost;
use crate::host::HostPattern;

/// Bounds of the HTTP client. In `wharf.toml` they are the table `[http_client_limits]`, by the same names, times in
/// milliseconds; `[packages."<package>:<publisher>".http_client_limits]` has others for one package.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpClientLimits {
    /// Hosts that may be asked at all, whatever a process holds.
    pub hosts: Vec<HostPattern>,
    /// Of those, the ones that a process may ask that holds no capability for hosts.
    pub ungranted_hosts: Vec<HostPattern>,
    /// Addresses that may be asked although they are not public.
    pub private_hosts: Vec<PrivateHost>,
    /// Files of certificates, as PEM, that are trusted beside those that browsers trust.
    pub ca_files: Vec<PathBuf>,
    /// How long one request may take, and opening a WebSocket.
    #[serde(rename = "request_ms_max", deserialize_with = "milliseconds")]
    pub request_wait: Duration,
    /// How long connecting may take, with TLS.
    #[serde(rename = "connect_ms_max", deserialize_with = "milliseconds")]
    pub connect_wait: Duration,
    /// Redirects that one request follows.
    pub redirects_max: usize,
    /// Bytes in the body of a request.
    pub sent_bytes_max: usize,
    /// Bytes in the body of an answer.
    pub received_bytes_max: usize,
    /// Bytes in the header of an answer.
    pub received_header_bytes_max: usize,
    /// Bytes of answers in memory, of all requests.
    pub receiving_bytes_max: usize,
    /// Requests of one process under way.
    pub client_process_requests_max: usize,
    /// The same, of all processes.
    pub client_requests_max: usize,
    /// Connections that are kept for a later request.
    pub idle_connections_max: usize,
    /// How long they are kept.
    #[serde(rename = "idle_connection_ms_max", deserialize_with = "milliseconds")]
    pub idle_wait: Duration,
    /// Names that are looked up at the same time.
    pub lookups_max: usize,
    /// WebSockets of one process.
    pub client_process_sockets_max: usize,
    /// The same, of all processes.
    pub client_sockets_max: usize,
    /// Bytes of one message of a WebSocket.
    pub socket_message_bytes_max: usize,
    /// Messages of a process that wait for one WebSocket.
    pub socket_queue_messages_max: usize,
    /// Bytes of those.
    pub socket_queue_bytes_max: usize,
    /// How long a WebSocket waits for a peer or a process that takes nothing, before it is closed.
    #[serde(rename = "socket_stall_ms_max", deserialize_with = "milliseconds")]
    pub socket_stall: Duration,
}

impl HttpClientLimits {
    /// Those that a package cannot have of its own.
    pub const NODE_WIDE: &[&str] = &[
        "ca_files",
        "receiving_bytes_max",
        "client_requests_max",
        "idle_connections_max",
        "lookups_max",
        "client_sockets_max",
    ];
}

fn milliseconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    // Cut at ten years, so that adding one to an instant cannot overflow.
    Ok(Duration::from_millis(u64::deserialize(deserializer)?.min(10 * 365 * 24 * 3_600_000)))
}

impl Default for HttpClientLimits {
    fn default() -> Self {
        Self {
            hosts: vec![HostPattern::Any],
            ungranted_hosts: vec![HostPattern::Any],
            private_hosts: Vec::new(),
            ca_files: Vec::new(),
            request_wait: Duration::from_secs(300),
            connect_wait: Duration::from_secs(10),
            redirects_max: 10,
            sent_bytes_max: 64 << 20,
            received_bytes_max: 64 << 20,
            received_header_bytes_max: 64 << 10,
            receiving_bytes_max: 256 << 20,
            client_process_requests_max: 32,
            client_requests_max: 256,
            idle_connections_max: 128,
            idle_wait: Duration::from_secs(15),
            lookups_max: 32,
            client_process_sockets_max: 32,
            client_sockets_max: 512,
            socket_message_bytes_max: 4 << 20,
            socket_queue_messages_max: 64,
            socket_queue_bytes_max: 8 << 20,
            socket_stall: Duration::from_secs(10),
        }
    }
}
