//! `http-server:distro:sys`: answering the web.
//!
//! Paths are below `/<process id>`. The process must hold the server's messaging capability, and grant it its own.
//!
//! ```no_run
//! use wharf_process_lib::http::{Access, Router};
//!
//! fn init(_: wharf_process_lib::Address) {
//!     let Err(error) = Router::new(())
//!         .get("/hello", Access::Anyone, |_, request| {
//!             format!("hello {}\n", request.query.get("name").map_or("you", String::as_str))
//!         })
//!         .serve();
//!     wharf_process_lib::println!("{error}");
//! }
//! # fn main() {}
//! ```
//!
//! [`Router`] does what most processes need. The functions beside it are for those with a loop of their own.

mod reply;
mod router;
mod socket;
mod stream;

pub use reply::Reply;
pub use router::Router;
pub use socket::{Channel, Frame, Rooms, SocketEvent, bind_socket, unbind_socket};
pub use stream::{BodyReader, BodyWriter, Stream, bind_stream};

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use wharf_types::LazyLoadBlob;
use wharf_types::http_server::{
    HttpServerAction, HttpServerError, HttpServerReply, HttpServerRequest, IncomingHttpRequest,
};

use crate::error::{CallError, call};
use crate::host as wit;
use crate::message::Message;
use crate::process;
use crate::request::Request;

const TIMEOUT_S: u64 = 10;
/// The node bounds how long a client may take.
const CLIENT_TIMEOUT_S: u64 = 3_600;

/// Why a call failed.
pub type Error = CallError<HttpServerError>;

/// Who may see a path.
///
/// ```
/// use wharf_process_lib::http::{Access, Router};
///
/// let router = Router::new(())
///     .get("/", Access::Anyone, |_, _| "for all")
///     .get("/diary", Access::LoggedIn, |_, _| "for the owner")
///     .get("/metrics", Access::ThisMachine, |_, _| "for programs here");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever is logged in to the node.
    LoggedIn,
    /// Everyone who can reach the node.
    Anyone,
    /// Everyone on the node's own machine.
    ThisMachine,
}

impl Access {
    /// Of two, the one that protects more: being logged in does more than being near.
    fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::LoggedIn, _) | (_, Self::LoggedIn) => Self::LoggedIn,
            (Self::ThisMachine, _) | (_, Self::ThisMachine) => Self::ThisMachine,
            (Self::Anyone, Self::Anyone) => Self::Anyone,
        }
    }
}

/// Sends requests for a path to this process.
///
/// ```
/// use wharf_process_lib::http::{self, Access, HttpRequest, Reply};
/// use wharf_process_lib::{Message, await_message};
///
/// /// A loop of one's own.
/// fn serve() -> Result<(), Box<dyn std::error::Error>> {
///     http::bind("/", Access::Anyone)?;
///     loop {
///         let message: Message = await_message()?;
///         if let Some(request) = HttpRequest::read(&message) {
///             Reply::text(format!("{} {}\n", request.method, request.path)).send();
///         }
///     }
/// }
/// ```
pub fn bind(path: &str, access: Access) -> Result<(), Error> {
    bind_to(path, access, None)
}

/// Answers every GET of a path with these bytes, without asking this process.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::http::{self, Access};
/// http::bind_static("/about", Access::Anyone, "text/plain", b"It counts.\n".to_vec()).unwrap();
/// # });
/// ```
pub fn bind_static(path: &str, access: Access, mime: &str, bytes: Vec<u8>) -> Result<(), Error> {
    bind_to(path, access, Some(LazyLoadBlob { mime: Some(mime.to_owned()), bytes }))
}

/// The path answers 404 from now on.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::http::{self, Access};
/// http::bind("/soon", Access::Anyone).unwrap();
/// http::unbind("/soon").unwrap();
/// # });
/// ```
pub fn unbind(path: &str) -> Result<(), Error> {
    ask(&format!("unbind {path}"), &HttpServerAction::Unbind { path: path.to_owned() }, None)
}

/// An HTTP request for a path that this process bound.
///
/// ```
/// use serde::Deserialize;
/// use wharf_process_lib::http::{HttpRequest, Reply};
///
/// #[derive(Deserialize)]
/// struct Note { text: String }
///
/// fn add(notes: &mut Vec<String>, request: &HttpRequest) -> Result<Reply, Reply> {
///     let note: Note = request.json()?; // who sends something else is told so, with 400
///     let name = request.url_params.get("name").map_or("somebody", String::as_str);
///     notes.push(format!("{name}: {}", note.text));
///     Ok(Reply::status(201))
/// }
/// ```
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
    /// Number of its stream, at a path of [`bind_stream`].
    pub stream: Option<u32>,
}

impl HttpRequest {
    /// Reads a message from the HTTP server of this node; `None` for every other message.
    pub fn read(message: &Message) -> Option<Self> {
        match sent_by_server(message)? {
            HttpServerRequest::Http(incoming) => Some(Self::of(incoming)),
            _ => None,
        }
    }

    fn of(incoming: IncomingHttpRequest) -> Self {
        process::with_prefix(|prefix| Self::new(incoming, prefix))
    }

    fn new(incoming: IncomingHttpRequest, prefix: &str) -> Self {
        Self {
            path: below(url_path(&incoming.url), prefix),
            bound_path: below(&incoming.bound_path, prefix),
            method: incoming.method,
            url_params: incoming.url_params,
            query: incoming.query_params,
            headers: incoming.headers,
            stream: incoming.stream,
        }
    }

    /// The bytes the client sent, but for those of a [`Stream`]. Take them before waiting for anything else: see [`Message::blob`].
    pub fn body(&self) -> Vec<u8> {
        wit::get_blob().map(|blob| blob.bytes).unwrap_or_default()
    }

    /// [`HttpRequest::body`] read as JSON, or the answer that says why it is none.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Reply> {
        let refuse = |error| Reply::text(format!("the body is not what was expected: {error}\n")).with_status(400);
        serde_json::from_slice(&self.body()).map_err(refuse)
    }
}

/// What the HTTP server of this node sent, if it is from there.
fn sent_by_server(message: &Message) -> Option<HttpServerRequest> {
    let is_server = message.source().process().has_parts("http-server", "distro", "sys") && message.is_local();
    if is_server && matches!(message, Message::Request { .. }) { message.json().ok() } else { None }
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
    ask_for(tried, action, blob, TIMEOUT_S).map(drop)
}

fn ask_for(
    tried: &str,
    action: &HttpServerAction,
    blob: Option<LazyLoadBlob>,
    timeout_s: u64,
) -> Result<Message, Error> {
    let mut request = Request::to_module("http-server")
        .json(action)
        .map_err(|error| CallError::Malformed { tried: tried.to_owned(), error: error.to_string() })?;
    if let Some(blob) = blob {
        request = request.blob(blob);
    }
    let (reply, message): (HttpServerReply, Message) = call(request, tried, timeout_s)?;
    reply.map(|()| message).map_err(|source| CallError::Refused { tried: tried.to_owned(), source })
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
