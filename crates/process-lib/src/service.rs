//! Answering typed requests.
//!
//! A process says what it may be asked, as types that serde reads, and what it does then. Every request is answered:
//!
//! | what happens | body | metadata |
//! |---|---|---|
//! | the handler returns `Ok(value)` | the value as JSON | none |
//! | the handler returns `Err(error)` | empty | `{"error":"<the error>"}`, a [`Failure`](crate::Failure) |
//! | no handler understands the request | empty | likewise, with what is understood |
//! | the sender does not show the capability that the handler takes | empty | likewise |
//!
//! [`Request::ask`](crate::Request::ask) is the other end of it; `wharf send` and `wharf test` know the shape, too.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use wharf_process_lib::service::{Incoming, Service};
//! use wharf_process_lib::testing::World;
//! use wharf_process_lib::{Address, Request};
//!
//! #[derive(Deserialize, Serialize)]
//! enum TillRequest {
//!     Pay { cents: u64 },
//!     Total,
//! }
//!
//! #[derive(Default)]
//! struct Till(u64);
//!
//! impl Till {
//!     fn on_request(&mut self, asked: Incoming<TillRequest>) -> Result<u64, String> {
//!         match asked.request {
//!             TillRequest::Pay { cents: 0 } => return Err(format!("{} pays nothing", asked.source())),
//!             TillRequest::Pay { cents } => self.0 += cents,
//!             TillRequest::Total => {}
//!         }
//!         Ok(self.0)
//!     }
//! }
//!
//! fn init(_our: Address) {
//!     Service::new(Till::default()).on_request(Till::on_request).serve();
//! }
//!
//! # let world = World::new();
//! # let till = world.start("till:shop:test.os", init);
//! # let total: u64 = world.run("guest:cafe:test.os", |_| {
//! // Elsewhere, in another process:
//! let till = "till:shop:test.os".parse().unwrap();
//! Request::to_local(&till).json(&TillRequest::Pay { cents: 250 }).unwrap().ask(5).unwrap()
//! # });
//! # assert_eq!(total, 250);
//! # assert_eq!(till.ask(&TillRequest::Pay { cents: 0 }).failure().unwrap(), "test.os@http-server:distro:sys pays nothing");
//! # assert!(till.ask(&"Steal").failure().unwrap().starts_with("not a request to till: unknown variant `Steal`"));
//! ```
//!
//! A process that answers the web, too, has the same handlers at its [`Router`](crate::http::Router::on_request).

use std::fmt::Display;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, LazyLoadBlob};

use crate::error::SendError;
use crate::message::{Message, await_message};
use crate::response::Response;
use crate::{process, timer};

/// A request that was understood, and who sent it.
///
/// ```
/// use wharf_process_lib::service::{Denied, Incoming, Service};
/// use wharf_process_lib::testing::World;
///
/// /// Deletes notes; those of others only for who shows that it may.
/// fn delete(notes: &mut Vec<String>, asked: Incoming<String>) -> Result<(), Denied> {
///     if !asked.request.starts_with(&asked.source().to_string()) {
///         asked.require(r#"{"delete":"all"}"#)?;
///     }
///     notes.retain(|note| *note != asked.request);
///     Ok(())
/// }
///
/// let world = World::new();
/// let notes = world.start("notes:app:test.os", |_| Service::new(Vec::new()).on_request(delete).serve());
/// let refused = notes.ask(&"ann.os@main:app:ann.os: milk").failure().unwrap();
/// assert_eq!(refused, r#"this takes the capability {"delete":"all"} from test.os@notes:app:test.os, attached to the request"#);
/// ```
#[derive(Clone, Debug)]
pub struct Incoming<T> {
    /// What is wanted.
    pub request: T,
    /// The message that it came in.
    pub message: Message,
}

impl<T> Incoming<T> {
    /// Who wants it.
    pub fn source(&self) -> &Address {
        self.message.source()
    }

    /// The blob beside it. Take it before waiting for anything else: see [`Message::blob`].
    pub fn blob(&self) -> Option<LazyLoadBlob> {
        self.message.blob()
    }

    /// Whether the sender shows a capability that this process issued, with these params: JSON, in which blanks and the order
    /// of keys do not matter. A node lets nobody show what they do not hold.
    pub fn shows(&self, params: &str) -> bool {
        shows(&self.message, params)
    }

    /// [`Incoming::shows`], or the error to answer with.
    ///
    /// # Errors
    ///
    /// When it is not shown.
    pub fn require(&self, params: &str) -> Result<(), Denied> {
        require(&self.message, params)
    }
}

fn shows(message: &Message, params: &str) -> bool {
    let Some(wanted) = process::our().ok().and_then(|our| Capability::new(our, params).key()) else { return false };
    message.capabilities().iter().any(|shown| shown.key().as_ref() == Some(&wanted))
}

fn require(message: &Message, params: &str) -> Result<(), Denied> {
    if shows(message, params) { Ok(()) } else { Err(Denied { params: params.to_owned() }) }
}

/// What a request may be answered with: anything that serde writes as JSON, and [`WithBlob`].
///
/// ```
/// use wharf_process_lib::Response;
/// use wharf_process_lib::service::Answer;
///
/// /// An answer that is no JSON.
/// struct Text(&'static str);
///
/// impl Answer for Text {
///     fn into_response(self) -> Result<Response, serde_json::Error> {
///         Ok(Response::new().body(self.0))
///     }
/// }
/// ```
pub trait Answer {
    /// The response.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    fn into_response(self) -> Result<Response, serde_json::Error>;
}

impl<T: Serialize> Answer for T {
    fn into_response(self) -> Result<Response, serde_json::Error> {
        Response::new().json(&self)
    }
}

/// An answer with bytes beside it.
///
/// ```
/// use wharf_process_lib::service::{Incoming, Service, WithBlob};
/// use wharf_process_lib::testing::World;
/// use wharf_process_lib::{LazyLoadBlob, Request};
///
/// fn photo(_: &mut (), asked: Incoming<String>) -> Result<WithBlob<String>, String> {
///     let bytes = vec![0xff, 0xd8];
///     Ok(WithBlob(asked.request, Some(LazyLoadBlob { mime: Some("image/jpeg".to_owned()), bytes })))
/// }
///
/// let world = World::new();
/// world.start("photos:app:test.os", |_| Service::new(()).on_request(photo).serve());
/// let (name, blob) = world.run("viewer:app:test.os", |_| {
///     let photos = "photos:app:test.os".parse().unwrap();
///     Request::to_local(&photos).json("cat").unwrap().ask_with_blob::<String>(5).unwrap()
/// });
/// assert_eq!((name.as_str(), blob.unwrap().bytes.len()), ("cat", 2));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithBlob<T>(pub T, pub Option<LazyLoadBlob>);

impl<T: Serialize> Answer for WithBlob<T> {
    fn into_response(self) -> Result<Response, serde_json::Error> {
        let response = Response::new().json(&self.0)?;
        Ok(match self.1 {
            Some(blob) => response.blob(blob),
            None => response,
        })
    }
}

/// The sender did not show the capability that its request takes.
///
/// ```
/// use wharf_process_lib::service::{Denied, Incoming};
///
/// fn reset(asked: &Incoming<()>) -> Result<(), Denied> {
///     if !asked.shows(r#"{"manage":true}"#) {
///         return Err(Denied { params: r#"{"manage":true}"#.to_owned() });
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this takes the capability {params} from {issuer}, attached to the request", issuer = our_text())]
pub struct Denied {
    /// Which one, as JSON.
    pub params: String,
}

fn our_text() -> String {
    process::our().map_or_else(|_| "this process".to_owned(), |our| our.to_string())
}

/// What became of a request.
enum Handled {
    Answer(Response),
    /// It is not what this handler reads.
    NotUnderstood(String),
}

type RequestHandler<S> = Box<dyn FnMut(&mut S, &Message) -> Handled>;
type MessageHandler<S> = Box<dyn FnMut(&mut S, Message)>;

/// The handlers of a process for everything but the web.
pub(crate) struct Handlers<S> {
    requests: Vec<RequestHandler<S>>,
    otherwise: Option<MessageHandler<S>>,
}

impl<S> Handlers<S> {
    pub(crate) fn new() -> Self {
        Self { requests: Vec::new(), otherwise: None }
    }

    /// Adds one; `params` are those of the capability that it takes.
    pub(crate) fn add<T, R, E>(
        &mut self,
        params: Option<String>,
        mut handler: impl FnMut(&mut S, Incoming<T>) -> Result<R, E> + 'static,
    ) where
        T: DeserializeOwned,
        R: Answer,
        E: Display,
    {
        self.requests.push(Box::new(move |state, message| {
            let request = match message.json() {
                Ok(request) => request,
                Err(error) => return Handled::NotUnderstood(error.to_string()),
            };
            if let Some(denied) = params.as_deref().and_then(|params| require(message, params).err()) {
                return Handled::Answer(Response::new().failure(denied));
            }
            Handled::Answer(answer_of(handler(state, Incoming { request, message: message.clone() })))
        }));
    }

    pub(crate) fn set_otherwise(&mut self, handler: impl FnMut(&mut S, Message) + 'static) {
        self.otherwise = Some(Box::new(handler));
    }

    pub(crate) fn handle(&mut self, state: &mut S, message: Message) {
        // A timer's request has the body that this process gave it, and asks for nothing.
        let asks = matches!(message, Message::Request { .. }) && timer::fired(&message).is_none();
        let mut wrong: Vec<String> = Vec::new();
        if asks {
            for handler in &mut self.requests {
                match handler(state, &message) {
                    Handled::Answer(response) => return response.send(),
                    Handled::NotUnderstood(error) if wrong.contains(&error) => {}
                    Handled::NotUnderstood(error) => wrong.push(error),
                }
            }
        }
        if let Some(handler) = &mut self.otherwise {
            handler(state, message);
        } else if asks {
            Response::new().failure(not_understood(&wrong)).send();
        }
    }
}

fn answer_of<R: Answer, E: Display>(result: Result<R, E>) -> Response {
    match result {
        Err(error) => Response::new().failure(error),
        Ok(value) => match value.into_response() {
            Ok(response) => response,
            Err(error) => Response::new().failure(format!("the answer cannot be written as JSON: {error}")),
        },
    }
}

fn not_understood(wrong: &[String]) -> String {
    let our = process::our();
    let name = our.as_ref().map_or("this process", |our| our.process().process());
    match wrong {
        [] => format!("{name} takes no requests of processes"),
        wrong => format!("not a request to {name}: {}", wrong.join("; or ")),
    }
}

/// A process that answers requests; see [the module](self). One that answers the web, too, is a
/// [`Router`](crate::http::Router).
///
/// Several handlers are asked in turn, and the first that understands a request answers it. What takes a capability of its own is
/// a type of its own:
///
/// ```
/// use serde::Deserialize;
/// use wharf_process_lib::service::{Incoming, Service};
/// use wharf_process_lib::testing::World;
/// use wharf_process_lib::{Address, Capability, Request};
///
/// #[derive(Deserialize)]
/// enum Ask { Total }
/// #[derive(Deserialize)]
/// enum Manage { Reset }
///
/// fn init(_our: Address) {
///     Service::new(7_u64)
///         .on_request(|total, _: Incoming<Ask>| Ok::<_, String>(*total))
///         .on_request_with(r#"{"manage":true}"#, |total, _: Incoming<Manage>| {
///             *total = 0;
///             Ok::<_, String>(())
///         })
///         .serve()
/// }
///
/// let world = World::new();
/// let till = world.start("till:shop:test.os", init);
/// assert_eq!(till.ask(&"Total").json::<u64>(), 7);
/// assert!(till.ask(&"Reset").failure().unwrap().starts_with("this takes the capability"));
/// let owner = world.actor("owner:shop:test.os");
/// let may = Capability::new("test.os@till:shop:test.os".parse().unwrap(), r#"{ "manage": true }"#);
/// owner.hold(may.clone());
/// let reset = Request::to_local(till.id()).body(r#""Reset""#).capabilities(&[may]);
/// assert_eq!(owner.ask(reset).unwrap().failure(), None);
/// assert_eq!(till.ask(&"Total").json::<u64>(), 0);
/// ```
#[must_use = "a service answers nothing before `serve`"]
pub struct Service<S> {
    state: S,
    handlers: Handlers<S>,
    on_failed: Option<FailureHandler<S>>,
}

type FailureHandler<S> = Box<dyn FnMut(&mut S, SendError)>;

impl<S: std::fmt::Debug> std::fmt::Debug for Service<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("state", &self.state).finish_non_exhaustive()
    }
}

impl<S> Service<S> {
    /// A service that understands nothing yet. `state` is what its handlers share.
    pub fn new(state: S) -> Self {
        Self { state, handlers: Handlers::new(), on_failed: None }
    }

    /// Answers the requests whose body is a `T`.
    pub fn on_request<T, R, E>(mut self, handler: impl FnMut(&mut S, Incoming<T>) -> Result<R, E> + 'static) -> Self
    where
        T: DeserializeOwned,
        R: Answer,
        E: Display,
    {
        self.handlers.add(None, handler);
        self
    }

    /// [`Service::on_request`] for who shows the capability with these params (JSON) that this process issued; who does not
    /// is told which one it takes.
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
        self.handlers.add(Some(params.to_owned()), handler);
        self
    }

    /// Handles everything else: responses, what comes from timers, and the requests that no handler understands, which are
    /// its to answer. Without it those are answered with a failure, and the others are dropped.
    pub fn on_message(mut self, handler: impl FnMut(&mut S, Message) + 'static) -> Self {
        self.handlers.set_otherwise(handler);
        self
    }

    /// Handles the requests of this process that brought no response. Without it they are printed, with verbosity 1.
    pub fn on_failed(mut self, handler: impl FnMut(&mut S, SendError) + 'static) -> Self {
        self.on_failed = Some(Box::new(handler));
        self
    }

    /// Answers until the process ends: it does not return.
    pub fn serve(mut self) {
        loop {
            match await_message() {
                Ok(message) => self.handle(message),
                Err(error) => match &mut self.on_failed {
                    Some(handler) => handler(&mut self.state, error),
                    None => crate::print(1, &error.to_string()),
                },
            }
        }
    }

    /// Handles one message, for processes with a loop of their own.
    pub fn handle(&mut self, message: Message) {
        self.handlers.handle(&mut self.state, message);
    }
}
