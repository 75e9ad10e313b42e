//! Messages to the node, over its HTTP endpoint.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::blocking::Client as Http;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::rpc::{RPC_PATH, RpcMessage, RpcReply};
use wharf_types::{Failure, ProcessId};

/// How long a measurement may take.
const WAIT_S: u64 = 300;

/// A node's endpoint.
pub(crate) struct Rpc {
    http: Http,
    url: String,
    token: String,
}

impl Rpc {
    /// The endpoint at `url`, opened by `token`.
    pub(crate) fn new(url: &str, token: String) -> Result<Self> {
        let http = Http::builder().no_proxy().timeout(Duration::from_secs(WAIT_S + 10)).build()?;
        Ok(Self { http, url: format!("{url}{RPC_PATH}"), token })
    }

    /// Asks a process that speaks JSON. The reason of a failure, if the answer has one, comes beside it.
    pub(crate) fn ask<A: DeserializeOwned>(
        &self,
        process: &ProcessId,
        request: &impl Serialize,
        blob: Option<&[u8]>,
    ) -> Result<(A, Option<Failure>)> {
        let message = RpcMessage {
            node: None,
            process: process.clone(),
            inherit: None,
            expects_response: Some(WAIT_S),
            body: Some(serde_json::to_string(request)?),
            metadata: None,
            context: None,
            mime: None,
            data: blob.map(|bytes| BASE64.encode(bytes)),
        };
        let answer = self.http.post(&self.url).bearer_auth(&self.token).json(&message).send();
        let answer = answer.with_context(|| format!("asking {process}"))?;
        let status = answer.status();
        if !status.is_success() {
            bail!("asking {process}: {status}: {}", answer.text().unwrap_or_default());
        }
        let reply: RpcReply = answer.json().with_context(|| format!("reading what {process} answered"))?;
        let body = serde_json::from_slice(&reply.body).with_context(|| {
            format!("understanding what {process} answered: {}", String::from_utf8_lossy(&reply.body))
        })?;
        Ok((body, Failure::from_metadata(reply.metadata.as_deref())))
    }
}
