//! What answers in place of another process.

use wharf_types::{Capability, LazyLoadBlob, ProcessId};

use super::sent::Sent;
use super::station::Prompt;
use crate::convert;
use crate::host as wit;
use crate::response::Response;

/// A request to a stand-in.
pub(super) struct Asked {
    pub(super) now_ms: u64,
    /// What the asker holds.
    pub(super) holds: Vec<Capability>,
    pub(super) request: Sent,
}

/// What comes of a request, or of the time having come.
pub(super) enum Out {
    Answer { prompt: Prompt, response: wit::Response, blob: Option<wit::LazyLoadBlob> },
    Request { to: ProcessId, body: Vec<u8>, metadata: Option<String> },
    Grant { to: ProcessId, capability: Capability },
}

impl Asked {
    /// An answer of JSON, with bytes beside it; nothing when nobody wants one.
    pub(super) fn answer<T: serde::Serialize>(&self, body: &T, bytes: Option<Vec<u8>>) -> Vec<Out> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let response = Response::new().body(body);
        self.respond(match bytes {
            Some(bytes) => response.blob(LazyLoadBlob { mime: None, bytes }),
            None => response,
        })
    }

    pub(super) fn respond(&self, response: Response) -> Vec<Out> {
        let Some(prompt) = self.request.answer_to.clone() else { return Vec::new() };
        let (response, blob) = response.into_parts();
        vec![Out::Answer { prompt, response, blob }]
    }

    /// The bytes beside it.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.request.blob.as_ref().map(|blob| blob.bytes.as_slice())
    }

    /// Whether the asker holds a capability of this module.
    pub(super) fn may(&self, params: &serde_json::Value) -> bool {
        let Ok(issuer) = self.request.target.parse() else { return false };
        super::station::includes(&self.holds, &Capability::new(issuer, params.to_string()))
    }
}

/// Something that answers requests.
pub(super) trait Module: Send {
    /// Handles a request.
    fn handle(&mut self, asked: &Asked) -> Vec<Out>;

    /// When something happens by itself, in milliseconds since 1970.
    fn due_ms(&self) -> Option<u64> {
        None
    }

    /// What happens by itself until then.
    fn fire(&mut self, _now_ms: u64) -> Vec<Out> {
        Vec::new()
    }
}

/// One that a test wrote.
pub(super) struct Written<F>(pub(super) F);

impl<F: FnMut(&Sent) -> Option<Response> + Send> Module for Written<F> {
    fn handle(&mut self, asked: &Asked) -> Vec<Out> {
        // What it answers must not look like another process's: the blob of the request is what `inherit` means.
        match (self.0)(&asked.request) {
            Some(response) if response.inherits() => {
                let blob = asked.request.blob.clone();
                let prompt = asked.request.answer_to.clone();
                let (response, _) = response.into_parts();
                let answer = |prompt| Out::Answer { prompt, response, blob: blob.map(convert::blob_to_wit) };
                prompt.map(answer).into_iter().collect()
            }
            Some(response) => asked.respond(response),
            None => Vec::new(),
        }
    }
}
