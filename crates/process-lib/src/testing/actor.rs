//! A process that the test plays.

use wharf_types::{Capability, ProcessId};

use super::sent::{Answer, Sent};
use super::station::Prompt;
use super::world::World;
use crate::convert;
use crate::error::SendError;
use crate::request::Request;
use crate::response::Response;

/// How long an actor waits for an answer when its request does not say.
const PATIENCE_S: u64 = 60;

/// A process that the test plays, in a [`World`].
///
/// ```
/// use wharf_process_lib::testing::World;
/// use wharf_process_lib::{Address, Message, Request, Response, await_message};
///
/// /// Asks the oracle whatever it is asked.
/// fn init(_our: Address) {
///     let oracle = "oracle:delphi:test.os".parse().unwrap();
///     while let Ok(Message::Request { body, .. }) = await_message() {
///         let answer = Request::to_local(&oracle).body(body).send_and_await_response(5);
///         Response::new().body(answer.map_or(b"silence".to_vec(), |said| said.body().to_vec())).send();
///     }
/// }
///
/// let world = World::new();
/// let priest = world.start("priest:delphi:test.os", init);
/// let (pilgrim, oracle) = (world.actor("pilgrim:tests:test.os"), world.actor("oracle:delphi:test.os"));
/// let asked = pilgrim.begin(Request::to_local(priest.id()).body("when?"));
/// let question = oracle.received().remove(0);
/// assert_eq!(question.body, b"when?");
/// oracle.answer(&question, Response::new().body("soon"));
/// assert_eq!(pilgrim.answer_to(asked).unwrap().unwrap().body, b"soon");
/// // Nobody plays the oracle now: the priest waits its five seconds, which take no time.
/// assert_eq!(pilgrim.ask(Request::to_local(priest.id()).body("why?")).unwrap().body, b"silence");
/// ```
#[derive(Clone)]
pub struct Actor<'a> {
    world: &'a World,
    id: ProcessId,
}

/// A request of an [`Actor`] that waits for its response.
///
/// ```
/// use wharf_process_lib::testing::World;
/// use wharf_process_lib::{Request, Response};
///
/// let world = World::new();
/// let (asker, asked) = (world.actor("asker:app:test.os"), world.actor("asked:app:test.os"));
/// let begun = asker.begin(Request::to_local(asked.id()));
/// assert!(asker.answer_to(begun).is_none());
/// asked.answer(&asked.received()[0], Response::new());
/// assert!(asker.answer_to(begun).is_some());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun(u64);

impl std::fmt::Debug for Actor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Actor").field(&self.id).finish()
    }
}

impl<'a> Actor<'a> {
    pub(super) fn new(world: &'a World, id: ProcessId) -> Self {
        Self { world, id }
    }

    /// Its id.
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// Gives it a capability, which it may attach to its requests. Those that it issues itself it has.
    pub fn hold(&self, capability: Capability) {
        self.world.with(&self.id, |station| station.holds.push(capability));
    }

    /// Sends a request that wants no response, and lets happen what comes of it.
    #[track_caller]
    pub fn send(&self, request: Request) {
        let (target, mut content, context, blob) = request.into_parts();
        content.expects_response = None;
        self.world.shared().lock().send(&self.id, &target, content, context, blob);
        self.world.settle();
    }

    /// Sends a request, and lets happen what can happen at once. The response is taken with [`Actor::answer_to`].
    #[track_caller]
    pub fn begin(&self, request: Request) -> Begun {
        let (target, mut content, context, blob) = request.into_parts();
        content.expects_response.get_or_insert(PATIENCE_S);
        let id = self.world.shared().lock().send(&self.id, &target, content, context, blob);
        self.world.settle();
        Begun(id)
    }

    /// The response to a request, if it has come.
    ///
    /// # Errors
    ///
    /// The failure, as the process itself would be told it.
    pub fn answer_to(&self, begun: Begun) -> Option<Result<Answer, SendError>> {
        let (envelope, context) = self.world.with(&self.id, |station| station.take_answer(begun.0))?;
        Some(Answer::of(envelope).map_err(|error| convert::send_error_from_wit(error, context)))
    }

    /// Sends a request and waits for the response: time passes as far as it must, up to what the request says, or a minute.
    ///
    /// # Errors
    ///
    /// When no response comes.
    #[track_caller]
    pub fn ask(&self, request: Request) -> Result<Answer, SendError> {
        let begun = self.begin(request);
        loop {
            if let Some(answer) = self.answer_to(begun) {
                return answer;
            }
            if !self.world.let_time_pass(u64::MAX) {
                panic!("{}: a request neither was answered nor failed", self.id);
            }
        }
    }

    /// The requests that came since this was asked last, in order.
    #[track_caller]
    pub fn received(&self) -> Vec<Sent> {
        self.world.settle();
        self.world.with(&self.id, |station| {
            let mut requests = Vec::new();
            while let Some((envelope, request)) = station.take_request() {
                let prompt = envelope.rsvp.clone().map(|to| Prompt { id: envelope.id, to });
                let target = station.our.to_string();
                requests.push(Sent::of(&envelope.source, target, &request, envelope.blob.as_ref(), prompt));
            }
            requests
        })
    }

    /// Answers a request, and lets happen what comes of it.
    ///
    /// # Panics
    ///
    /// When the request wants no response.
    #[track_caller]
    pub fn answer(&self, request: &Sent, response: Response) {
        let Some(prompt) = &request.answer_to else { panic!("{} wants no response", request.source) };
        let (response, blob) = response.into_parts();
        self.world.shared().lock().answer(&self.id, prompt, response, blob);
        self.world.settle();
    }
}
