//! A process under test, as the test handles it.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, ProcessId};

use super::sent::{Answer, Sent};
use super::station::{Driver, Wants};
use super::web::{self, HttpAnswer};
use super::world::World;
use crate::entry::Outcome;
use crate::request::Request;

/// A process on its way to be started, in a [`World`].
///
/// ```
/// use wharf_process_lib::state;
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// let process = world.process("main:app:test.os").with_state_bytes("old").start(|_| {
///     assert_eq!(state::get_bytes().as_deref(), Some(&b"old"[..]));
/// });
/// assert!(process.has_ended());
/// ```
#[must_use = "nothing is started before `start`"]
pub struct Setup<'a> {
    world: &'a World,
    id: ProcessId,
    state: Option<Vec<u8>>,
    holds: Vec<Capability>,
}

impl std::fmt::Debug for Setup<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Setup").field(&self.id).finish()
    }
}

impl<'a> Setup<'a> {
    pub(super) fn new(world: &'a World, id: ProcessId) -> Self {
        Self { world, id, state: None, holds: Vec::new() }
    }

    /// What it saved before, as JSON.
    #[track_caller]
    pub fn with_state(self, state: &impl Serialize) -> Self {
        self.with_state_bytes(to_json(state))
    }

    /// What it saved before.
    pub fn with_state_bytes(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// What it was granted before.
    ///
    /// ```
    /// use wharf_process_lib::testing::World;
    /// use wharf_process_lib::{Capability, capability};
    ///
    /// let world = World::new();
    /// let may = Capability::new("test.os@http-client:distro:sys".parse().unwrap(), r#"{"host":"wharf.example"}"#);
    /// world.process("main:app:test.os").with_capability(may).start(|_| assert_eq!(capability::ours().len(), 1));
    /// ```
    pub fn with_capability(mut self, capability: Capability) -> Self {
        self.holds.push(capability);
        self
    }

    /// Starts it, and lets it go on until it waits for a message. `init` is what the package gives to
    /// [`main!`](crate::main).
    #[track_caller]
    pub fn start<O: Outcome>(self, init: impl Fn(Address) -> O + Send + Sync + 'static) -> Process<'a> {
        let Self { world, id, state, holds } = self;
        world.put(&id, Driver::Process(Arc::new(move |our| init(our).tell())));
        world.with(&id, |station| {
            station.state = state;
            station.holds = holds;
        });
        world.settle();
        Process { world, id }
    }
}

/// A process under test in a [`World`].
///
/// ```
/// use wharf_process_lib::testing::World;
/// use wharf_process_lib::{Address, Message, Response, await_message};
///
/// fn init(_our: Address) {
///     while let Ok(Message::Request { body, .. }) = await_message() {
///         Response::new().body(body).send();
///     }
/// }
///
/// let world = World::new();
/// let echo = world.start("echo:echo:test.os", init);
/// assert_eq!(echo.ask(&"hello").json::<String>(), "hello");
/// assert!(!echo.has_ended());
/// ```
#[derive(Clone)]
pub struct Process<'a> {
    world: &'a World,
    id: ProcessId,
}

impl std::fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Process").field(&self.id).finish()
    }
}

impl<'a> Process<'a> {
    pub(super) fn new(world: &'a World, id: ProcessId) -> Self {
        Self { world, id }
    }

    /// Its id.
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Asks it something, as JSON, and waits for the answer: time passes as far as it must, up to a minute. It comes from the
    /// node's owner, as with `wharf send`; for requests of others, or with more to them than a body, see
    /// [`Actor::ask`](super::Actor::ask).
    ///
    /// # Panics
    ///
    /// When no answer comes.
    #[track_caller]
    pub fn ask(&self, body: &impl Serialize) -> Answer {
        match self.world.owner().ask(Request::to_local(&self.id).body(to_json(body))) {
            Ok(answer) => answer,
            Err(_) => panic!("{} does not answer: it waits for {}", self.id, self.world.what_it_waits_for(&self.id)),
        }
    }

    /// Sends it a request of the owner, as JSON, that wants no response, and lets happen what comes of it.
    #[track_caller]
    pub fn tell(&self, body: &impl Serialize) {
        self.world.owner().send(Request::to_local(&self.id).body(to_json(body)));
    }

    /// Asks for a path that it bound, `/path?query` below its own, as the owner would in a browser.
    ///
    /// ```
    /// use wharf_process_lib::http::{Access, Router};
    /// use wharf_process_lib::testing::World;
    ///
    /// let world = World::new();
    /// let process = world.start("main:app:test.os", |_| {
    ///     Router::new(()).get("/hello/:who", Access::Anyone, |_, asked| asked.url_params["who"].clone()).serve()
    /// });
    /// let page = process.http("GET", "/hello/you", "");
    /// assert_eq!((page.status, page.text().as_str()), (200, "you"));
    /// assert_eq!(process.http("POST", "/hello/you", "").status, 405);
    /// assert_eq!(process.http("GET", "/", "").status, 404);
    /// ```
    ///
    /// # Panics
    ///
    /// When no answer comes.
    #[track_caller]
    pub fn http(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> HttpAnswer {
        let answer = web::ask(self.world, &self.id, method, path, body.into());
        match answer {
            Ok(answer) => answer,
            Err(error) => panic!(
                "{method} {path}: {} does not answer ({error}): it waits for {}",
                self.id,
                self.world.what_it_waits_for(&self.id)
            ),
        }
    }

    /// The lines that it printed, of all its lives.
    pub fn printed(&self) -> Vec<String> {
        self.world.with(&self.id, |station| station.printed.clone())
    }

    /// The requests that it sent, in order, of all its lives.
    pub fn sent(&self) -> Vec<Sent> {
        let kernel = self.world.shared().lock();
        kernel.sent.iter().filter(|sent| sent.source.process() == &self.id).cloned().collect()
    }

    /// What it saved, read as JSON; `None` when nothing.
    ///
    /// # Panics
    ///
    /// When it is not what the test expects.
    #[track_caller]
    pub fn state<T: DeserializeOwned>(&self) -> Option<T> {
        let read = |bytes: Vec<u8>| match serde_json::from_slice(&bytes) {
            Ok(state) => state,
            Err(error) => panic!("what {} saved is not what was expected: {error}", self.id),
        };
        self.state_bytes().map(read)
    }

    /// What it saved; `None` when nothing.
    pub fn state_bytes(&self) -> Option<Vec<u8>> {
        self.world.with(&self.id, |station| station.state.clone())
    }

    /// What it holds.
    pub fn capabilities(&self) -> Vec<Capability> {
        self.world.with(&self.id, |station| station.holds.clone())
    }

    /// Whether it returned.
    pub fn has_ended(&self) -> bool {
        self.world.with(&self.id, |station| station.wants == Wants::Nothing)
    }

    /// Ends it, as a node does that stops: nothing of it happens any more.
    pub fn kill(&self) {
        self.world.end(&self.id);
        self.world.with(&self.id, |station| {
            station.begin_life();
            station.wants = Wants::Nothing;
        });
    }

    /// Ends it and starts it again, as a node does. What it saved, holds and printed stays.
    #[track_caller]
    pub fn restart(&self) {
        self.world.end(&self.id);
        self.world.with(&self.id, super::station::Station::begin_life);
        self.world.settle();
    }
}

#[track_caller]
fn to_json(value: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(json) => json,
        Err(error) => panic!("this cannot be written as JSON: {error}"),
    }
}
