//! Sending requests.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, Failure, LazyLoadBlob, ProcessId};

use crate::convert;
use crate::error::{CallError, Refused, SendError, SendErrorKind};
use crate::host as wit;
use crate::message::Message;

/// A request on its way to be sent.
///
/// ```no_run
/// use wharf_process_lib::{Address, Request};
///
/// fn ask(target: &Address) -> Result<(), Box<dyn std::error::Error>> {
///     let answer = Request::to(target).json(&"Get")?.send_and_await_response(5)?;
///     wharf_process_lib::println!("{}", String::from_utf8_lossy(answer.body()));
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    target: Arc<wit::Address>,
    request: wit::Request,
    context: Option<Vec<u8>>,
    blob: Option<wit::LazyLoadBlob>,
}

impl Request {
    /// An empty request.
    pub fn to(target: &Address) -> Self {
        Self::to_wit(convert::target_to_wit(target))
    }

    /// An empty request to a process of this node.
    pub fn to_local(target: &ProcessId) -> Self {
        Self::to_wit(Arc::new(convert::local_to_wit(target)))
    }

    /// An empty request to a module of this node, for example `vfs` for `vfs:distro:sys`.
    pub fn to_module(name: &'static str) -> Self {
        Self::to_wit(convert::module_to_wit(name))
    }

    fn to_wit(target: Arc<wit::Address>) -> Self {
        let request = wit::Request {
            inherit: false,
            expects_response: None,
            body: Vec::new(),
            metadata: None,
            capabilities: Vec::new(),
        };
        Self { target, request, context: None, blob: None }
    }

    /// The body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = body.into();
        self
    }

    /// A body of JSON.
    pub fn json<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, serde_json::Error> {
        Ok(self.body(serde_json::to_vec(body)?))
    }

    /// Free text; modules echo it.
    pub fn metadata(mut self, metadata: impl Into<String>) -> Self {
        self.request.metadata = Some(metadata.into());
        self
    }

    /// Bytes beside the message.
    pub fn blob(mut self, blob: LazyLoadBlob) -> Self {
        self.blob = Some(convert::blob_to_wit(blob));
        self
    }

    /// Bytes that come back with the response or the error.
    pub fn context(mut self, context: impl Into<Vec<u8>>) -> Self {
        self.context = Some(context.into());
        self
    }

    /// Passes on what the message being handled brought: its id, its blob if none is given here, and, when no response
    /// is expected, the address its response goes to.
    pub fn inherit(mut self) -> Self {
        self.request.inherit = true;
        self
    }

    /// Shows capabilities to the receiver. Those this process neither issued nor holds are left out by the node.
    pub fn capabilities(mut self, capabilities: &[Capability]) -> Self {
        self.request.capabilities = convert::caps_to_wit(capabilities);
        self
    }

    /// Asks for a response within this many seconds. It comes to [`crate::await_message`].
    pub fn expects_response(mut self, timeout_s: u64) -> Self {
        self.request.expects_response = Some(timeout_s);
        self
    }

    /// Sends it, waits for the response and reads it as JSON: for what a [`Service`](crate::service::Service) answers.
    ///
    /// ```
    /// use wharf_process_lib::{Address, CallError, Refused, Request};
    ///
    /// fn total(till: &Address) -> Result<u64, CallError<Refused>> {
    ///     Request::to(till).body(r#""Total""#).ask(5)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When no response comes within `timeout_s` seconds, when the process refuses, and when the response is not an `R`.
    pub fn ask<R: DeserializeOwned>(self, timeout_s: u64) -> Result<R, CallError<Refused>> {
        self.answered(timeout_s).map(|(value, _)| value)
    }

    /// [`Request::ask`], with what comes beside the response.
    ///
    /// # Errors
    ///
    /// As those of [`Request::ask`].
    pub fn ask_with_blob<R: DeserializeOwned>(
        self,
        timeout_s: u64,
    ) -> Result<(R, Option<LazyLoadBlob>), CallError<Refused>> {
        self.answered(timeout_s).map(|(value, answer)| (value, answer.blob()))
    }

    fn answered<R: DeserializeOwned>(self, timeout_s: u64) -> Result<(R, Message), CallError<Refused>> {
        let tried = format!("ask {}", convert::address_text(&self.target));
        let answer = match self.send_and_await_response(timeout_s) {
            Ok(answer) => answer,
            Err(source) => return Err(CallError::Send { tried, source }),
        };
        // Metadata alone is no refusal: there are those who send back what they were sent.
        let failure = Failure::from_metadata(answer.metadata()).filter(|_| answer.body().is_empty());
        if let Some(Failure { error: reason }) = failure {
            return Err(CallError::Refused { tried, source: Refused { reason } });
        }
        match answer.json() {
            Ok(value) => Ok((value, answer)),
            Err(error) => Err(CallError::Malformed { tried, error: format!("the answer is not understood: {error}") }),
        }
    }

    /// What it is made of: for those who send it in another way.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn into_parts(self) -> (Arc<wit::Address>, wit::Request, Option<Vec<u8>>, Option<wit::LazyLoadBlob>) {
        (self.target, self.request, self.context, self.blob)
    }

    /// Sends it. When it fails and a response is expected, [`crate::await_message`] says so.
    pub fn send(self) {
        wit::send_request(&self.target, &self.request, self.context.as_deref(), self.blob.as_ref());
    }

    /// Sends it and waits for the response; other messages wait meanwhile.
    ///
    /// A process cannot wait for itself: the node ends it.
    pub fn send_and_await_response(mut self, timeout_s: u64) -> Result<Message, SendError> {
        self.request.expects_response = Some(timeout_s);
        match wit::send_and_await_response(&self.target, &self.request, self.blob.as_ref()) {
            Ok((source, message)) => convert::message_from_wit(&source, message).map_err(|_| SendError {
                kind: SendErrorKind::Unreadable,
                target: convert::address_text(&self.target),
                body: self.request.body,
                context: self.context,
            }),
            Err(error) => Err(convert::send_error_from_wit(error, self.context)),
        }
    }
}
