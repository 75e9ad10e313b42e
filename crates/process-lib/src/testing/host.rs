//! The functions of a node, for code that runs in a [`World`](super::World). See `crate::host`.

use wharf_types::ProcessId;

use super::station::{Content, Driver, Envelope, Station, Wants};
use super::thread::Seat;
use crate::bindings::kinode::process::standard as wit;
use crate::convert;

pub(crate) fn print_to_terminal(_verbosity: u8, line: &str) {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).printed.push(line.to_owned());
}

pub(crate) fn our() -> wit::Address {
    let seat = Seat::here();
    let our = seat.kernel().address_of(seat.me());
    convert::address_to_wit(&our)
}

pub(crate) fn get_on_exit() -> wit::OnExit {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).on_exit.clone()
}

pub(crate) fn set_on_exit(on_exit: &wit::OnExit) {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).on_exit = on_exit.clone();
}

pub(crate) fn get_state() -> Option<Vec<u8>> {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).state.clone()
}

pub(crate) fn set_state(bytes: &[u8]) {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).state = Some(bytes.to_vec());
}

pub(crate) fn clear_state() {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).state = None;
}

pub(crate) fn save_capabilities(capabilities: &[wit::Capability]) {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).save(convert::caps_from_wit(capabilities.to_vec()));
}

pub(crate) fn drop_capabilities(capabilities: &[wit::Capability]) {
    let dropped = convert::caps_from_wit(capabilities.to_vec());
    let seat = Seat::here();
    seat.kernel().station(seat.me()).holds.retain(|held| !super::station::includes(&dropped, held));
}

pub(crate) fn our_capabilities() -> Vec<wit::Capability> {
    let seat = Seat::here();
    convert::caps_to_wit(&seat.kernel().station(seat.me()).holds)
}

pub(crate) fn has_blob() -> bool {
    let seat = Seat::here();
    seat.kernel().station(seat.me()).blob_is_current
}

pub(crate) fn get_blob() -> Option<wit::LazyLoadBlob> {
    let seat = Seat::here();
    let mut kernel = seat.kernel();
    let station = kernel.station(seat.me());
    station.blob.clone().filter(|_| station.blob_is_current)
}

pub(crate) fn send_request(
    target: &wit::Address,
    request: &wit::Request,
    context: Option<&[u8]>,
    blob: Option<&wit::LazyLoadBlob>,
) {
    let seat = Seat::here();
    let context = context.map(<[u8]>::to_vec);
    seat.kernel().send(seat.me(), target, request.clone(), context, blob.cloned());
}

pub(crate) fn send_response(response: &wit::Response, blob: Option<&wit::LazyLoadBlob>) {
    let seat = Seat::here();
    seat.kernel().respond(seat.me(), response.clone(), blob.cloned());
}

pub(crate) fn send_and_await_response(
    target: &wit::Address,
    request: &wit::Request,
    blob: Option<&wit::LazyLoadBlob>,
) -> Result<(wit::Address, wit::Message), wit::SendError> {
    let seat = Seat::here();
    let id = seat.kernel().send(seat.me(), target, request.clone(), None, blob.cloned());
    loop {
        let answer = seat.kernel().station(seat.me()).take_answer(id);
        if let Some((envelope, context)) = answer {
            return message_of(envelope, context);
        }
        if !seat.wait(Wants::Answer(id)) {
            return Err(ended(target, request));
        }
    }
}

type Failed = (wit::SendError, Option<Vec<u8>>);

pub(crate) fn receive() -> Result<(wit::Address, wit::Message), Failed> {
    let seat = Seat::here();
    loop {
        let next = seat.kernel().station(seat.me()).take_next();
        if let Some((envelope, context)) = next {
            return message_of(envelope, context.clone()).map_err(|error| (error, context));
        }
        if !seat.wait(Wants::Message) {
            let our = our();
            return Err((ended(&our, &empty()), None));
        }
    }
}

fn message_of(envelope: Envelope, context: Option<Vec<u8>>) -> Result<(wit::Address, wit::Message), wit::SendError> {
    let source = convert::address_to_wit(&envelope.source);
    match envelope.content {
        Content::Request(request) => Ok((source, wit::Message::Request(request))),
        Content::Response(response) => Ok((source, wit::Message::Response((response, context)))),
        Content::Failed(error) => Err(error),
    }
}

/// What a process is told that waits while it is being ended.
fn ended(target: &wit::Address, request: &wit::Request) -> wit::SendError {
    wit::SendError {
        kind: wit::SendErrorKind::Timeout,
        target: target.clone(),
        message: wit::Message::Request(request.clone()),
        lazy_load_blob: None,
    }
}

fn empty() -> wit::Request {
    wit::Request { inherit: false, expects_response: None, body: Vec::new(), metadata: None, capabilities: Vec::new() }
}

pub(crate) fn spawn(
    name: Option<&str>,
    wasm_path: &str,
    on_exit: &wit::OnExit,
    request_capabilities: &[wit::Capability],
    grant_capabilities: &[(wit::ProcessId, wit::Json)],
    _public: bool,
) -> Result<wit::ProcessId, wit::SpawnError> {
    let seat = Seat::here();
    let mut kernel = seat.kernel();
    let Some(init) = kernel.components.get(wasm_path).cloned() else { return Err(wit::SpawnError::NoFileAtPath) };
    let nameless = format!("child-{}", kernel.stations.len());
    let me = seat.me();
    let child = match ProcessId::new(name.unwrap_or(&nameless), me.package(), me.publisher()) {
        Ok(child) if !kernel.stations.contains_key(&child) => child,
        _ => return Err(wit::SpawnError::NameTaken),
    };
    let mut station = Station::new(kernel.address_of(&child), Driver::Process(init));
    station.on_exit = on_exit.clone();
    let mut given = convert::caps_from_wit(request_capabilities.to_vec());
    let parent = kernel.station(me);
    given.retain(|capability| parent.may_attach(capability));
    station.holds = given;
    let issuer = station.our.clone();
    kernel.stations.insert(child.clone(), station);
    for (holder, params) in grant_capabilities {
        let holder = convert::process_from_wit(holder).ok().and_then(|holder| kernel.stations.get_mut(&holder));
        if let Some(holder) = holder {
            holder.holds.push(wharf_types::Capability::new(issuer.clone(), params.clone()));
        }
    }
    Ok(convert::process_to_wit(&child))
}
