//! Messages from outside.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::blocking::RequestBuilder;
use serde_json::{Value, json};
use wharf_types::Failure;
use wharf_types::rpc::{RPC_PATH, RpcRefusal, RpcReply};

use crate::node::Node;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its body.
    pub body: Vec<u8>,
    /// Its blob.
    pub blob: Option<Vec<u8>>,
    /// Its metadata.
    pub metadata: Option<String>,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let reply: RpcReply = serde_json::from_slice(bytes).unwrap();
        let blob = reply.lazy_load_blob.map(|blob| BASE64_STANDARD.decode(blob.bytes).unwrap());
        Self { body: reply.body, blob, metadata: reply.metadata }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The blob as text.
    pub fn blob_text(&self) -> Option<String> {
        self.blob.clone().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    /// The reason of a failure, from the metadata.
    pub fn failure(&self) -> Option<String> {
        Failure::from_metadata(self.metadata.as_deref()).map(|failure| failure.error)
    }
}

impl Node {
    /// The control token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.home().token()).unwrap().trim().to_owned()
    }

    /// A request to the endpoint, with the token, to be changed and sent.
    pub fn rpc(&self, message: &Value) -> RequestBuilder {
        self.http().post(format!("{}{RPC_PATH}", self.url())).bearer_auth(self.token()).json(message)
    }

    /// Sends a message and waits for the response.
    pub fn send(&self, process: &str, body: &str, blob: Option<&[u8]>, wait_s: u64) -> Result<Reply, RpcRefusal> {
        let message = json!({
            "process": process,
            "expects_response": wait_s,
            "body": body,
            "mime": blob.map(|_| "application/octet-stream"),
            "data": blob.map(|bytes| BASE64_STANDARD.encode(bytes)),
        });
        let response = self.rpc(&message).send().unwrap();
        let status = response.status();
        let bytes = response.bytes().unwrap();
        if status.is_success() {
            Ok(Reply::read(&bytes))
        } else {
            Err(serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{status}: {error}: {bytes:?}")))
        }
    }

    /// Sends a message to a daemon that may be gone. Whether it was answered.
    pub fn try_send(&self, message: &Value) -> bool {
        let Ok(token) = std::fs::read_to_string(self.home().token()) else { return false };
        let request = self.http().post(format!("{}{RPC_PATH}", self.url())).bearer_auth(token.trim()).json(message);
        // The answer counts once all of it is here.
        request.send().is_ok_and(|response| response.status().is_success() && response.bytes().is_ok())
    }

    /// Sends a message that has to be answered.
    pub fn ask(&self, process: &str, body: &Value) -> Reply {
        let asked = body.to_string();
        self.send(process, &asked, None, 60)
            .unwrap_or_else(|refusal| panic!("{process} was asked {asked}: {refusal:?}"))
    }

    /// Sends a message that wants no response. It has been delivered when this returns.
    pub fn tell(&self, process: &str, body: &str) {
        let response = self.rpc(&json!({ "process": process, "body": body })).send().unwrap();
        assert!(response.status().is_success(), "{process} was not told: {}", response.text().unwrap());
    }
}
