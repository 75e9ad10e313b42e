//! Every bound of the web server, in one place.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use wharf_kernel::envelope::Seconds;

/// Bounds of the web server. Reaching one gives an error to whoever caused it. In `wharf.toml` they are the table
/// `[http_limits]`, times in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// Open connections.
    pub connections_max: usize,
    /// Connections that only this machine gets when all others are taken: strangers cannot lock the owner out.
    pub local_connections_max: usize,
    /// How long a process may take to answer.
    pub answer_wait: Seconds,
    /// Requests that one process has not answered yet.
    pub process_requests_max: usize,
    /// Bytes in the body of a request for a process. The kernel's bound on blobs holds besides.
    pub body_bytes_max: usize,
    /// Bytes in the body of an RPC call, where a blob is base64.
    pub rpc_body_bytes_max: usize,
    /// Bytes in the blob of an RPC reply, which JSON makes about five times as long.
    pub rpc_reply_blob_bytes_max: usize,
    /// Bytes of request bodies in memory, over all connections. Calls of the owner's tools and login forms have as many again,
    /// each for themselves: nobody who fills the memory for processes locks the owner out.
    pub buffered_bytes_max: usize,
    /// Bytes of answers of processes that clients have not taken yet, over all connections.
    pub answers_bytes_max: usize,
    /// How long the header of a request may take, a connection stay idle, and a client take nothing of its answer. Looked
    /// at once in this time, so it may be twice as long.
    #[serde(deserialize_with = "seconds")]
    pub header_wait: Duration,
    /// How long a TLS handshake may take.
    #[serde(deserialize_with = "seconds")]
    pub handshake_wait: Duration,
    /// Requests at the same time on one connection of HTTP/2.
    pub http2_streams_max: u32,
    /// How long a body may pause. One that is read whole may take this long and a second for each 8,000 bytes.
    #[serde(deserialize_with = "seconds")]
    pub body_wait: Duration,
    /// How long a process may take to answer a request whose body it takes piece by piece. It may do nothing for
    /// `answer_wait` meanwhile.
    pub stream_answer_wait: Seconds,
    /// Bytes in one piece of a body.
    pub stream_piece_bytes_max: usize,
    /// How long requests under way may go on after the server was told to stop.
    #[serde(deserialize_with = "seconds")]
    pub stop_wait: Duration,
    /// Processes that `/metrics` shows one by one, the oldest first; the rest are summed as `other`.
    pub metrics_processes_max: usize,
    /// Paths one process may bind.
    pub paths_max: usize,
    /// Bytes in one bound path.
    pub path_bytes_max: usize,
    /// Bytes of cached answers of one process.
    pub cached_bytes_max: usize,
    /// Bytes of cached answers of all processes.
    pub node_cached_bytes_max: usize,
    /// Bytes of an answer that is compressed; a larger one is sent as it is.
    pub compressed_bytes_max: usize,
    /// Answers that are compressed at the same time; others are sent as they are.
    pub compressions_max: usize,
    /// Open WebSockets.
    pub sockets_max: usize,
    /// Open WebSockets of one process.
    pub process_sockets_max: usize,
    /// Bytes in one message of a client. The kernel's bound on blobs holds besides.
    pub socket_message_bytes_max: usize,
    /// Frames that wait for one client.
    pub socket_queue_frames_max: usize,
    /// Bytes that wait for one client. One frame always fits.
    pub socket_queue_bytes_max: usize,
    /// Bytes that wait for all clients.
    pub sockets_bytes_max: usize,
    /// How long nothing may come from a client before it is asked whether it is there.
    #[serde(deserialize_with = "seconds")]
    pub socket_ping_every: Duration,
    /// How long it may take to say so.
    #[serde(deserialize_with = "seconds")]
    pub socket_pong_wait: Duration,
    /// How long a client may read nothing while something is to be sent.
    #[serde(deserialize_with = "seconds")]
    pub socket_write_wait: Duration,
    /// How long a client may take to answer a close.
    #[serde(deserialize_with = "seconds")]
    pub socket_close_wait: Duration,
    /// Requests that one extension has not answered yet.
    pub extension_requests_max: usize,
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Ok(Seconds(u64::deserialize(deserializer)?).duration())
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            local_connections_max: 64,
            answer_wait: Seconds(15),
            process_requests_max: 512,
            body_bytes_max: 16 << 20,
            rpc_body_bytes_max: 128 << 20,
            rpc_reply_blob_bytes_max: 64 << 20,
            buffered_bytes_max: 256 << 20,
            answers_bytes_max: 512 << 20,
            header_wait: Duration::from_secs(30),
            handshake_wait: Duration::from_secs(10),
            http2_streams_max: 128,
            body_wait: Duration::from_secs(30),
            stream_answer_wait: Seconds(3_600),
            stream_piece_bytes_max: 1 << 20,
            stop_wait: Duration::from_secs(5),
            metrics_processes_max: 1_000,
            paths_max: 1_024,
            path_bytes_max: 2_048,
            cached_bytes_max: 64 << 20,
            node_cached_bytes_max: 1 << 30,
            compressed_bytes_max: 8 << 20,
            compressions_max: 2,
            sockets_max: 16_384,
            process_sockets_max: 4_096,
            socket_message_bytes_max: 4 << 20,
            socket_queue_frames_max: 1_024,
            socket_queue_bytes_max: 8 << 20,
            sockets_bytes_max: 256 << 20,
            socket_ping_every: Duration::from_secs(30),
            socket_pong_wait: Duration::from_secs(30),
            socket_write_wait: Duration::from_secs(30),
            socket_close_wait: Duration::from_secs(5),
            extension_requests_max: 1_024,
        }
    }
}
