//! `http-server:distro:sys`: answering the web.
//!
//! Paths are below `/<process id>`. The process must hold the server's messaging capability, and grant it its own.
//!
//! ```no_run
//! use wharf_process_lib::{await_message, http};
//!
//! http::bind("/hello", http::Access::Anyone)?;
//! while let Ok(message) = await_message() {
//!     if let Some(request) = http::HttpRequest::read(&message) {
//!         let name = request.query.get("name").map_or("you", String::as_str);
//!         http::respond(200, &[("Content-Type", "text/plain")], format!("hello {name}"));
//!     }
//! }
//! # Ok::<(), http::Error>(())
//! ```

use std::collections::BTreeMap;

use wharf_types::http_server::{
    HttpResponse, HttpServerAction, HttpServerError, HttpServerReply, HttpServerRequest, IncomingHttpRequest,
};
use wharf_types::{LazyLoadBlob, ProcessId};

use crate::bindings::kinode::process::standard as wit;
use crate::error::{CallError, call};
use crate::message::Message;
use crate::request::Request;
use crate::response::Response;

const TIMEOUT_S: u64 = 10;

/// Why a call failed.
pub type Error = CallError<HttpServerError>;

/// Who may see a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever is logged in to the node.
    LoggedIn,
    /// Everyone who can reach the node.
    Anyone,
    /// Everyone on the node's own machine.
    ThisMachine,
}

/// Sends requests for a path to this process.
pub fn bind(path: &str, access: Access) -> Result<(), Error> {
    bind_to(path, access, None)
}

/// Answers every GET of a path with these bytes, without asking this process.
pub fn bind_static(path: &str, access: Access, mime: &str, bytes: Vec<u8>) -> Result<(), Error> {
    bind_to(path, access, Some(LazyLoadBlob { mime: Some(mime.to_owned()), bytes }))
}

/// The path answers 404 from now on.
pub fn unbind(path: &str) -> Result<(), Error> {
    ask(&format!("unbind {path}"), &HttpServerAction::Unbind { path: path.to_owned() }, None)
}

/// Answers the HTTP request being handled.
pub fn respond(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    match Response::new().json(&HttpResponse { status, headers }) {
        Ok(response) => response.blob(LazyLoadBlob { mime: None, bytes: body.into() }).send(),
        Err(error) => crate::print(1, &format!("an HTTP answer could not be written: {error}")),
    }
}

/// An HTTP request for a path that this process bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, …
    pub method: String,
    /// The path below `/<process id>`, with a leading slash and none at the end: `/` is the process itself.
    pub path: String,
    /// The path as it was bound, likewise.
    pub bound_path: String,
    /// What `:name` and `*name` of the bound path matched.
    pub url_params: BTreeMap<String, String>,
    /// The query.
    pub query: BTreeMap<String, String>,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl HttpRequest {
    /// Reads a message from the HTTP server of this node; `None` for every other message.
    pub fn read(message: &Message) -> Option<Self> {
        if !matches!(message, Message::Request { .. }) || !message.is_from(&ProcessId::system("http-server")) {
            return None;
        }
        let HttpServerRequest::Http(incoming) = message.json().ok()? else { return None };
        let wit::ProcessId { process_name, package_name, publisher_node } = wit::our().process;
        Some(Self::new(incoming, &format!("/{process_name}:{package_name}:{publisher_node}")))
    }

    fn new(incoming: IncomingHttpRequest, prefix: &str) -> Self {
        Self {
            path: below(url_path(&incoming.url), prefix),
            bound_path: below(&incoming.bound_path, prefix),
            method: incoming.method,
            url_params: incoming.url_params,
            query: incoming.query_params,
            headers: incoming.headers,
        }
    }

    /// The bytes the client sent. Take them before waiting for anything else: see [`Message::blob`].
    pub fn body(&self) -> Vec<u8> {
        wit::get_blob().map(|blob| blob.bytes).unwrap_or_default()
    }
}

/// The path of `http://host/path`.
fn url_path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}

fn below(path: &str, prefix: &str) -> String {
    let rest = path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(path);
    format!("/{}", rest.trim_matches('/'))
}

fn bind_to(path: &str, access: Access, cached: Option<LazyLoadBlob>) -> Result<(), Error> {
    let action = HttpServerAction::Bind {
        path: path.to_owned(),
        authenticated: access == Access::LoggedIn,
        local_only: access == Access::ThisMachine,
        cache: cached.is_some(),
    };
    ask(&format!("bind {path}"), &action, cached)
}

fn ask(tried: &str, action: &HttpServerAction, blob: Option<LazyLoadBlob>) -> Result<(), Error> {
    let mut request = Request::to_module("http-server")
        .json(action)
        .map_err(|error| CallError::Malformed { tried: tried.to_owned(), error: error.to_string() })?;
    if let Some(blob) = blob {
        request = request.blob(blob);
    }
    let (reply, _): (HttpServerReply, Message) = call(request, tried, TIMEOUT_S)?;
    reply.map_err(|source| CallError::Refused { tried: tried.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_below_the_process() {
        let prefix = "/chess:chess:sys";
        for (url, path) in [
            ("http://localhost/chess:chess:sys", "/"),
            ("http://localhost/chess:chess:sys/", "/"),
            ("http://localhost/chess:chess:sys/games/1", "/games/1"),
            ("http://localhost/chess:chess:system/x", "/chess:chess:system/x"),
            ("http://localhost", "/"),
            ("/chess:chess:sys/games", "/games"),
            ("", "/"),
        ] {
            assert_eq!(below(url_path(url), prefix), path, "{url}");
        }
    }
}
