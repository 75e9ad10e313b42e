//! Messages and errors as JSON that a test can compare.

use serde_json::{Value, json};
use wharf_process_lib::bindings::kinode::process::standard as wit;
use wharf_process_lib::{LazyLoadBlob, Message, SendError};

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn message(message: &Message) -> Value {
    let (kind, expects) = match message {
        Message::Request { expects_response, .. } => ("request", *expects_response),
        Message::Response { .. } => ("response", None),
    };
    json!({
        "kind": kind,
        "source": message.source().to_string(),
        "body": text(message.body()),
        "metadata": message.metadata(),
        "expects": expects,
        "context": message.context().map(text),
        "capabilities": message.capabilities(),
        "blob": blob(wit::get_blob().map(|blob| LazyLoadBlob { mime: blob.mime, bytes: blob.bytes })),
    })
}

pub(crate) fn error(error: &SendError) -> Value {
    json!({
        "kind": "error",
        "error": format!("{:?}", error.kind),
        "target": error.target,
        "body": text(&error.body),
        "context": error.context.as_deref().map(text),
    })
}

pub(crate) fn blob(blob: Option<LazyLoadBlob>) -> Value {
    blob.map_or(Value::Null, |blob| json!(text(&blob.bytes)))
}

/// What was not as it has to be.
pub(crate) fn ensure(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(format!("not so: {what}")) }
}
