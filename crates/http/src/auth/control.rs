//! `POST /login:distro:sys`: what the command line asks about passwords and sessions. For the owner's tools alone, with
//! the control token also where other tools need none.

use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use wharf_types::ProcessId;
use wharf_types::login::{LoginCommand, LoginReply, SessionInfo};

use super::arrival::Arrival;
use super::form::{self, Written};
use super::gate::Gate;
use super::links::LinkFor;
use super::password::PasswordError;
use super::record::{RecordError, now_s};
use super::redirect::LocalPath;
use super::secret::NoRandomness;
use super::session::Session;
use crate::access::{NotOwner, check_owner};
use crate::body::{self, AnswerBody};
use crate::refusal::{json, refuse};
use crate::serve::Server;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("there is no session `{0}`")]
    NoSuchSession(String),
}

impl Failed {
    fn status(&self) -> StatusCode {
        match self {
            Self::Password(PasswordError::Short | PasswordError::Long) => StatusCode::BAD_REQUEST,
            Self::NoSuchSession(_) => StatusCode::NOT_FOUND,
            Self::Password(_) | Self::Record(_) | Self::NoRandomness(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Answers a command.
pub(crate) async fn answer(server: &Server, arrival: &Arrival, request: Request<Incoming>) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    match check_owner(arrival.peer.ip(), &parts, &server.token) {
        Ok(()) => {}
        Err(reason @ NotOwner::NotLocal(_)) => return refuse(StatusCode::FORBIDDEN, reason),
        Err(reason @ NotOwner::NoToken) => return refuse(StatusCode::UNAUTHORIZED, reason),
    }
    if parts.method != Method::POST {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only POST is understood here");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    if form::written(&parts.headers) != Some(Written::Json) {
        let error = "only `Content-Type: application/json` is understood here";
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, error);
    }
    let read = body::read(body, form::BYTES_MAX, server.settings.body_wait, &server.buffered.tools).await;
    let bytes = match read {
        Ok((bytes, _held)) => bytes,
        Err(error) => return refuse(error.status(), error),
    };
    let command = match serde_json::from_slice(&bytes) {
        Ok(command) => command,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, format_args!("the body is no command: {error}")),
    };
    match carry_out(&server.gate, command).await {
        Ok(reply) => json(StatusCode::OK, &reply),
        Err(error) => refuse(error.status(), error),
    }
}

async fn carry_out(gate: &Gate, command: LoginCommand) -> Result<LoginReply, Failed> {
    match command {
        LoginCommand::SetPassword { password } => {
            let hash = gate.hasher.hash(password).await?;
            let set = gate.records.change(move |record| {
                record.password = Some(hash.into());
                record.end_all()
            });
            let ended = set.await? as u64;
            tracing::info!(ended, "the password was set");
            Ok(LoginReply::PasswordSet { ended })
        }
        LoginCommand::Sessions => Ok(LoginReply::Sessions(
            gate.records.now().sessions(now_s()).iter().map(|session| shown(session)).collect(),
        )),
        LoginCommand::End { id } => {
            let named = gate.records.now().sessions(now_s()).into_iter().find(|session| session.id() == id);
            let digest = named.ok_or(Failed::NoSuchSession(id))?.digest;
            Ok(LoginReply::Ended { ended: gate.records.change(move |record| record.end(digest)).await? as u64 })
        }
        LoginCommand::EndAll => {
            Ok(LoginReply::Ended { ended: gate.records.change(super::record::Record::end_all).await? as u64 })
        }
        LoginCommand::Link { process } => link(gate, process.as_ref()),
    }
}

fn link(gate: &Gate, process: Option<&ProcessId>) -> Result<LoginReply, Failed> {
    let secret = gate.links.make(LinkFor::Login, gate.settings.link_wait(), Instant::now())?;
    let mut path = format!("/login?link={}", secret.text());
    if let Some(process) = process {
        let there = LocalPath::new(&format!("/{process}")).unwrap_or_else(LocalPath::root);
        path.push_str(&format!("&to={}&redirect={}", gate.process_label(process), there.in_query()));
    }
    Ok(LoginReply::Link { path, good_s: gate.settings.link_s_max })
}

fn shown(session: &Session) -> SessionInfo {
    let parent = session.parent.map(|digest| digest.hex().chars().take(session.id().len()).collect());
    SessionInfo {
        id: session.id(),
        subdomain: session.label.as_deref().map(str::to_owned),
        parent,
        created_s: session.created_s,
        expires_s: session.expires_s,
        from: session.from.clone(),
        agent: session.agent.clone(),
    }
}
