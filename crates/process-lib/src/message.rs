//! What a process receives.

use serde::de::DeserializeOwned;
use wharf_types::{Address, Capability, LazyLoadBlob, ProcessId};

use crate::convert;
use crate::error::SendError;
use crate::host as wit;
use crate::process;

/// A message to this process.
///
/// ```
/// use wharf_process_lib::{Message, ProcessId};
///
/// fn describe(message: &Message) -> String {
///     match message {
///         Message::Request { expects_response: Some(seconds), .. } => format!("{} waits {seconds} s", message.source()),
///         Message::Request { .. } if message.is_from(&ProcessId::system("http-server")) => "the web".to_owned(),
///         Message::Request { body, .. } => format!("{} bytes", body.len()),
///         Message::Response { context, .. } => format!("the answer to {context:?}"),
///     }
/// }
/// ```
#[derive(Clone, Debug)]
pub enum Message {
    /// Someone wants something. Answer with [`crate::Response`].
    Request {
        /// Who sent it.
        source: Address,
        /// Seconds the sender waits; `None` when it does not.
        expects_response: Option<u64>,
        /// Opaque bytes, usually JSON.
        body: Vec<u8>,
        /// Free text.
        metadata: Option<String>,
        /// What the sender shows it may do.
        capabilities: Vec<Capability>,
    },
    /// The answer to a request of ours.
    Response {
        /// Who answered.
        source: Address,
        /// Opaque bytes, usually JSON.
        body: Vec<u8>,
        /// Free text.
        metadata: Option<String>,
        /// What was given with [`crate::Request::context`].
        context: Option<Vec<u8>>,
        /// What the sender shows it may do.
        capabilities: Vec<Capability>,
    },
}

impl Message {
    /// Who sent it.
    pub fn source(&self) -> &Address {
        match self {
            Self::Request { source, .. } | Self::Response { source, .. } => source,
        }
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request { body, .. } | Self::Response { body, .. } => body,
        }
    }

    /// The body read as JSON.
    ///
    /// ```no_run
    /// #[derive(serde::Deserialize)]
    /// struct Greeting { name: String }
    ///
    /// let message = wharf_process_lib::await_message()?;
    /// match message.json::<Greeting>() {
    ///     Ok(greeting) => wharf_process_lib::println!("hello {}", greeting.name),
    ///     Err(error) => wharf_process_lib::println!("not a greeting: {error}"),
    /// }
    /// # Ok::<(), wharf_process_lib::SendError>(())
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(self.body())
    }

    /// The metadata.
    pub fn metadata(&self) -> Option<&str> {
        match self {
            Self::Request { metadata, .. } | Self::Response { metadata, .. } => metadata.as_deref(),
        }
    }

    /// The context that was given with the request this answers; `None` for a request.
    pub fn context(&self) -> Option<&[u8]> {
        match self {
            Self::Request { .. } => None,
            Self::Response { context, .. } => context.as_deref(),
        }
    }

    /// The attached capabilities.
    pub fn capabilities(&self) -> &[Capability] {
        match self {
            Self::Request { capabilities, .. } | Self::Response { capabilities, .. } => capabilities,
        }
    }

    /// The blob beside the message, copied in from the node.
    ///
    /// The node keeps the blob of the message received last, so take it before waiting for anything else.
    pub fn blob(&self) -> Option<LazyLoadBlob> {
        wit::get_blob().map(convert::blob_from_wit)
    }

    /// Whether there is a blob beside the message, without copying it in.
    pub fn has_blob(&self) -> bool {
        wit::has_blob()
    }

    /// Whether the sender is on this node.
    pub fn is_local(&self) -> bool {
        process::with_our(|our| our.node == self.source().node().as_str())
    }

    /// Whether `process` of this node sent it. Compares the whole id: a name alone proves nothing.
    pub fn is_from(&self, process: &ProcessId) -> bool {
        self.source().process() == process && self.is_local()
    }
}

/// Waits for the next message, or for the next request of ours that failed.
///
/// ```
/// use wharf_process_lib::{await_message, println};
///
/// fn init(_our: wharf_process_lib::Address) {
///     loop {
///         match await_message() {
///             Ok(message) => println!("{} says something", message.source()),
///             Err(error) => println!("{error}"),
///         }
///     }
/// }
/// ```
pub fn await_message() -> Result<Message, SendError> {
    loop {
        match wit::receive() {
            Ok((source, message)) => match convert::message_from_wit(&source, message) {
                Ok(message) => return Ok(message),
                Err(error) => crate::print(1, &format!("a message without a proper sender was dropped: {error}")),
            },
            Err((error, context)) => return Err(convert::send_error_from_wit(error, context)),
        }
    }
}
