//! Says to another process of the node what it is told to say, and keeps what was said, also over restarts. People read and
//! write over HTTP, and see what is new over a WebSocket.

use std::collections::{BTreeMap, HashMap};

use kinode_process_lib::http::server::{
    send_response, HttpBindingConfig, HttpServer, HttpServerRequest, IncomingHttpRequest, WsBindingConfig,
    WsMessageType,
};
use kinode_process_lib::http::{Method, StatusCode};
use kinode_process_lib::{
    await_message, call_init, get_blob, get_typed_state, println, set_state, Address, LazyLoadBlob, Message, ProcessId,
    Request, Response,
};
use serde::{Deserialize, Serialize};

use crate::kinode::process::chat::{ChatMessage, Request as ChatRequest, Response as ChatResponse, SendRequest};

wit_bindgen::generate!({
    path: "../wit",
    world: "chat-test-dot-os-v0",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

/// How long another process, or the web server, may take, in seconds.
const WAIT_S: u64 = 60;

/// By the other process.
type Archive = BTreeMap<String, Vec<ChatMessage>>;

/// What a WebSocket is told.
#[derive(Debug, Serialize, Deserialize)]
struct News {
    with: String,
    message: ChatMessage,
}

struct Chat {
    our: Address,
    http: HttpServer,
    archive: Archive,
}

impl Chat {
    fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        let Message::Request { source, body, .. } = message else { return Ok(()) };
        // What tools send comes in the name of the HTTP server as well.
        if source.process == "http-server:distro:sys" {
            if let Ok(request) = self.http.parse_request(body) {
                return self.handle_http(request);
            }
        }
        let answer = match serde_json::from_slice(body)? {
            ChatRequest::Send(send) => self.send(source, send),
            ChatRequest::History(with) => ChatResponse::History(self.archive.get(&with).cloned().unwrap_or_default()),
        };
        Response::new().body(serde_json::to_vec(&answer)?).send()?;
        Ok(())
    }

    fn send(&mut self, source: &Address, send: SendRequest) -> ChatResponse {
        let me = self.our.process.to_string();
        if send.target == me {
            let author = source.process.to_string();
            self.keep(author.clone(), ChatMessage { author, content: send.message });
            return ChatResponse::Send;
        }
        match self.pass_on(&send) {
            Ok(()) => {
                self.keep(send.target, ChatMessage { author: me, content: send.message });
                ChatResponse::Send
            }
            Err(error) => ChatResponse::Failed(format!("{error:#}")),
        }
    }

    fn pass_on(&self, send: &SendRequest) -> anyhow::Result<()> {
        let target: ProcessId = send.target.parse()?;
        let answer = Request::to(Address::new("our", target))
            .body(serde_json::to_vec(&ChatRequest::Send(send.clone()))?)
            .send_and_await_response(WAIT_S)?
            .map_err(|error| anyhow::anyhow!("{} was not told: {:?}", send.target, error.kind()))?;
        match serde_json::from_slice(answer.body())? {
            ChatResponse::Send => Ok(()),
            other => anyhow::bail!("{} answered {other:?}", send.target),
        }
    }

    /// In the archive, and to everybody who looks.
    fn keep(&mut self, with: String, message: ChatMessage) {
        let news = News { with: with.clone(), message: message.clone() };
        self.archive.entry(with).or_default().push(message);
        set_state(&serde_json::to_vec(&self.archive).unwrap());
        let blob = LazyLoadBlob::new(Some("application/json"), serde_json::to_vec(&news).unwrap());
        self.http.ws_push_all_channels("/", WsMessageType::Text, blob);
    }

    fn handle_http(&mut self, request: HttpServerRequest) -> anyhow::Result<()> {
        match request {
            HttpServerRequest::Http(incoming) => {
                let (status, body) = self.answer_http(&incoming)?;
                let headers = HashMap::from([("Content-Type".to_string(), "application/json".to_string())]);
                send_response(status, Some(headers), body);
            }
            HttpServerRequest::WebSocketOpen { path, channel_id } => self.http.handle_websocket_open(&path, channel_id),
            HttpServerRequest::WebSocketClose(channel_id) => self.http.handle_websocket_close(channel_id),
            HttpServerRequest::WebSocketPush { message_type: WsMessageType::Text, .. } => {
                if let Some(blob) = get_blob() {
                    let ChatRequest::Send(send) = serde_json::from_slice(&blob.bytes)? else { return Ok(()) };
                    let our = self.our.clone();
                    self.send(&our, send);
                }
            }
            HttpServerRequest::WebSocketPush { .. } => {}
        }
        Ok(())
    }

    fn answer_http(&mut self, incoming: &IncomingHttpRequest) -> anyhow::Result<(StatusCode, Vec<u8>)> {
        match incoming.method()? {
            Method::GET => Ok((StatusCode::OK, serde_json::to_vec(&self.archive)?)),
            Method::POST => {
                let body = get_blob().map(|blob| blob.bytes).unwrap_or_default();
                let Ok(send) = serde_json::from_slice::<SendRequest>(&body) else {
                    return Ok((StatusCode::BAD_REQUEST, b"{}".to_vec()));
                };
                let our = self.our.clone();
                let answer = self.send(&our, send);
                let is_sent = matches!(answer, ChatResponse::Send);
                let status = if is_sent { StatusCode::CREATED } else { StatusCode::BAD_GATEWAY };
                Ok((status, serde_json::to_vec(&answer)?))
            }
            _ => Ok((StatusCode::METHOD_NOT_ALLOWED, b"{}".to_vec())),
        }
    }
}

call_init!(init);
fn init(our: Address) {
    let mut http = HttpServer::new(WAIT_S);
    let open = HttpBindingConfig::default().authenticated(false);
    http.serve_ui("ui", vec!["/"], open.clone()).expect("the page should be served");
    http.bind_http_path("/messages", open).expect("the path should be bound");
    http.bind_ws_path("/", WsBindingConfig::default().authenticated(false)).expect("WebSockets should be taken");
    let archive = get_typed_state(|bytes| serde_json::from_slice(bytes)).unwrap_or_default();
    println!("{}: begin", our.process());
    let mut chat = Chat { our, http, archive };
    loop {
        match await_message() {
            Ok(message) => {
                if let Err(error) = chat.handle(&message) {
                    println!("{}: {error:?}", chat.our.process());
                }
            }
            Err(error) => println!("{error:?}"),
        }
    }
}
