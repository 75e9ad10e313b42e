//! One process of the world, as the rest of the world sees it: its mailbox and what the node keeps for it.

use std::collections::{BTreeMap, VecDeque};

use wharf_types::{Address, Capability, ProcessId};

use super::module::Module;
use super::thread::{Init, Thread};
use crate::convert;
use crate::host as wit;

/// A message on its way.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    pub(super) id: u64,
    pub(super) source: Address,
    pub(super) content: Content,
    pub(super) blob: Option<wit::LazyLoadBlob>,
    /// Who gets the response; `None` when nobody wants one.
    pub(super) rsvp: Option<ProcessId>,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Request(wit::Request),
    Response(wit::Response),
    Failed(wit::SendError),
}

/// The request that a response answers.
#[derive(Clone, Debug)]
pub(super) struct Prompt {
    pub(super) id: u64,
    pub(super) to: ProcessId,
}

/// A request that waits for its response.
#[derive(Clone, Debug)]
pub(super) struct Outstanding {
    pub(super) due_ms: u64,
    pub(super) context: Option<Vec<u8>>,
    pub(super) prompt: Option<Prompt>,
    pub(super) target: wit::Address,
    pub(super) request: wit::Request,
}

/// Who reads the mailbox.
pub(super) enum Driver {
    /// Code under test.
    Process(Init),
    /// The test itself.
    Test,
    /// A stand-in, which answers at once.
    Module(Box<dyn Module>),
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// To be started.
    Start,
    /// Any message.
    Message,
    /// The response to this request.
    Answer(u64),
    /// Nothing: it has ended, or is not code under test.
    Nothing,
}

pub(super) struct Station {
    pub(super) our: Address,
    pub(super) driver: Driver,
    pub(super) wants: Wants,
    pub(super) thread: Option<Thread>,
    pub(super) queue: VecDeque<Envelope>,
    pub(super) outstanding: BTreeMap<u64, Outstanding>,
    pub(super) prompt: Option<Prompt>,
    /// The blob received last.
    pub(super) blob: Option<wit::LazyLoadBlob>,
    /// Whether the message received last brought it.
    pub(super) blob_is_current: bool,
    pub(super) holds: Vec<Capability>,
    /// What came with messages, and may be saved.
    pub(super) shown: Vec<Capability>,
    pub(super) printed: Vec<String>,
    pub(super) state: Option<Vec<u8>>,
    pub(super) on_exit: wit::OnExit,
}

impl Station {
    pub(super) fn new(our: Address, driver: Driver) -> Self {
        let wants = if matches!(driver, Driver::Process(_)) { Wants::Start } else { Wants::Nothing };
        Self {
            our,
            driver,
            wants,
            thread: None,
            queue: VecDeque::new(),
            outstanding: BTreeMap::new(),
            prompt: None,
            blob: None,
            blob_is_current: false,
            holds: Vec::new(),
            shown: Vec::new(),
            printed: Vec::new(),
            state: None,
            on_exit: wit::OnExit::None,
        }
    }

    /// Forgets what a life that ended had: its messages and requests. What was saved, printed and granted stays.
    pub(super) fn begin_life(&mut self) {
        self.wants = Wants::Start;
        self.queue.clear();
        self.outstanding.clear();
        self.prompt = None;
        self.blob = None;
        self.blob_is_current = false;
        self.shown.clear();
    }

    /// Whether its process can go on.
    pub(super) fn is_ready(&self) -> bool {
        match self.wants {
            Wants::Start => true,
            Wants::Message => !self.queue.is_empty(),
            Wants::Answer(id) => self.answer_at(id).is_some(),
            Wants::Nothing => false,
        }
    }

    fn answer_at(&self, id: u64) -> Option<usize> {
        self.queue.iter().position(|it| it.id == id && !matches!(it.content, Content::Request(_)))
    }

    /// Whether somebody wants something of it.
    pub(super) fn has_request(&self) -> bool {
        self.queue.iter().any(|it| matches!(it.content, Content::Request(_)))
    }

    /// The next that somebody wants, for who is no process that answers one thing at a time.
    pub(super) fn take_request(&mut self) -> Option<(Envelope, wit::Request)> {
        let at = self.queue.iter().position(|it| matches!(it.content, Content::Request(_)))?;
        let envelope = self.queue.remove(at)?;
        match envelope.content.clone() {
            Content::Request(request) => Some((envelope, request)),
            Content::Response(_) | Content::Failed(_) => None,
        }
    }

    /// Its requests whose response has not come yet, and until when they wait.
    pub(super) fn unanswered(&self) -> impl Iterator<Item = (u64, u64)> {
        let waits = |id: &u64| self.answer_at(*id).is_none();
        self.outstanding.iter().filter(move |(id, _)| waits(id)).map(|(id, request)| (*id, request.due_ms))
    }

    /// The next message that somebody wants to see, with the context of the request that it answers.
    pub(super) fn take_next(&mut self) -> Option<(Envelope, Option<Vec<u8>>)> {
        loop {
            let next = self.queue.pop_front()?;
            if let Some(accepted) = self.accept(next) {
                return Some(accepted);
            }
        }
    }

    /// The response to a request of this process, or its failure.
    pub(super) fn take_answer(&mut self, id: u64) -> Option<(Envelope, Option<Vec<u8>>)> {
        let at = self.answer_at(id)?;
        let answer = self.queue.remove(at)?;
        self.accept(answer)
    }

    /// As the node's kernel has it: a request that wants a response becomes what is answered next; a response brings back
    /// what was answered when its request was sent. Answers that nobody waits for are dropped.
    fn accept(&mut self, envelope: Envelope) -> Option<(Envelope, Option<Vec<u8>>)> {
        let mut context = None;
        if let Content::Request(request) = &envelope.content {
            self.shown.extend(convert::caps_from_wit(request.capabilities.clone()));
            if let Some(to) = &envelope.rsvp {
                self.prompt = Some(Prompt { id: envelope.id, to: to.clone() });
            }
        } else {
            let request = self.outstanding.remove(&envelope.id)?;
            self.prompt = request.prompt;
            context = request.context;
            if let Content::Response(response) = &envelope.content {
                self.shown.extend(convert::caps_from_wit(response.capabilities.clone()));
            }
        }
        self.blob_is_current = envelope.blob.is_some();
        if envelope.blob.is_some() {
            self.blob.clone_from(&envelope.blob);
        }
        Some((envelope, context))
    }

    /// Whether it may show this capability to others: it issues it itself, or holds it.
    pub(super) fn may_attach(&self, capability: &Capability) -> bool {
        capability.issuer == self.our || includes(&self.holds, capability)
    }

    /// Saves those that it issues, holds, or was shown.
    pub(super) fn save(&mut self, capabilities: Vec<Capability>) {
        for capability in capabilities {
            let may = capability.issuer == self.our || includes(&self.shown, &capability);
            if may && !includes(&self.holds, &capability) {
                self.holds.push(capability);
            }
        }
    }
}

/// Whether one of them is the same capability.
pub(super) fn includes(among: &[Capability], capability: &Capability) -> bool {
    let Some(key) = capability.key() else { return false };
    among.iter().any(|other| other.key().as_ref() == Some(&key))
}
