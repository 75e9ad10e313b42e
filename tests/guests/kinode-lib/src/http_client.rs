//! Every function of the published library's `http::client` module, with the server of the tests.

use std::collections::HashMap;

use anyhow::{anyhow, ensure, Result};
use kinode_process_lib::http::client::{
    close_ws_connection, open_ws_connection, send_request, send_request_await_response, send_ws_client_push,
    HttpClientError, HttpClientRequest, HttpClientResponse,
};
use kinode_process_lib::http::server::WsMessageType;
use kinode_process_lib::http::Method;
use kinode_process_lib::{await_message, get_blob, LazyLoadBlob};

/// Runs them; an error says what was not as it has to be.
pub fn run(server: &str) -> Result<()> {
    requests(server)?;
    sockets(server)
}

fn requests(server: &str) -> Result<()> {
    let url = format!("http://{server}/echo");
    let headers = HashMap::from([("X-Own".to_string(), "own".to_string())]);
    let answer = send_request_await_response(Method::POST, url.parse()?, Some(headers), 60, b"the body".to_vec())?;
    let text = String::from_utf8_lossy(answer.body());
    ensure!(answer.status() == 200 && answer.headers()["x-one-two"] == "a", "its head");
    ensure!(text.starts_with("POST /echo ") && text.contains("x-own: own") && text.ends_with("the body"), "{text}");

    send_request(Method::GET, url.parse()?, None, Some(60), vec![]);
    let message = await_message().map_err(|error| anyhow!("{error:?}"))?;
    let answer: Result<HttpClientResponse, HttpClientError> = serde_json::from_slice(message.body())?;
    let HttpClientResponse::Http(answer) = answer? else { anyhow::bail!("it was a request") };
    ensure!(answer.status == 200 && answer.headers["X-One-Two"] == "a", "{answer:?}");
    ensure!(get_blob().is_some_and(|blob| blob.bytes.starts_with(b"GET /echo ")), "the blob is the body");

    let refused = send_request_await_response(Method::GET, "http://127.0.0.1:1/".parse()?, None, 60, vec![]);
    ensure!(matches!(refused, Err(HttpClientError::ExecuteRequestFailed(_))), "{refused:?}");
    Ok(())
}

/// The next thing that comes from a WebSocket, and its blob.
fn next() -> Result<(HttpClientRequest, Option<LazyLoadBlob>)> {
    let message = await_message().map_err(|error| anyhow!("{error:?}"))?;
    ensure!(message.is_request() && message.source().process == "http-client:distro:sys", "{message:?}");
    Ok((serde_json::from_slice(message.body())?, message.blob()))
}

fn sockets(server: &str) -> Result<()> {
    open_ws_connection(format!("ws://{server}/ws"), None, 7)?;
    send_ws_client_push(7, WsMessageType::Text, LazyLoadBlob::new(None::<&str>, "text"));
    let (request, blob) = next()?;
    ensure!(
        matches!(request, HttpClientRequest::WebSocketPush { channel_id: 7, message_type: WsMessageType::Text }),
        "{request:?}"
    );
    ensure!(blob.as_ref().is_some_and(|blob| blob.bytes == b"text"), "the blob is the text");
    ensure!(blob.and_then(|blob| blob.mime).as_deref() == Some("text/plain"), "its kind");
    close_ws_connection(7)?;
    ensure!(matches!(close_ws_connection(7), Err(HttpClientError::WsCloseFailed { channel_id: 7 })), "it is closed");

    let url = "ws://127.0.0.1:1/ws".to_string();
    let refused = open_ws_connection(url.clone(), None, 8);
    ensure!(matches!(&refused, Err(HttpClientError::WsOpenFailed { url: named }) if *named == url), "{refused:?}");

    open_ws_connection(format!("ws://{server}/ws"), None, 8)?;
    send_ws_client_push(8, WsMessageType::Text, LazyLoadBlob::new(None::<&str>, "bye"));
    let (request, _) = next()?;
    ensure!(matches!(request, HttpClientRequest::WebSocketClose { channel_id: 8 }), "{request:?}");
    Ok(())
}
