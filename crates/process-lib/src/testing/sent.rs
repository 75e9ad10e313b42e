//! What a test sees of messages.

use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, Failure, LazyLoadBlob};

use super::station::{Content, Envelope, Prompt};
use crate::convert;
use crate::host as wit;

/// A request that was sent in a [`World`](super::World).
///
/// ```
/// use wharf_process_lib::Request;
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// let helper = world.actor("helper:app:test.os");
/// let process = world.start("main:app:test.os", |_| {
///     Request::to_module("nobody").body("unheard").send();
///     Request::to_local(&"helper:app:test.os".parse().unwrap()).body("[1,2]").send();
/// });
/// assert_eq!(process.sent()[0].target, "our@nobody:distro:sys");
/// assert_eq!(helper.received()[0].json::<Vec<u8>>(), [1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who sent it.
    pub source: Address,
    /// For whom, as the sender wrote it: the node may be `our`. What stands in for a process has it in full.
    pub target: String,
    /// Seconds the sender waits; `None` when it does not.
    pub expects_response: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
    /// Free text.
    pub metadata: Option<String>,
    /// What it shows: capabilities that the sender neither issues nor holds are left out, as by a node.
    pub capabilities: Vec<Capability>,
    /// What is beside it.
    pub blob: Option<LazyLoadBlob>,
    pub(super) answer_to: Option<Prompt>,
}

impl Sent {
    pub(super) fn of(
        source: &Address,
        target: String,
        request: &wit::Request,
        blob: Option<&wit::LazyLoadBlob>,
        answer_to: Option<Prompt>,
    ) -> Self {
        Self {
            source: source.clone(),
            target,
            expects_response: request.expects_response,
            body: request.body.clone(),
            metadata: request.metadata.clone(),
            capabilities: convert::caps_from_wit(request.capabilities.clone()),
            blob: blob.cloned().map(convert::blob_from_wit),
            answer_to,
        }
    }

    /// The body read as JSON.
    ///
    /// # Panics
    ///
    /// When it is not what the test expects: the test fails.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        read(&self.body)
    }
}

/// A response, as the one who asked sees it.
///
/// ```
/// use wharf_process_lib::Response;
/// use wharf_process_lib::testing::World;
///
/// let world = World::new();
/// world.play("cook:kitchen:test.os", |order| {
///     let is_tea = order.body == br#""tea""#;
///     Some(if is_tea { Response::new().body("[85]") } else { Response::new().failure("only tea") })
/// });
/// let guest = world.actor("guest:tests:test.os");
/// let cook = "cook:kitchen:test.os".parse().unwrap();
/// let ask = |what| guest.ask(wharf_process_lib::Request::to_local(&cook).json(what).unwrap()).unwrap();
/// assert_eq!(ask("tea").json::<Vec<u8>>(), [85]);
/// assert_eq!(ask("coffee").failure().as_deref(), Some("only tea"));
/// ```
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who answered.
    pub source: Address,
    /// The body.
    pub body: Vec<u8>,
    /// Free text.
    pub metadata: Option<String>,
    /// What it shows.
    pub capabilities: Vec<Capability>,
    /// What is beside it.
    pub blob: Option<LazyLoadBlob>,
}

impl Answer {
    /// The body read as JSON.
    ///
    /// # Panics
    ///
    /// When it is not what the test expects: the test fails, and says why the request was refused, if it was.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        if let Some(failure) = self.failure() {
            panic!("{} refused: {failure}", self.source);
        }
        read(&self.body)
    }

    /// Why the request was refused, if it was.
    pub fn failure(&self) -> Option<String> {
        Failure::from_metadata(self.metadata.as_deref()).map(|failure| failure.error)
    }

    pub(super) fn of(envelope: Envelope) -> Result<Self, wit::SendError> {
        let response = match envelope.content {
            Content::Response(response) => response,
            Content::Failed(error) => return Err(error),
            Content::Request(_) => panic!("a request is not an answer"),
        };
        Ok(Self {
            source: envelope.source,
            body: response.body,
            metadata: response.metadata,
            capabilities: convert::caps_from_wit(response.capabilities),
            blob: envelope.blob.map(convert::blob_from_wit),
        })
    }
}

#[track_caller]
fn read<T: DeserializeOwned>(body: &[u8]) -> T {
    match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => panic!("the body is not what was expected: {error}: {}", String::from_utf8_lossy(body)),
    }
}
