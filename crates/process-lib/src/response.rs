//! Answering requests.

use serde::Serialize;
use wharf_types::{Capability, Failure, LazyLoadBlob};

use crate::convert;
use crate::host as wit;

/// An answer to the request received last that wants one.
///
/// ```no_run
/// use wharf_process_lib::Response;
///
/// fn answer(count: u64) -> Result<(), serde_json::Error> {
///     Response::new().json(&count)?.send();
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a response does nothing until it is sent"]
pub struct Response {
    response: wit::Response,
    blob: Option<wit::LazyLoadBlob>,
}

impl Default for Response {
    fn default() -> Self {
        Self::new()
    }
}

impl Response {
    /// An empty response.
    pub fn new() -> Self {
        let response = wit::Response { inherit: false, body: Vec::new(), metadata: None, capabilities: Vec::new() };
        Self { response, blob: None }
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.response.body = body.into();
        self
    }

    /// A body of JSON.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, serde_json::Error> {
        Ok(self.body(serde_json::to_vec(body)?))
    }

    /// Free text.
    pub fn metadata(mut self, metadata: impl Into<String>) -> Self {
        self.response.metadata = Some(metadata.into());
        self
    }

    /// Says in the metadata why something failed, for answers whose body has no room for it.
    pub fn failure(self, error: impl std::fmt::Display) -> Self {
        self.metadata(Failure::new(error).to_metadata())
    }

    /// Bytes beside the message.
    pub fn blob(mut self, blob: LazyLoadBlob) -> Self {
        self.blob = Some(convert::blob_to_wit(blob));
        self
    }

    /// Sends the blob received last, whatever blob is given here. The bytes stay in the node.
    pub fn inherit(mut self) -> Self {
        self.response.inherit = true;
        self
    }

    /// Shows capabilities to the receiver. Those this process neither issued nor holds are left out by the node.
    pub fn capabilities(mut self, capabilities: &[Capability]) -> Self {
        self.response.capabilities = convert::caps_to_wit(capabilities);
        self
    }

    /// What it is made of: for those who send it in another way.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_parts(self) -> (wit::Response, Option<wit::LazyLoadBlob>) {
        (self.response, self.blob)
    }

    /// Whether it sends the blob received last.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn inherits(&self) -> bool {
        self.response.inherit
    }

    /// Sends it.
    pub fn send(self) {
        wit::send_response(&self.response, self.blob.as_ref());
    }
}
