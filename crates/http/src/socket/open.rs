//! From a request to the running task of a socket.

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use tokio::time::timeout;
use wharf_kernel::envelope::Content;
use wharf_kernel::{CallError, Limit, SendAs};
use wharf_types::http_server::HttpServerRequest;

use super::handshake;
use super::meter::Meter;
use super::registry::{Far, NoPlace};
use super::task::{Task, Waits, json};
use crate::access::check_local_tool;
use crate::auth::{Arrival, admit};
use crate::body::AnswerBody;
use crate::incoming::failed;
use crate::refusal::{refuse, try_later};
use crate::routes::{Match, Serves};
use crate::serve::Server;

/// What became of a request that may have asked for a WebSocket.
pub(crate) enum Upgraded {
    /// It did, and this is the answer.
    Answered(Response<AnswerBody>),
    /// It did not, or nobody opens any there.
    Not,
}

/// Opens a WebSocket if the request asks for one, at a path where a process takes them.
pub(crate) async fn upgrade(server: &Server, arrival: &Arrival, request: &mut Request<Incoming>) -> Upgraded {
    if !handshake::is_asked(request.headers()) {
        return Upgraded::Not;
    }
    let path = request.uri().path().to_owned();
    let Some(found) = server.socket_routes.find_exact(&path) else { return Upgraded::Not };
    let on_upgrade = hyper::upgrade::on(&mut *request);
    let mut head = Request::new(());
    *head.method_mut() = request.method().clone();
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    head.headers_mut().clone_from(request.headers());
    let (parts, ()) = head.into_parts();
    let opened = open(server, arrival, &parts, &found, on_upgrade).await;
    Upgraded::Answered(opened.unwrap_or_else(|refused| *refused))
}

type Refused = Box<Response<AnswerBody>>;

fn refused(status: StatusCode, error: impl std::fmt::Display) -> Refused {
    Box::new(refuse(status, error))
}

/// Everything that can be refused is, before the client is told that there is a socket.
async fn open(
    server: &Server,
    arrival: &Arrival,
    parts: &Parts,
    found: &Match<'_>,
    on_upgrade: OnUpgrade,
) -> Result<Response<AnswerBody>, Refused> {
    let far = check(server, arrival, parts, found)?;
    let response = handshake::accept(parts).map_err(|bad| Box::new(bad.response()))?;
    let owner = &found.route.owner;
    let place = server.sockets.take_place(owner).map_err(|none| no_place(server, found, none))?;
    let life = server.handle.life_of(owner).ok_or_else(|| Box::new(failed(found, CallError::NoSuchProcess)))?;
    // The process can write to it as soon as it knows of it, so it is listed before.
    let listed = server.sockets.add(life, far);
    let channel_id = listed.socket().id;
    let opened = HttpServerRequest::WebSocketOpen { path: path_of(parts, found), channel_id };
    let told = server.handle.tell(owner, Content::body(json(&opened)), None, SendAs::Module).await;
    told.map_err(|error| Box::new(failed(found, error)))?;
    let task = Task {
        listed,
        place,
        handle: server.handle.clone(),
        meter: Meter::new(server.buffered.processes.clone()),
        waits: Waits::of(&server.settings),
        stop: server.sockets.stop.clone(),
        message_bytes_max: server.settings.socket_message_bytes_max.min(server.handle.kernel().limits().blob_bytes_max),
    };
    let answer_wait = server.settings.header_wait;
    let abort = server.sockets.abort.clone();
    server.sockets.tasks.spawn(abort.run_until_cancelled_owned(async move {
        let upgraded = timeout(answer_wait, on_upgrade).await.ok().and_then(Result::ok);
        task.run(upgraded).await;
    }));
    Ok(response)
}

/// Who may open a socket here.
fn check(server: &Server, arrival: &Arrival, parts: &Parts, found: &Match<'_>) -> Result<Far, Refused> {
    admit(&server.gate, arrival, parts, &found.route)?;
    match found.route.binding.serves {
        Serves::Extension => match check_local_tool(arrival.peer.ip(), parts) {
            Ok(()) => Ok(Far::Extension),
            Err(reason) => {
                let error = format!("only programs on the node's machine may connect here: {reason}");
                Err(refused(StatusCode::FORBIDDEN, error))
            }
        },
        Serves::Process | Serves::Stream | Serves::Cached(_) => Ok(Far::Client),
        Serves::Nothing => Err(refused(StatusCode::NOT_FOUND, "no process takes WebSockets at this path any more")),
    }
}

fn no_place(server: &Server, found: &Match<'_>, none: NoPlace) -> Refused {
    let status = match none {
        NoPlace::Process(_) => {
            server.handle.kernel().hit(found.route.owner.process(), Limit::ProcessSockets);
            StatusCode::TOO_MANY_REQUESTS
        }
        NoPlace::Node => StatusCode::SERVICE_UNAVAILABLE,
    };
    Box::new(try_later(status, none))
}

/// The path below the process, with a slash before it and none after it.
fn path_of(parts: &Parts, found: &Match<'_>) -> String {
    let path = parts.uri.path();
    let path = path.strip_suffix('/').unwrap_or(path);
    let owner = found.route.owner.process().to_string();
    let below = path.strip_prefix('/').and_then(|path| path.strip_prefix(&owner)).unwrap_or(path);
    if below.is_empty() { "/".to_owned() } else { below.to_owned() }
}
