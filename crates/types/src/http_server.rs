//! What `http-server:distro:sys` is asked and answers, and the requests it sends to processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request to the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpServerAction {
    /// Send requests for a path to the caller; with `cache`, answer GETs with the blob instead.
    Bind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether only someone who is logged in may see it.
        authenticated: bool,
        /// Whether only this machine may see it.
        local_only: bool,
        /// Whether the blob is the answer to every GET.
        cache: bool,
    },
    /// [`HttpServerAction::Bind`] on the process's own subdomain.
    SecureBind {
        /// Path below `/<process id>`.
        path: String,
        /// Whether the blob is the answer to every GET.
        cache: bool,
    },
    /// The path answers 404 from now on.
    Unbind {
        /// Path below `/<process id>`.
        path: String,
    },
}

/// The answer to an [`HttpServerAction`]: `{"Ok":null}` or `{"Err":…}`.
pub type HttpServerReply = Result<(), HttpServerError>;

/// Why the HTTP server refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HttpServerError {
    /// Not an action, or one that nobody may send.
    #[error("malformed request")]
    MalformedRequest,
    /// `cache` without a blob.
    #[error("the action needs a blob")]
    NoBlob,
    /// The caller's id cannot be part of a URL.
    #[error("the id of the caller cannot be part of a URL")]
    InvalidSourceProcess,
}

/// What a process receives from the HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpServerRequest {
    /// A request for a path it bound; the body is the blob.
    Http(IncomingHttpRequest),
}

/// An HTTP request as a process sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingHttpRequest {
    /// Who asks, `ip:port`.
    pub source_socket_addr: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// `http://host/path`: no port, no trailing slash, no query.
    pub url: String,
    /// The path as it was bound, with `/<process id>` before it.
    pub bound_path: String,
    /// Names in lower case; of a repeated header the last value.
    pub headers: BTreeMap<String, String>,
    /// What `:name` and `*name` of the bound path matched.
    pub url_params: BTreeMap<String, String>,
    /// The query.
    pub query_params: BTreeMap<String, String>,
}

/// What a process answers; the body is the blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: BTreeMap<String, String>,
}
