//! A process as a Kinode developer writes it: the published `kinode_process_lib`, JSON requests, a web page, a timer,
//! saved state and files.

mod http_client;
mod kv;
mod sqlite;
mod vfs_tour;

use std::collections::HashMap;

use kinode_process_lib::http::server::{
    send_ws_push, HttpBindingConfig, HttpResponse, HttpServer, HttpServerRequest, WsBindingConfig, WsMessageType,
};
use kinode_process_lib::http::StatusCode;
use kinode_process_lib::{
    await_message, call_init, get_blob, get_typed_state, println, set_state, timer, vfs, Address, LazyLoadBlob,
    Message, Request, Response,
};
use serde::{Deserialize, Serialize};

wit_bindgen::generate!({
    path: "../../../wit",
    world: "process-v1",
    generate_unused_types: true,
    additional_derives: [serde::Deserialize, serde::Serialize],
});

/// What others may ask.
#[derive(Debug, Serialize, Deserialize)]
enum LibRequest {
    /// Answered with the same text and, if there is one, the blob.
    Echo(String),
    /// Answered when so many milliseconds have passed, waiting for the timer.
    AwaitTimer(u64),
    /// Answered at once; when the timer comes back, its context becomes the note that `GetNote` tells.
    SetTimer {
        millis: u64,
        context: String,
    },
    GetNote,
    SetState(String),
    GetState,
    /// Creates a drive, writes the text to a file in it, and reads it back.
    WriteFile {
        drive: String,
        file: String,
        text: String,
    },
    ReadFile {
        drive: String,
        file: String,
    },
    /// Goes through the library's `vfs` module, in a drive of this name.
    TourVfs {
        drive: String,
    },
    /// Runs every function of the library's `kv`.
    UseKv,
    /// Runs every function of the library's `sqlite`.
    UseSqlite,
    /// How many WebSockets the library keeps, as text.
    CountChannels,
    /// Uses every function of the library's `http::client` with a server at this `host:port`.
    UseHttpClient(String),
    /// Prints the text.
    Print(String),
    /// Asks another process and answers with the body it answered.
    Ask {
        target: String,
        body: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
enum LibResponse {
    Ok,
    Text(String),
    Nothing,
    Err(String),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    text: Option<String>,
}

struct Process {
    our: Address,
    http: HttpServer,
    state: State,
    note: Option<String>,
}

impl Process {
    fn handle(&mut self, message: &Message) -> anyhow::Result<()> {
        // Messages from outside come in the name of the HTTP server too, so its name alone does not tell them apart.
        if let Ok(request) = serde_json::from_slice::<HttpServerRequest>(message.body()) {
            self.handle_http(request);
            return Ok(());
        }
        if let Message::Response { .. } = message {
            self.note = message.context().map(|context| String::from_utf8_lossy(context).into_owned());
            return Ok(());
        }
        let request = serde_json::from_slice::<LibRequest>(message.body())?;
        if let LibRequest::Echo(text) = request {
            let mut response = Response::new().body(serde_json::to_vec(&LibResponse::Text(text))?);
            if let Some(blob) = message.blob() {
                response = response.blob(blob);
            }
            response.send()?;
            return Ok(());
        }
        let answer = self.answer(request).unwrap_or_else(|error| LibResponse::Err(format!("{error:?}")));
        Response::new().body(serde_json::to_vec(&answer)?).send()?;
        Ok(())
    }

    fn answer(&mut self, request: LibRequest) -> anyhow::Result<LibResponse> {
        Ok(match request {
            LibRequest::Echo(text) => LibResponse::Text(text),
            LibRequest::AwaitTimer(millis) => {
                timer::set_and_await_timer(millis)?;
                LibResponse::Ok
            }
            LibRequest::SetTimer { millis, context } => {
                timer::set_timer(millis, Some(context.into_bytes()));
                LibResponse::Ok
            }
            LibRequest::GetNote => self.note.clone().map_or(LibResponse::Nothing, LibResponse::Text),
            LibRequest::SetState(text) => {
                self.state.text = Some(text);
                set_state(&serde_json::to_vec(&self.state)?);
                LibResponse::Ok
            }
            LibRequest::GetState => self.state.text.clone().map_or(LibResponse::Nothing, LibResponse::Text),
            LibRequest::WriteFile { drive, file, text } => {
                let drive = vfs::create_drive(self.our.package_id(), &drive, None)?;
                let opened = vfs::open_file(&format!("{drive}/{file}"), true, None)?;
                opened.write(text.as_bytes())?;
                LibResponse::Text(opened.read_to_string()?)
            }
            LibRequest::ReadFile { drive, file } => {
                let path = format!("/{}/{drive}/{file}", self.our.package_id());
                LibResponse::Text(String::from_utf8(vfs::open_file(&path, false, None)?.read()?)?)
            }
            LibRequest::TourVfs { drive } => {
                vfs_tour::run(self.our.package_id(), &drive)?;
                LibResponse::Ok
            }
            LibRequest::UseKv => kv::run(&self.our.package_id()).map(|()| LibResponse::Ok)?,
            LibRequest::UseSqlite => sqlite::run(&self.our.package_id()).map(|()| LibResponse::Ok)?,
            LibRequest::UseHttpClient(server) => http_client::run(&server).map(|()| LibResponse::Ok)?,
            LibRequest::CountChannels => {
                let count: usize = self.http.get_ws_channels().values().map(|channels| channels.len()).sum();
                LibResponse::Text(count.to_string())
            }
            LibRequest::Print(text) => {
                println!("{text}");
                LibResponse::Ok
            }
            LibRequest::Ask { target, body } => {
                let response =
                    Request::to(target.parse::<Address>()?).body(body.into_bytes()).send_and_await_response(5)??;
                LibResponse::Text(String::from_utf8(response.body().to_vec())?)
            }
        })
    }

    /// Tells an HTTP request back: method, path, query and body. What comes over one WebSocket goes to all; `close me`
    /// goes to nobody, and is done.
    fn handle_http(&mut self, request: HttpServerRequest) {
        let body = get_blob().map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned()).unwrap_or_default();
        let mut said = None;
        self.http.handle_request(
            request,
            |incoming| {
                let seen = serde_json::json!({
                    "method": incoming.method().map(|method| method.to_string()).unwrap_or_default(),
                    "path": incoming.path().unwrap_or_default(),
                    "name": incoming.query_params().get("name"),
                    "body": body,
                });
                let headers = HashMap::from([("Content-Type".to_string(), "application/json".to_string())]);
                (
                    HttpResponse::new(StatusCode::OK).set_headers(headers),
                    Some(LazyLoadBlob::new(Some("application/json"), seen.to_string().into_bytes())),
                )
            },
            |channel, kind, blob| said = Some((channel, kind, blob)),
        );
        match said {
            Some((channel, WsMessageType::Text, blob)) if blob.bytes == b"close me" => {
                send_ws_push(channel, WsMessageType::Close, LazyLoadBlob::default());
            }
            Some((_, kind @ (WsMessageType::Text | WsMessageType::Binary), blob)) => {
                self.http.ws_push_all_channels("/ws", kind, blob);
            }
            _ => {}
        }
    }
}

call_init!(init);
fn init(our: Address) {
    println!("begin");
    let mut http = HttpServer::new(5);
    let config = HttpBindingConfig::default().authenticated(false);
    http.bind_http_path("/seen", config.clone()).expect("the path should be bound");
    let note = b"given in advance".to_vec();
    http.bind_http_static_path("/note", false, false, Some("text/plain".to_string()), note)
        .expect("the static path should be bound");
    http.serve_ui("ui", vec!["/"], config).expect("the files should be served");
    http.bind_ws_path("/ws", WsBindingConfig::new(false, false, false)).expect("WebSockets should be taken");
    let state = get_typed_state(|bytes| serde_json::from_slice(bytes)).unwrap_or_default();
    let mut process = Process { our, http, state, note: None };
    loop {
        match await_message() {
            Ok(message) => {
                if let Err(error) = process.handle(&message) {
                    println!("error: {error:?}");
                }
            }
            Err(error) => println!("send error: {error:?}"),
        }
    }
}
