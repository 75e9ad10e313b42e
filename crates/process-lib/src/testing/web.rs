//! Stands in for `http-server:distro:sys`: knows which process bound which path, and asks for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use wharf_types::http_server::{
    HeaderValues, HttpResponse, HttpServerAction, HttpServerError, HttpServerReply, HttpServerRequest,
    IncomingHttpRequest,
};
use wharf_types::{LazyLoadBlob, ProcessId};

use super::module::{Asked, Module, Out};
use super::world::World;
use crate::error::SendError;
use crate::request::Request;

/// What a process answered the web, in a [`World`].
///
/// ```
/// use wharf_process_lib::http::{Access, Reply, Router};
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// let process = world.start("main:app:test.os", |_| {
///     Router::new(()).get("/", Access::Anyone, |_, _| Reply::json(&[1, 2]).header("Cache-Control", "no-store")).serve()
/// });
/// let answer = process.http("GET", "/", "");
/// assert_eq!(answer.header("cache-control"), Some("no-store"));
/// assert_eq!(answer.json::<Vec<u8>>(), [1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    /// Its status.
    pub status: u16,
    /// Its headers, as the process wrote them.
    pub headers: BTreeMap<String, HeaderValues>,
    /// Its body.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The first value of a header, whose name may be written in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).and_then(|(_, values)| values.first())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON.
    ///
    /// # Panics
    ///
    /// When it is not what the test expects.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body is not what was expected: {error}: {}", self.text()),
        }
    }
}

/// The paths that are bound, with the answer to those that have one in advance.
#[derive(Clone, Default)]
pub(super) struct Paths(Arc<Mutex<Bound>>);

type Bound = BTreeMap<(ProcessId, String), Option<LazyLoadBlob>>;

impl Paths {
    fn lock(&self) -> MutexGuard<'_, Bound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bound path that fits best, as the node has it: what is named before what may be anything.
    fn find(
        &self,
        process: &ProcessId,
        path: &str,
    ) -> Option<(String, BTreeMap<String, String>, Option<LazyLoadBlob>)> {
        let paths = self.lock();
        let own = paths.iter().filter(|((owner, _), _)| owner == process);
        let fitting = own.filter_map(|((_, bound), cached)| Some((bound, fit(bound, path)?, cached)));
        let best = fitting.min_by_key(|(bound, params, _)| (bound.contains('*'), params.len()))?;
        Some((best.0.clone(), best.1, best.2.clone()))
    }
}

/// What `:name` and `*name` of a bound path match; `None` when it does not fit.
fn fit(bound: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    let (mut bound, mut path) = (bound.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    loop {
        match (bound.next(), path.next()) {
            (None, None) => return Some(params),
            (Some(name), Some(part)) if name.starts_with('*') => {
                let rest: Vec<_> = std::iter::once(part).chain(path).collect();
                params.insert(name.trim_start_matches('*').to_owned(), rest.join("/"));
                return Some(params);
            }
            (Some(name), Some(part)) if name.starts_with(':') && !part.is_empty() => {
                params.insert(name.trim_start_matches(':').to_owned(), part.to_owned());
            }
            (Some(name), Some(part)) if name == part => {}
            _ => return None,
        }
    }
}

pub(super) struct Web {
    paths: Paths,
}

impl Web {
    pub(super) fn new(paths: Paths) -> Self {
        Self { paths }
    }

    fn perform(&self, asked: &Asked) -> HttpServerReply {
        let action = serde_json::from_slice(&asked.request.body).map_err(|_| HttpServerError::MalformedRequest)?;
        let whose = asked.request.source.process().clone();
        let mut paths = self.paths.lock();
        match action {
            HttpServerAction::Bind { path, cache, .. } | HttpServerAction::SecureBind { path, cache } => {
                if cache && asked.request.blob.is_none() {
                    return Err(HttpServerError::NoBlob);
                }
                paths.insert((whose, below(&path)), asked.request.blob.clone().filter(|_| cache));
            }
            HttpServerAction::Unbind { path } => {
                paths.remove(&(whose, below(&path)));
            }
            // Nothing comes of them here.
            _ => {}
        }
        Ok(())
    }
}

impl Module for Web {
    fn handle(&mut self, asked: &Asked) -> Vec<Out> {
        asked.answer(&self.perform(asked), None)
    }
}

fn below(path: &str) -> String {
    format!("/{}", path.trim_matches('/'))
}

/// Asks a process for a path of its own.
#[track_caller]
pub(super) fn ask(
    world: &World,
    process: &ProcessId,
    method: &str,
    path_and_query: &str,
    body: Vec<u8>,
) -> Result<HttpAnswer, SendError> {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let path = below(path);
    let Some((bound, url_params, cached)) = world.web().find(process, &path) else {
        return Ok(HttpAnswer { status: 404, headers: BTreeMap::new(), body: b"not found\n".to_vec() });
    };
    if let Some(LazyLoadBlob { mime, bytes }) = cached {
        let headers = mime.map(|mime| ("Content-Type".to_owned(), HeaderValues::One(mime))).into_iter().collect();
        return Ok(HttpAnswer { status: 200, headers, body: bytes });
    }
    let mime = ("content-type".to_owned(), "application/json".to_owned());
    let incoming = HttpServerRequest::Http(IncomingHttpRequest {
        source_socket_addr: Some("127.0.0.1:40000".to_owned()),
        method: method.to_owned(),
        url: format!("http://localhost/{process}{}", path.trim_end_matches('/')),
        target: None,
        bound_path: format!("/{process}{}", bound.trim_end_matches('/')),
        headers: if body.is_empty() { BTreeMap::new() } else { BTreeMap::from([mime]) },
        url_params,
        query_params: query_of(query),
        stream: None,
    });
    let json = serde_json::to_vec(&incoming).unwrap_or_default();
    let blob = LazyLoadBlob { mime: None, bytes: body };
    let answer = world.owner().ask(Request::to_local(process).body(json).blob(blob))?;
    let HttpResponse { status, headers, .. } = answer.json();
    Ok(HttpAnswer { status, headers, body: answer.blob.map(|blob| blob.bytes).unwrap_or_default() })
}

/// `a=b&c=d`, as it is written: nothing is decoded.
fn query_of(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.to_owned())
    };
    pairs.map(split).collect()
}
