//! A request for a process, there and back.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use wharf_kernel::envelope::{Blob, Content, Envelope, MessageId};
use wharf_kernel::{CallError, Limit, SendAs};

use crate::auth::{Arrival, admit};
use crate::body::{self, AnswerBody, counted};
use crate::content::compressed;
use crate::guest::{self, Answer};
use crate::refusal::{refuse, show_id, try_later};
use crate::routes::{Match, Serves};
use crate::serve::{Connection, Server};
use crate::socket::{self, Upgraded};
use crate::stream::Pieces;

/// Answers a request for a path that some process may have bound.
pub(crate) async fn answer(
    server: &Server,
    connection: &Connection,
    arrival: &Arrival,
    mut request: Request<Incoming>,
) -> Response<AnswerBody> {
    if let Upgraded::Answered(response) = socket::upgrade(server, arrival, &mut request).await {
        return response;
    }
    let (parts, body) = request.into_parts();
    let Some(found) = server.routes.find(parts.uri.path()) else { return unbound() };
    if let Err(response) = admit(&server.gate, arrival, &parts, &found.route) {
        return *response;
    }
    match &found.route.binding.serves {
        Serves::Nothing | Serves::Extension => unbound(),
        Serves::Cached(cached) if matches!(parts.method, Method::GET | Method::HEAD) => {
            if !server.handle.kernel().is_alive(found.route.owner.process()) {
                return gone(server, &found);
            }
            cached.response(&parts.method, &parts.headers)
        }
        Serves::Cached(_) | Serves::Process => ask(server, arrival, &parts, &found, body).await,
        Serves::Stream => ask_in_pieces(server, connection, arrival, (&parts, &found), body).await,
    }
}

fn unbound() -> Response<AnswerBody> {
    refuse(StatusCode::NOT_FOUND, "no process has bound this path")
}

/// The process that bound the path is gone, and with it what it bound.
fn gone(server: &Server, found: &Match<'_>) -> Response<AnswerBody> {
    let kernel = server.handle.kernel();
    server.routes.prune(found.route.owner.process(), |id| kernel.is_alive(id));
    unbound()
}

async fn ask(
    server: &Server,
    arrival: &Arrival,
    parts: &Parts,
    found: &Match<'_>,
    body: Incoming,
) -> Response<AnswerBody> {
    let body_bytes_max = server.settings.body_bytes_max.min(server.handle.kernel().limits().blob_bytes_max);
    let (bytes, held) =
        match body::read(body, body_bytes_max, server.settings.body_wait, &server.buffered.processes).await {
            Ok(body) => body,
            Err(error) => return refuse(error.status(), error),
        };
    // Taken only now: a client that is slow to send its body takes up no place.
    let Ok(place) = Arc::clone(&found.route.places).try_acquire_owned() else { return too_many(server, found) };
    let client = (arrival.client, arrival.scheme);
    let Ok(message) = guest::message(client, parts, found, &server.token, None) else { return unwritable() };
    let (target, wait) = (&found.route.owner, server.settings.answer_wait);
    // Processes count on a blob, empty or not.
    let blob = Some(Blob::new(None, bytes));
    let id = server.handle.new_request();
    let answer = server.handle.request_as(id, target, Content::body(message), blob, wait, SendAs::Module).await;
    drop((held, place));
    let response = match answer.map(read_answer) {
        Ok(Ok((answer, blob))) => {
            compressed(whole(server, answer, blob), &parts.method, &parts.headers, &server.compressor).await
        }
        Ok(Err(refused)) => *refused,
        Err(error) => unanswered(server, found, error),
    };
    for_owner(server, parts, id, response)
}

/// Asks a process that takes and gives bodies piece by piece.
async fn ask_in_pieces(
    server: &Server,
    connection: &Connection,
    arrival: &Arrival,
    (parts, found): (&Parts, &Match<'_>),
    body: Incoming,
) -> Response<AnswerBody> {
    let Ok(place) = Arc::clone(&found.route.places).try_acquire_owned() else { return too_many(server, found) };
    let (target, settings) = (&found.route.owner, &server.settings);
    let Some(life) = server.handle.life_of(target) else { return gone(server, found) };
    let listed = server.streams.list(life.clone(), body);
    let number = listed.stream().id;
    let client = (arrival.client, arrival.scheme);
    let message = guest::message(client, parts, found, &server.token, Some(number));
    let Ok(message) = message else { return unwritable() };
    let blob = Some(Blob::new(None, Vec::new()));
    let (id, wait) = (server.handle.new_request(), settings.stream_answer_wait);
    let answer = tokio::select! {
        // In this order: a process may answer and end.
        biased;
        answer = server.handle.request_as(id, target, Content::body(message), blob, wait, SendAs::Module) => answer,
        () = listed.stream().idle(settings.answer_wait.duration()) => Err(CallError::Timeout),
        () = life.ended() => {
            return refuse(StatusCode::BAD_GATEWAY, format!("`{}` ended before it answered", target.process()));
        }
    };
    let response = match answer.map(read_answer) {
        Ok(Ok((answer, _))) if answer.stream == Some(number) => {
            server.streams.guard(&listed, connection.0.clone());
            let pieces = Pieces::begin(listed, settings.answer_wait.duration(), place);
            with_body(answer, pieces.map_or(AnswerBody::Empty, |pieces| AnswerBody::Pieces(Box::new(pieces))))
        }
        Ok(Ok((answer, blob))) => whole(server, answer, blob),
        Ok(Err(refused)) => *refused,
        Err(error) => unanswered(server, found, error),
    };
    for_owner(server, parts, id, response)
}

fn unwritable() -> Response<AnswerBody> {
    refuse(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be written as a message")
}

fn unanswered(server: &Server, found: &Match<'_>, error: CallError) -> Response<AnswerBody> {
    match error {
        CallError::NoSuchProcess => gone(server, found),
        error => failed(found, error),
    }
}

/// Shows the owner's tools under which id to find the request in the log.
fn for_owner(
    server: &Server,
    parts: &Parts,
    id: MessageId,
    mut response: Response<AnswerBody>,
) -> Response<AnswerBody> {
    if server.token.is_in(&parts.headers) {
        show_id(&mut response, server.handle.kernel().public_id(id));
    }
    response
}

fn too_many(server: &Server, found: &Match<'_>) -> Response<AnswerBody> {
    let process = found.route.owner.process();
    server.handle.kernel().hit(process, Limit::ProcessRequests);
    let max = server.settings.process_requests_max;
    let error = format!("`{process}` has {max} requests to answer already, try again");
    try_later(StatusCode::TOO_MANY_REQUESTS, error)
}

/// Why the process was not reached.
pub(crate) fn failed(found: &Match<'_>, error: CallError) -> Response<AnswerBody> {
    let process = found.route.owner.process();
    let (status, reason) = match error {
        CallError::MailboxFull | CallError::TooManyOutstanding => {
            let error = format!("`{process}` is behind with its work, try again");
            return try_later(StatusCode::SERVICE_UNAVAILABLE, error);
        }
        CallError::NoSuchProcess => return unbound(),
        CallError::NotAllowed => (
            StatusCode::FORBIDDEN,
            format!(
                "`{process}` bound this path, but does not take messages from `http-server:distro:sys`: it must grant it \
                 the messaging capability, or be public"
            ),
        ),
        CallError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        CallError::Timeout => (StatusCode::GATEWAY_TIMEOUT, format!("`{process}` did not answer in time")),
        CallError::Offline => (StatusCode::BAD_GATEWAY, error.to_string()),
    };
    refuse(status, reason)
}

fn read_answer(envelope: Envelope) -> Result<(Answer, Option<Blob>), Box<Response<AnswerBody>>> {
    match Answer::read(&envelope.content.body) {
        Ok(answer) => Ok((answer, envelope.blob)),
        Err(error) => {
            let error = format!("`{}` did not answer with a status and headers: {error}", envelope.source().process());
            Err(Box::new(refuse(StatusCode::INTERNAL_SERVER_ERROR, error)))
        }
    }
}

fn whole(server: &Server, answer: Answer, blob: Option<Blob>) -> Response<AnswerBody> {
    // The HTTP library leaves the body out of answers to HEAD, but these two statuses have none at all.
    let has_body = !matches!(answer.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let Some(blob) = blob.filter(|_| has_body) else { return with_body(answer, AnswerBody::default()) };
    match counted(blob.bytes, &server.answers) {
        Some(bytes) => with_body(answer, AnswerBody::new(bytes)),
        None => {
            try_later(StatusCode::SERVICE_UNAVAILABLE, "clients have not taken their answers yet, try again".to_owned())
        }
    }
}

fn with_body(answer: Answer, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}
