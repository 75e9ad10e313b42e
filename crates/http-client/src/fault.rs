//! Why something was not done, before it is put into the words of the wire.

use std::time::Duration;

use wharf_kernel::Limit;
use wharf_types::http_client::HttpClientError;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("`{0}` is no method that can be sent")]
    Method(String),
    #[error("`{0}` is not an address that can be asked: {1}")]
    Url(String, &'static str),
    #[error("`{0}` is not a version of HTTP that can be used")]
    Version(String),
    #[error("{0}")]
    Build(String),
    /// The settings, or what the process was granted, do not name the host.
    #[error("`{0}` is not among the hosts that this process may ask")]
    HostRefused(String),
    #[error("`{0}` is at no address that may be asked: {1} is not public, and `private_hosts` does not name it")]
    AddressRefused(String, std::net::IpAddr),
    #[error("looking up `{0}`: {1}")]
    Lookup(String, std::io::Error),
    #[error("connecting to `{0}`: {1}")]
    Connect(String, std::io::Error),
    #[error("{0}")]
    Exchange(String),
    #[error("`{0}` answered a WebSocket with {1}")]
    Socket(String, String),
    #[error("nothing came of it within {} ms", .0.as_millis())]
    Late(Duration),
    #[error("more than {0} redirects")]
    Redirects(usize),
    #[error("over a limit: {} is {max}", .limit.name())]
    Limit { limit: Limit, max: usize },
    #[error("the node stops, or the process that asked has ended")]
    Over,
}

impl Fault {
    pub(crate) fn limit(limit: Limit, max: usize) -> Self {
        Self::Limit { limit, max }
    }

    /// As the answer to an HTTP request.
    pub(crate) fn of_request(&self) -> HttpClientError {
        match self {
            Self::Method(method) => HttpClientError::BadMethod { method: method.clone() },
            Self::Url(url, _) => HttpClientError::BadUrl { url: url.clone() },
            Self::Version(version) => HttpClientError::BadVersion { version: version.clone() },
            Self::Build(reason) => HttpClientError::BuildRequestFailed(reason.clone()),
            other => HttpClientError::ExecuteRequestFailed(other.to_string()),
        }
    }
}
