//! The side that asks: one request after the other, or many on the way.

use std::time::Instant;

use wharf_process_lib::bindings::kinode::process::standard as bindings;
use wharf_process_lib::{Address, LazyLoadBlob, Message, Request, await_message};

use crate::protocol::{Load, Style, Summary};

/// How long an answer may take.
pub(crate) const TIMEOUT_S: u64 = 60;

/// Times batches of round trips. A sample is the time of one round trip, as the batch's mean.
pub(crate) fn timed(
    target: &Address,
    style: Style,
    load: Load,
    batches: usize,
    per_batch: usize,
) -> Result<Summary, String> {
    let mut ask = asker(target, style, load);
    let mut samples = Vec::with_capacity(batches);
    for _ in 0..batches {
        let start = Instant::now();
        for _ in 0..per_batch {
            ask()?;
        }
        samples.push(start.elapsed().as_nanos() as f64 / per_batch as f64);
    }
    Ok(Summary::of(samples))
}

/// One round trip, checked for its size.
fn asker<'a>(target: &'a Address, style: Style, load: Load) -> Box<dyn FnMut() -> Result<(), String> + 'a> {
    match (style, load) {
        (Style::Library, Load::Body(bytes)) => {
            let body = vec![7; bytes];
            Box::new(move || {
                let answer = Request::to(target).body(body.as_slice()).send_and_await_response(TIMEOUT_S);
                same_size(bytes, answer.map_err(|error| error.to_string())?.body().len())
            })
        }
        (Style::Bare, Load::Body(bytes)) => {
            let (target, request) = (bare_target(target), bare_request(bytes));
            Box::new(move || match bindings::send_and_await_response(&target, &request, None) {
                Ok((_, bindings::Message::Response((response, _)))) => same_size(bytes, response.body.len()),
                _ => Err("a bare request was not answered".to_owned()),
            })
        }
        (_, Load::Blob(bytes)) => {
            let blob = LazyLoadBlob { mime: None, bytes: vec![7; bytes] };
            Box::new(move || {
                let answer = Request::to(target).blob(blob.clone()).send_and_await_response(TIMEOUT_S);
                let blob = answer.map_err(|error| error.to_string())?.blob();
                same_size(bytes, blob.map_or(0, |blob| blob.bytes.len()))
            })
        }
    }
}

/// Nanoseconds for `count` requests with `window` of them on the way.
pub(crate) fn pipelined(
    target: &Address,
    style: Style,
    body_bytes: usize,
    window: usize,
    count: usize,
) -> Result<f64, String> {
    let body = vec![7; body_bytes];
    let (bare_target, bare_request) = (bare_target(target), bare_request(body_bytes));
    let send = || match style {
        Style::Library => Request::to(target).body(body.as_slice()).expects_response(TIMEOUT_S).send(),
        Style::Bare => bindings::send_request(&bare_target, &bare_request, None, None),
    };
    let start = Instant::now();
    let first = window.min(count);
    (0..first).for_each(|_| send());
    for answered in 0..count {
        same_size(body_bytes, await_answer(style)?)?;
        if answered + first < count {
            send();
        }
    }
    Ok(start.elapsed().as_nanos() as f64)
}

/// Bytes of the next answer.
fn await_answer(style: Style) -> Result<usize, String> {
    match style {
        Style::Library => match await_message().map_err(|error| error.to_string())? {
            Message::Response { body, .. } => Ok(body.len()),
            Message::Request { source, .. } => Err(format!("a request of {source} came amid a measurement")),
        },
        Style::Bare => match bindings::receive() {
            Ok((_, bindings::Message::Response((response, _)))) => Ok(response.body.len()),
            _ => Err("a bare request was not answered".to_owned()),
        },
    }
}

fn bare_target(target: &Address) -> bindings::Address {
    let process = target.process();
    bindings::Address {
        node: target.node().as_str().to_owned(),
        process: bindings::ProcessId {
            process_name: process.process().to_owned(),
            package_name: process.package().to_owned(),
            publisher_node: process.publisher().to_owned(),
        },
    }
}

fn bare_request(body_bytes: usize) -> bindings::Request {
    bindings::Request {
        inherit: false,
        expects_response: Some(TIMEOUT_S),
        body: vec![7; body_bytes],
        metadata: None,
        capabilities: Vec::new(),
    }
}

fn same_size(sent: usize, came_back: usize) -> Result<(), String> {
    if sent == came_back { Ok(()) } else { Err(format!("{sent} bytes were sent and {came_back} came back")) }
}
