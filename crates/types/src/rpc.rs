//! The HTTP endpoint that tools send messages through: `POST /rpc:distro:sys/message`.
//!
//! Wharf wants the node's control token (`Authorization: Bearer …`), a loopback `Host`, no `Origin`, and
//! `Content-Type: application/json`. A node that runs with `--kit-compat` does without the token.

use serde::{Deserialize, Serialize};

use crate::id::ProcessId;
use crate::message::LazyLoadBlob;

/// Path of the endpoint.
pub const RPC_PATH: &str = "/rpc:distro:sys/message";

/// A message to send.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RpcMessage {
    /// Target node; `None` for this one.
    #[serde(default)]
    pub node: Option<String>,
    /// Target process.
    pub process: ProcessId,
    /// Read and ignored, as the reference does.
    #[serde(default)]
    pub inherit: Option<bool>,
    /// Seconds to wait for a response; `None` to send and forget.
    #[serde(default)]
    pub expects_response: Option<u64>,
    /// Body, as text.
    #[serde(default)]
    pub body: Option<String>,
    /// Metadata.
    #[serde(default)]
    pub metadata: Option<String>,
    /// Read and ignored, as the reference does.
    #[serde(default)]
    pub context: Option<String>,
    /// Media type of `data`.
    #[serde(default)]
    pub mime: Option<String>,
    /// The blob in standard base64.
    #[serde(default)]
    pub data: Option<String>,
}

/// What came back, with status 200.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RpcReply {
    /// Body of the response.
    pub body: Vec<u8>,
    /// Its blob. `bytes` are the ASCII codes of the blob's base64 text: tools rely on it.
    pub lazy_load_blob: Option<LazyLoadBlob>,
    /// Metadata of the response. Wharf's own field; a [`crate::Failure`] may be in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

/// What came back with any other status. Wharf's own: the reference answers with an empty body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpcRefusal {
    /// What kind of refusal; stable, for programs.
    pub kind: RpcRefusalKind,
    /// The same for people.
    pub error: String,
}

/// Kinds of refusal, with the HTTP status they come with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RpcRefusalKind {
    /// 400: not JSON of an [`RpcMessage`], or bad base64.
    Malformed,
    /// 401: no control token, or a wrong one.
    Unauthorized,
    /// 403: from a web page, another host name, or another machine.
    Forbidden,
    /// 404: no such process.
    NoSuchProcess,
    /// 405: not POST.
    MethodNotAllowed,
    /// 413: over the limit for bodies or blobs.
    TooLarge,
    /// 415: not `application/json`.
    UnsupportedMediaType,
    /// 502: the node cannot be reached.
    Offline,
    /// 503: the mailbox of the target is full.
    MailboxFull,
    /// 408: no response in time.
    Timeout,
}
