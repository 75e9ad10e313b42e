//! Speaking with the daemon: one HTTP POST a message.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use reqwest::blocking::{Client as Http, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_home::Home;
use wharf_types::kernel::{EndedProcess, KernelCommand, KernelResponse, ProcessInfo};
use wharf_types::login::{LOGIN_CONTROL_PATH, LoginCommand, LoginReply};
use wharf_types::rpc::{RPC_PATH, RpcMessage, RpcRefusal, RpcRefusalKind, RpcReply};
use wharf_types::{Failure, ProcessId};

use crate::errors::{CliError, CliResult};
use crate::names::{self, ProcessName};

/// How long the node itself may take to answer about itself.
pub(crate) const QUICK_S: u64 = 15;

/// Longest that the node lets a caller wait.
pub(crate) const WAIT_S_MAX: u64 = 900;

/// The daemon ends a request at the time it was given; this is for the way there and back.
const SLACK_S: u64 = 10;

/// Longest answer that is read: a blob of 64 MiB, in base64, as an array of numbers, fits.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// The daemon of one home.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http,
    home: PathBuf,
    url: String,
    token: String,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RpcError {
    /// The daemon left no URL, or no token.
    #[error("there is no running node in {}: cannot read {}: {why}", .home.display(), .file.display())]
    NotRunning {
        /// The home.
        home: PathBuf,
        /// What it should have left.
        file: PathBuf,
        /// Why it cannot be read.
        why: std::io::Error,
    },
    /// Nothing answers at the URL.
    #[error("cannot reach the node at {url}: {why}")]
    Unreachable {
        /// The home.
        home: PathBuf,
        /// The URL that was tried.
        url: String,
        /// What happened.
        why: String,
    },
    /// The node said no.
    #[error("{error}")]
    Refused {
        /// What kind of no.
        kind: RpcRefusalKind,
        /// The reason, for people.
        error: String,
        /// Who the message was for.
        target: ProcessId,
    },
    /// What came back makes no sense to this version of the tool.
    #[error("cannot understand what {from} answered: {why}")]
    Unreadable {
        /// Who answered.
        from: String,
        /// What is wrong with it.
        why: String,
    },
}

impl From<RpcError> for CliError {
    fn from(error: RpcError) -> Self {
        match &error {
            RpcError::NotRunning { home, .. } | RpcError::Unreachable { home, .. } => {
                Self::unreachable(&error).hint(format_args!(
                    "start it with `wharfd --home {0}`; if it runs with another home, name that with `--home`",
                    home.display()
                ))
            }
            RpcError::Refused { kind, target, .. } => match refusal_hint(*kind, target) {
                Some(hint) => Self::refused(&error).hint(hint),
                None => Self::refused(&error),
            },
            RpcError::Unreadable { .. } => Self::refused(&error)
                .hint("`wharf` and `wharfd` may be of different versions: compare `--version` of both"),
        }
    }
}

fn refusal_hint(kind: RpcRefusalKind, target: &ProcessId) -> Option<String> {
    match kind {
        RpcRefusalKind::Unauthorized => Some(
            "the token in this home is not the one of the node that answered; make sure that one node runs with this home, \
             and restart it if need be"
                .to_owned(),
        ),
        RpcRefusalKind::Forbidden => Some("the node takes commands only from the machine that it runs on".to_owned()),
        RpcRefusalKind::NoSuchProcess => Some("`wharf ps` lists all processes".to_owned()),
        RpcRefusalKind::MailboxFull => Some(format!("`{target}` is behind with its work; try again, or look at `wharf ps`")),
        RpcRefusalKind::Timeout => {
            Some(format!("see what it does with `wharf logs {target}`, or wait longer, where there is `--timeout`"))
        }
        RpcRefusalKind::Offline => Some("try again when the other node is up".to_owned()),
        RpcRefusalKind::Malformed
        | RpcRefusalKind::MethodNotAllowed
        | RpcRefusalKind::TooLarge
        | RpcRefusalKind::UnsupportedMediaType => None,
    }
}

fn login_hint(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::NOT_FOUND => Some("`wharf sessions` lists those that there are"),
        StatusCode::UNAUTHORIZED => Some(
            "the token in this home is not the one of the node that answered; make sure that one node runs with this home, \
             and restart it if need be",
        ),
        StatusCode::SERVICE_UNAVAILABLE => Some("try again; `wharf logs` may have more"),
        _ => None,
    }
}

/// An answer of one of the system's own processes.
pub(crate) struct Answer<T> {
    /// The body.
    pub(crate) body: T,
    /// Why it is not what was wanted, where the body has no room for a reason.
    pub(crate) failure: Option<Failure>,
}

impl Client {
    /// Finds the daemon of `home`.
    pub(crate) fn of(home: &Home) -> CliResult<Self> {
        let read = |file: PathBuf| {
            fs::read_to_string(&file).map(|text| text.trim().to_owned()).map_err(|why| RpcError::NotRunning {
                home: home.root().to_owned(),
                file,
                why,
            })
        };
        let url = read(home.http_url())?.trim_end_matches('/').to_owned();
        let token = read(home.token())?;
        // The token is for this node alone: no proxy and no redirect may see it.
        let http = Http::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let http =
            http.map_err(|error| CliError::unreachable(format_args!("cannot set up HTTP: {}", causes(&error))))?;
        Ok(Self { http, home: home.root().to_owned(), url, token })
    }

    /// Where the daemon listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a message. `None` when no response was asked for.
    pub(crate) fn send(&self, message: &RpcMessage) -> Result<Option<RpcReply>, RpcError> {
        let wait_s = message.expects_response.unwrap_or(QUICK_S).saturating_add(SLACK_S);
        let answer = (self.http.post(format!("{}{RPC_PATH}", self.url)))
            .bearer_auth(&self.token)
            .timeout(Duration::from_secs(wait_s))
            .json(message)
            .send()
            .map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = self.read(answer)?;
        if status != StatusCode::OK {
            return Err(refusal(status, &body, &message.process));
        }
        if message.expects_response.is_none() {
            return Ok(None);
        }
        let unreadable =
            |why: serde_json::Error| RpcError::Unreadable { from: "the node".to_owned(), why: why.to_string() };
        serde_json::from_slice(&body).map(Some).map_err(unreadable)
    }

    /// Asks one of the system's own processes, which speak JSON.
    pub(crate) fn ask<Req: Serialize, Res: DeserializeOwned>(
        &self,
        process: &ProcessId,
        request: &Req,
        blob: Option<&[u8]>,
        wait_s: u64,
    ) -> Result<Answer<Res>, RpcError> {
        self.ask_for_bytes(process, request, blob, wait_s).map(|(answer, _)| answer)
    }

    /// The same, for an answer that has bytes beside it.
    pub(crate) fn ask_for_bytes<Req: Serialize, Res: DeserializeOwned>(
        &self,
        process: &ProcessId,
        request: &Req,
        blob: Option<&[u8]>,
        wait_s: u64,
    ) -> Result<(Answer<Res>, Option<Vec<u8>>), RpcError> {
        let unreadable = |why: String| RpcError::Unreadable { from: format!("`{process}`"), why };
        let body = serde_json::to_string(request).map_err(|error| unreadable(error.to_string()))?;
        let message = RpcMessage {
            expects_response: Some(wait_s),
            body: Some(body),
            mime: blob.map(|_| "application/octet-stream".to_owned()),
            data: blob.map(|bytes| BASE64.encode(bytes)),
            ..to(process.clone())
        };
        let reply = self.send(&message)?.ok_or_else(|| unreadable("nothing came back".to_owned()))?;
        let failure = Failure::from_metadata(reply.metadata.as_deref());
        match serde_json::from_slice(&reply.body) {
            Ok(body) => Ok((Answer { body, failure }, blob_bytes(&reply)?)),
            Err(error) => Err(unreadable(error.to_string())),
        }
    }

    /// Asks the kernel.
    pub(crate) fn kernel(&self, command: &KernelCommand) -> CliResult<KernelResponse> {
        let answer = self.ask(&ProcessId::system("kernel"), command, None, QUICK_S)?;
        match answer.body {
            KernelResponse::Err(reason) => Err(CliError::refused(format_args!("the kernel refused: {reason}"))),
            other => Ok(other),
        }
    }

    /// Asks about passwords and sessions.
    pub(crate) fn login(&self, command: &LoginCommand) -> CliResult<LoginReply> {
        let answer = (self.http.post(format!("{}{LOGIN_CONTROL_PATH}", self.url)))
            .bearer_auth(&self.token)
            .timeout(Duration::from_secs(QUICK_S + SLACK_S))
            .json(command)
            .send()
            .map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = self.read(answer)?;
        let unreadable = |why: String| RpcError::Unreadable { from: "the node".to_owned(), why };
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()).into());
        }
        match serde_json::from_slice::<Failure>(&body) {
            Ok(failure) => {
                let refused = CliError::refused(failure.error);
                Err(match login_hint(status) {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                })
            }
            Err(_) => Err(unreadable(format!("HTTP status {status} without a reason")).into()),
        }
    }

    /// Every process of the node.
    pub(crate) fn processes(&self) -> CliResult<Vec<ProcessInfo>> {
        match self.kernel(&KernelCommand::Processes)? {
            KernelResponse::Processes(processes) => Ok(processes),
            other => Err(unexpected("the kernel", &other)),
        }
    }

    /// The processes that are gone, the oldest first.
    pub(crate) fn ended(&self) -> CliResult<Vec<EndedProcess>> {
        match self.kernel(&KernelCommand::Ended)? {
            KernelResponse::Ended(ended) => Ok(ended),
            other => Err(unexpected("the kernel", &other)),
        }
    }

    /// The process that `name` means.
    pub(crate) fn resolve(&self, name: &ProcessName) -> CliResult<ProcessId> {
        Ok(names::resolve(name, &self.processes()?)?)
    }

    fn read(&self, answer: Response) -> Result<Vec<u8>, RpcError> {
        let mut body = Vec::new();
        let read = answer.take(ANSWER_BYTES_MAX).read_to_end(&mut body);
        read.map_err(|error| RpcError::Unreachable {
            home: self.home.clone(),
            url: self.url.clone(),
            why: format!("the connection broke off: {}", causes(&error)),
        })?;
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> RpcError {
        let why = if error.is_timeout() { "it took too long".to_owned() } else { causes(error) };
        RpcError::Unreachable { home: self.home.clone(), url: self.url.clone(), why }
    }
}

/// An empty message to a process of the daemon's node.
pub(crate) fn to(process: ProcessId) -> RpcMessage {
    RpcMessage {
        node: None,
        process,
        inherit: None,
        expects_response: None,
        body: None,
        metadata: None,
        context: None,
        mime: None,
        data: None,
    }
}

/// The bytes of a reply's blob, which travel as the ASCII codes of base64.
pub(crate) fn blob_bytes(reply: &RpcReply) -> Result<Option<Vec<u8>>, RpcError> {
    let unreadable =
        |error: base64::DecodeError| RpcError::Unreadable { from: "the node".to_owned(), why: error.to_string() };
    reply.lazy_load_blob.as_ref().map(|blob| BASE64.decode(&blob.bytes).map_err(unreadable)).transpose()
}

/// The error for an answer that is well formed, but not the one to what was asked.
pub(crate) fn unexpected(from: &str, answer: &impl std::fmt::Debug) -> CliError {
    RpcError::Unreadable { from: from.to_owned(), why: format!("{answer:?} is no answer to what was asked") }.into()
}

fn refusal(status: StatusCode, body: &[u8], target: &ProcessId) -> RpcError {
    match serde_json::from_slice::<RpcRefusal>(body) {
        Ok(RpcRefusal { kind, error }) => RpcError::Refused { kind, error, target: target.clone() },
        Err(_) => {
            RpcError::Unreadable { from: "the node".to_owned(), why: format!("HTTP status {status} without a reason") }
        }
    }
}

/// The innermost cause: the outer ones only say that a request was tried.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
