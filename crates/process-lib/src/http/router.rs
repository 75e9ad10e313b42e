//! Paths, methods and what answers them.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use wharf_types::http_server::HttpServerRequest;

use super::socket::bytes_of;
use super::{Access, Error, HttpRequest, Reply, SocketEvent, Stream, bind, bind_socket, bind_stream, sent_by_server};
use crate::message::{Message, await_message};
use crate::service::{Answer, Handlers, Incoming};

type Handler<S> = Box<dyn FnMut(&mut S, &HttpRequest) -> Reply>;
type StreamHandler<S> = Box<dyn FnMut(&mut S, &HttpRequest, Stream)>;
type SocketHandler<S> = Box<dyn FnMut(&mut S, SocketEvent)>;

/// Answers the web for a process: paths with their methods, WebSockets, and what else the process does.
///
/// `S` is what the handlers share. A path is bound once, whatever number of methods it has.
///
/// ```no_run
/// use serde::{Deserialize, Serialize};
/// use wharf_process_lib::http::{Access, Reply, Router};
///
/// #[derive(Default)]
/// struct Notes(Vec<String>);
///
/// #[derive(Deserialize)]
/// struct New { text: String }
///
/// fn init(_: wharf_process_lib::Address) {
///     let Err(error) = Router::new(Notes::default())
///         .get("/", Access::Anyone, |_, _| Reply::html("<h1>Notes</h1>"))
///         .get("/notes", Access::LoggedIn, |notes, _| Reply::json(&notes.0))
///         .post("/notes", Access::LoggedIn, |notes, request| match request.json::<New>() {
///             Ok(new) => {
///                 notes.0.push(new.text);
///                 Reply::status(201)
///             }
///             Err(refused) => refused,
///         })
///         .serve();
///     wharf_process_lib::println!("{error}");
/// }
/// # fn main() {}
/// ```
#[must_use = "a router answers nothing before `serve`"]
pub struct Router<S> {
    state: S,
    paths: BTreeMap<String, Path<S>>,
    streams: BTreeMap<String, (Access, StreamHandler<S>)>,
    sockets: Vec<(String, Access)>,
    on_socket: Option<SocketHandler<S>>,
    others: Handlers<S>,
}

struct Path<S> {
    access: Access,
    methods: BTreeMap<&'static str, Handler<S>>,
}

impl<S> Router<S> {
    /// A router without paths.
    pub fn new(state: S) -> Self {
        Self {
            state,
            paths: BTreeMap::new(),
            streams: BTreeMap::new(),
            sockets: Vec::new(),
            on_socket: None,
            others: Handlers::new(),
        }
    }

    /// Answers GET, and HEAD with the same headers. `path` may have parts like `:id` and end in `*rest`.
    pub fn get<R: Into<Reply>>(
        self,
        path: &str,
        access: Access,
        handler: impl FnMut(&mut S, &HttpRequest) -> R + 'static,
    ) -> Self {
        self.method("GET", path, access, handler)
    }

    /// Answers POST.
    pub fn post<R: Into<Reply>>(
        self,
        path: &str,
        access: Access,
        handler: impl FnMut(&mut S, &HttpRequest) -> R + 'static,
    ) -> Self {
        self.method("POST", path, access, handler)
    }

    /// Answers PUT.
    pub fn put<R: Into<Reply>>(
        self,
        path: &str,
        access: Access,
        handler: impl FnMut(&mut S, &HttpRequest) -> R + 'static,
    ) -> Self {
        self.method("PUT", path, access, handler)
    }

    /// Answers DELETE.
    pub fn delete<R: Into<Reply>>(
        self,
        path: &str,
        access: Access,
        handler: impl FnMut(&mut S, &HttpRequest) -> R + 'static,
    ) -> Self {
        self.method("DELETE", path, access, handler)
    }

    /// Answers a method, which is written in capitals. Given twice, the later handler counts. Of two accesses for one path
    /// the stricter one does.
    pub fn method<R: Into<Reply>>(
        mut self,
        method: &'static str,
        path: &str,
        access: Access,
        mut handler: impl FnMut(&mut S, &HttpRequest) -> R + 'static,
    ) -> Self {
        let path = format!("/{}", path.trim_matches('/'));
        let entry = self.paths.entry(path).or_insert_with(|| Path { access, methods: BTreeMap::new() });
        entry.access = entry.access.stricter(access);
        entry.methods.insert(method, Box::new(move |state, request| handler(state, request).into()));
        self
    }

    /// Answers a path, whatever the method, piece by piece.
    pub fn stream(
        mut self,
        path: &str,
        access: Access,
        handler: impl FnMut(&mut S, &HttpRequest, Stream) + 'static,
    ) -> Self {
        self.streams.insert(format!("/{}", path.trim_matches('/')), (access, Box::new(handler)));
        self
    }

    /// Opens WebSockets at a path. What happens to them goes to [`Router::on_socket`].
    pub fn socket(mut self, path: &str, access: Access) -> Self {
        self.sockets.push((path.to_owned(), access));
        self
    }

    /// Handles what happens to WebSockets, of all paths.
    pub fn on_socket(mut self, handler: impl FnMut(&mut S, SocketEvent) + 'static) -> Self {
        self.on_socket = Some(Box::new(handler));
        self
    }

    /// Answers the requests of processes whose body is a `T`: see [`mod@crate::service`].
    pub fn on_request<T, R, E>(mut self, handler: impl FnMut(&mut S, Incoming<T>) -> Result<R, E> + 'static) -> Self
    where
        T: DeserializeOwned,
        R: Answer,
        E: Display,
    {
        self.others.add(None, handler);
        self
    }

    /// [`Router::on_request`] for who shows the capability with these params (JSON) that this process issued.
    pub fn on_request_with<T, R, E>(
        mut self,
        params: &str,
        handler: impl FnMut(&mut S, Incoming<T>) -> Result<R, E> + 'static,
    ) -> Self
    where
        T: DeserializeOwned,
        R: Answer,
        E: Display,
    {
        self.others.add(Some(params.to_owned()), handler);
        self
    }

    /// Handles the messages that are not of the web: responses, what comes from timers, and the requests that no handler of
    /// [`Router::on_request`] understands, which are its to answer. Without it those are answered with a failure.
    pub fn on_message(mut self, handler: impl FnMut(&mut S, Message) + 'static) -> Self {
        self.others.set_otherwise(handler);
        self
    }

    /// Binds all paths and answers until the process ends. Returns only when a path cannot be bound.
    pub fn serve(mut self) -> Result<std::convert::Infallible, Error> {
        self.bind()?;
        loop {
            match await_message() {
                Ok(message) => self.handle(message),
                Err(error) => crate::print(1, &error.to_string()),
            }
        }
    }

    /// Binds all paths, for processes with a loop of their own.
    pub fn bind(&self) -> Result<(), Error> {
        self.paths.iter().try_for_each(|(path, Path { access, .. })| bind(path, *access))?;
        self.streams.iter().try_for_each(|(path, (access, _))| bind_stream(path, *access))?;
        self.sockets.iter().try_for_each(|(path, access)| bind_socket(path, *access))
    }

    /// Handles one message.
    pub fn handle(&mut self, message: Message) {
        match sent_by_server(&message) {
            Some(HttpServerRequest::Http(incoming)) => {
                let request = HttpRequest::of(incoming);
                match (request.stream(), self.streams.get_mut(&request.bound_path)) {
                    (Some(stream), Some((_, handler))) => handler(&mut self.state, &request, stream),
                    _ => self.answer(&request).send(),
                }
            }
            Some(event) => {
                if let (Some(event), Some(handler)) =
                    (SocketEvent::of(event, || bytes_of(&message)), &mut self.on_socket)
                {
                    handler(&mut self.state, event);
                }
            }
            None => self.others.handle(&mut self.state, message),
        }
    }

    /// What a request is answered with.
    pub fn answer(&mut self, request: &HttpRequest) -> Reply {
        let Some(path) = self.paths.get_mut(&request.bound_path) else {
            return Reply::text("not found\n").with_status(404);
        };
        let method =
            if request.method == "HEAD" && !path.methods.contains_key("HEAD") { "GET" } else { &request.method };
        match path.methods.get_mut(method) {
            Some(handler) => handler(&mut self.state, request),
            None => {
                let mut allowed: Vec<_> = path.methods.keys().copied().collect();
                if allowed.contains(&"GET") && !allowed.contains(&"HEAD") {
                    allowed.push("HEAD");
                }
                Reply::status(405).header("Allow", allowed.join(", "))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a failure here fails the test")]
mod tests {
    use super::*;

    fn request(method: &str, bound_path: &str) -> HttpRequest {
        HttpRequest {
            method: method.to_owned(),
            path: bound_path.to_owned(),
            bound_path: bound_path.to_owned(),
            url_params: BTreeMap::new(),
            query: BTreeMap::new(),
            headers: BTreeMap::new(),
            stream: None,
        }
    }

    #[test]
    fn a_path_answers_its_methods_and_says_which_ones_it_has() {
        let mut router =
            Router::new(0_u32).get("/n/", Access::Anyone, |n, _| n.to_string()).post("/n", Access::LoggedIn, |n, _| {
                *n += 1;
                Reply::status(204)
            });
        assert_eq!(router.answer(&request("POST", "/n")).status_code(), 204);
        let read = router.answer(&request("GET", "/n"));
        assert_eq!((read.status_code(), read.body_bytes()), (200, &b"1"[..]));
        assert_eq!(router.answer(&request("HEAD", "/n")).status_code(), 200);
        let refused = router.answer(&request("DELETE", "/n"));
        assert_eq!((refused.status_code(), refused.header_value("Allow")), (405, Some("GET, POST, HEAD")));
        assert_eq!(router.answer(&request("GET", "/m")).status_code(), 404);
        assert_eq!(router.paths["/n"].access, Access::LoggedIn);
    }
}
