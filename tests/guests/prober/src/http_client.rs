//! Every function of the guest library's `http_client` module, with the server of the tests.

use std::collections::BTreeMap;

use wharf_process_lib::await_message;
use wharf_process_lib::error::CallError;
use wharf_process_lib::http_client::{self, Error, Event, HttpCall, HttpClientError, WebSocket, event};

use crate::describe::ensure;

/// Runs them; an error says what was not as it has to be.
pub(crate) fn run(server: &str) -> Result<(), String> {
    requests(server).map_err(|error| error.to_string())??;
    sockets(server).map_err(|error| error.to_string())?
}

type Checked = Result<Result<(), String>, Error>;

fn requests(server: &str) -> Checked {
    let url = |path: &str| format!("http://{server}{path}");
    let got = http_client::get(&url("/echo?x=1"))?;
    let mut checks = vec![
        ensure(got.status == 200 && got.text().starts_with("GET /echo?x=1 "), "GET"),
        ensure(got.header("x-one-two") == Some("a"), "a header"),
    ];
    let posted = http_client::post(&url("/echo"), "the body")?;
    checks.push(ensure(posted.text().ends_with("\r\n\r\nthe body"), "POST"));
    let call = HttpCall::new("PUT", &url("/echo")).header("X-Own", "own").version("HTTP/1.1").timeout_s(60);
    let put = match call.json(&["json"]) {
        Ok(call) => call.send()?,
        Err(error) => return Ok(Err(error.to_string())),
    };
    checks.push(ensure(put.text().contains("x-own: own") && put.text().ends_with("[\"json\"]"), "a builder"));
    checks.push(ensure(http_client::get(&url("/json"))?.json().ok() == Some([1, 2, 3]), "JSON"));
    checks.push(ensure(http_client::get(&url("/missing"))?.status == 404, "an answer is no failure"));
    let refused = http_client::get("http://127.0.0.1:1/");
    let is_refused = |error: &HttpClientError| matches!(error, HttpClientError::ExecuteRequestFailed(_));
    checks.push(ensure(refused.err().as_ref().and_then(CallError::refusal).is_some_and(is_refused), "a refusal"));
    let slow = HttpCall::new("GET", &url("/silent")).timeout_s(1).send();
    checks.push(ensure(slow.is_err(), "a timeout"));
    Ok(checks.into_iter().collect())
}

/// The next thing that comes from a WebSocket.
fn next() -> Option<(u32, Event)> {
    event(&await_message().ok()?)
}

fn sockets(server: &str) -> Checked {
    let socket = WebSocket::open(7, &format!("ws://{server}/ws"), BTreeMap::new())?;
    socket.send_text("text")?;
    let mut checks = vec![ensure(next() == Some((7, Event::Text("text".to_owned()))), "text comes back")];
    socket.send_bytes(&[0, 255])?;
    checks.push(ensure(next() == Some((7, Event::Bytes(vec![0, 255]))), "bytes come back"));
    socket.ping(b"x")?;
    checks.push(ensure(next() == Some((7, Event::Pong)), "a pong"));
    socket.close()?;
    checks.push(ensure(socket.close().is_err() && socket.send_text("x").is_err(), "it is closed"));
    let other = WebSocket::open(8, &format!("ws://{server}/ws"), BTreeMap::new())?;
    checks.push(ensure(other == WebSocket::of_channel(8) && other.channel_id() == 8, "its number"));
    other.send_text("bye")?;
    checks.push(ensure(next() == Some((8, Event::Closed)), "the server closed it"));
    Ok(checks.into_iter().collect())
}
