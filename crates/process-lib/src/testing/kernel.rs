//! What stands in for a node: who is there, what is on its way, and what time it is.

use std::collections::BTreeMap;

use wharf_types::{Address, NodeName, ProcessId};

use super::module::{Asked, Out};
use super::sent::Sent;
use super::station::{Content, Driver, Envelope, Outstanding, Prompt, Station, Wants};
use super::thread::Init;
use crate::convert;
use crate::host as wit;

/// Answers in a row before it is said that they never end.
const ANSWERS_MAX: u32 = 1_000_000;

pub(super) struct Kernel {
    pub(super) node: NodeName,
    /// Milliseconds since 1970.
    pub(super) now_ms: u64,
    pub(super) stations: BTreeMap<ProcessId, Station>,
    /// What a child may be started from, by its path.
    pub(super) components: BTreeMap<String, Init>,
    /// Every request that a process sent, in order.
    pub(super) sent: Vec<Sent>,
    ids: u64,
    /// Whose turn was last.
    last: Option<ProcessId>,
}

impl Kernel {
    pub(super) fn new(node: NodeName, now_ms: u64) -> Self {
        Self {
            node,
            now_ms,
            stations: BTreeMap::new(),
            components: BTreeMap::new(),
            sent: Vec::new(),
            ids: 0,
            last: None,
        }
    }

    pub(super) fn address_of(&self, id: &ProcessId) -> Address {
        Address::new(self.node.clone(), id.clone())
    }

    pub(super) fn station(&mut self, id: &ProcessId) -> &mut Station {
        match self.stations.get_mut(id) {
            Some(station) => station,
            None => panic!("there is no {id} in this world"),
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// Sends a request, and says under which id its response comes.
    pub(super) fn send(
        &mut self,
        from: &ProcessId,
        target: &wit::Address,
        mut request: wit::Request,
        context: Option<Vec<u8>>,
        blob: Option<wit::LazyLoadBlob>,
    ) -> u64 {
        let fresh = self.fresh_id();
        let now_ms = self.now_ms;
        let station = self.station(from);
        let source = station.our.clone();
        let parent = station.prompt.clone().filter(|_| request.inherit);
        let id = parent.as_ref().map_or(fresh, |parent| parent.id);
        let blob = blob.or_else(|| station.blob.clone().filter(|_| request.inherit));
        let mut capabilities = convert::caps_from_wit(std::mem::take(&mut request.capabilities));
        capabilities.retain(|capability| station.may_attach(capability));
        request.capabilities = convert::caps_to_wit(&capabilities);
        if let Some(seconds) = request.expects_response {
            let due_ms = now_ms.saturating_add(seconds.saturating_mul(1_000));
            let (prompt, target, request) = (station.prompt.clone(), target.clone(), request.clone());
            let waits = Outstanding { due_ms, context, prompt, target, request };
            station.outstanding.insert(id, waits);
        }
        let rsvp = match request.expects_response {
            Some(_) => Some(from.clone()),
            None => parent.map(|parent| parent.to),
        };
        self.sent.push(Sent::of(&source, convert::address_text(target), &request, blob.as_ref(), None));
        let envelope = Envelope { id, source, content: Content::Request(request), blob, rsvp };
        match self.find(target) {
            Ok(to) => self.station(&to).queue.push_back(envelope),
            Err(kind) => self.fail(from, id, kind),
        }
        id
    }

    /// The process that an address names. What is not there is answered as a node does.
    fn find(&self, target: &wit::Address) -> Result<ProcessId, wit::SendErrorKind> {
        if target.node != NodeName::OUR && target.node != self.node.as_str() {
            return Err(wit::SendErrorKind::Offline);
        }
        let id = convert::process_from_wit(&target.process).map_err(|_| wit::SendErrorKind::Timeout)?;
        if self.stations.contains_key(&id) { Ok(id) } else { Err(wit::SendErrorKind::Timeout) }
    }

    /// Tells a process that a request of it brought no response.
    fn fail(&mut self, from: &ProcessId, id: u64, kind: wit::SendErrorKind) {
        let station = self.station(from);
        let Some(request) = station.outstanding.get(&id) else { return };
        let error = wit::SendError {
            kind,
            target: request.target.clone(),
            message: wit::Message::Request(request.request.clone()),
            lazy_load_blob: None,
        };
        let source = station.our.clone();
        station.queue.push_back(Envelope { id, source, content: Content::Failed(error), blob: None, rsvp: None });
    }

    /// Answers what a process was asked last.
    pub(super) fn respond(&mut self, from: &ProcessId, response: wit::Response, blob: Option<wit::LazyLoadBlob>) {
        let station = self.station(from);
        let blob = if response.inherit { station.blob.clone() } else { blob };
        match station.prompt.clone() {
            Some(prompt) => self.answer(from, &prompt, response, blob),
            None => station.printed.push("a response was sent, and nobody asked for one".to_owned()),
        }
    }

    /// Answers a request.
    pub(super) fn answer(
        &mut self,
        from: &ProcessId,
        prompt: &Prompt,
        mut response: wit::Response,
        blob: Option<wit::LazyLoadBlob>,
    ) {
        let station = self.station(from);
        let source = station.our.clone();
        let mut capabilities = convert::caps_from_wit(std::mem::take(&mut response.capabilities));
        capabilities.retain(|capability| station.may_attach(capability));
        response.capabilities = convert::caps_to_wit(&capabilities);
        if let Some(asker) = self.stations.get_mut(&prompt.to)
            && asker.outstanding.contains_key(&prompt.id)
        {
            let content = Content::Response(response);
            asker.queue.push_back(Envelope { id: prompt.id, source, content, blob, rsvp: None });
        }
    }

    /// Whose turn it is. Stand-ins take theirs here.
    pub(super) fn next_turn(&mut self) -> Option<ProcessId> {
        for _ in 0..ANSWERS_MAX {
            let id = self.next_ready()?;
            self.last = Some(id.clone());
            let station = self.station(&id);
            if !matches!(station.driver, Driver::Module(_)) {
                return Some(id);
            }
            self.let_module_answer(&id);
        }
        panic!("{:?} and others go on answering each other", self.last);
    }

    fn next_ready(&self) -> Option<ProcessId> {
        let ready = |(_, station): &(&ProcessId, &Station)| match station.driver {
            Driver::Module(_) => station.has_request(),
            Driver::Process(_) => station.is_ready(),
            Driver::Test => false,
        };
        let after = |id: &ProcessId| self.last.as_ref().is_some_and(|last| id > last);
        let mut ids = self.stations.iter().filter(ready).map(|(id, _)| id);
        let first = ids.next()?;
        if after(first) {
            return Some(first.clone());
        }
        Some(ids.find(|id| after(id)).unwrap_or(first).clone())
    }

    fn let_module_answer(&mut self, id: &ProcessId) {
        let Some((envelope, request)) = self.station(id).take_request() else { return };
        let prompt = envelope.rsvp.clone().map(|to| Prompt { id: envelope.id, to });
        let target = self.address_of(id).to_string();
        let holds = self.stations.get(envelope.source.process()).map(|asker| asker.holds.clone()).unwrap_or_default();
        let request = Sent::of(&envelope.source, target, &request, envelope.blob.as_ref(), prompt);
        let asked = Asked { now_ms: self.now_ms, holds, request };
        let outs = match &mut self.station(id).driver {
            Driver::Module(module) => module.handle(&asked),
            Driver::Process(_) | Driver::Test => Vec::new(),
        };
        self.apply(id, outs);
    }

    fn apply(&mut self, from: &ProcessId, outs: Vec<Out>) {
        for out in outs {
            match out {
                Out::Answer { prompt, response, blob } => self.answer(from, &prompt, response, blob),
                Out::Request { to, body, metadata } => self.tell(from, &to, body, metadata),
                Out::Grant { to, capability } => {
                    if let Some(station) = self.stations.get_mut(&to)
                        && !super::station::includes(&station.holds, &capability)
                    {
                        station.holds.push(capability);
                    }
                }
            }
        }
    }

    /// A life is over: what it left for this case is sent, and nothing is waited for any more.
    pub(super) fn has_ended(&mut self, id: &ProcessId) {
        let station = self.station(id);
        station.begin_life();
        station.wants = Wants::Nothing;
        if let wit::OnExit::Requests(requests) = station.on_exit.clone() {
            for (target, mut request, blob) in requests {
                request.expects_response = None;
                self.send(id, &target, request, None, blob);
            }
        }
    }

    /// A request of a stand-in that wants no response.
    fn tell(&mut self, from: &ProcessId, to: &ProcessId, body: Vec<u8>, metadata: Option<String>) {
        let request = wit::Request { inherit: false, expects_response: None, body, metadata, capabilities: Vec::new() };
        let (id, source) = (self.fresh_id(), self.address_of(from));
        if let Some(station) = self.stations.get_mut(to) {
            let content = Content::Request(request);
            station.queue.push_back(Envelope { id, source, content, blob: None, rsvp: None });
        }
    }

    /// When something happens by itself next.
    pub(super) fn next_due(&self) -> Option<u64> {
        let timeouts = self.stations.values().flat_map(|station| station.unanswered().map(|(_, due_ms)| due_ms)).min();
        let timers = self.stations.values().filter_map(|station| match &station.driver {
            Driver::Module(module) => module.due_ms(),
            Driver::Process(_) | Driver::Test => None,
        });
        timers.min().into_iter().chain(timeouts).min()
    }

    /// Makes it that late, and lets happen what is due.
    pub(super) fn be_at(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
        let now_ms = self.now_ms;
        // Timers first: an answer that comes with the end of the time is in time.
        let mut fired = Vec::new();
        for (id, station) in &mut self.stations {
            if let Driver::Module(module) = &mut station.driver {
                fired.push((id.clone(), module.fire(now_ms)));
            }
        }
        fired.into_iter().for_each(|(id, outs)| self.apply(&id, outs));
        let mut late = Vec::new();
        for (id, station) in &self.stations {
            let is_late = |(_, due_ms): &(u64, u64)| *due_ms <= now_ms;
            late.extend(station.unanswered().filter(is_late).map(|(request, _)| (id.clone(), request)));
        }
        late.into_iter().for_each(|(id, request)| self.fail(&id, request, wit::SendErrorKind::Timeout));
    }
}
