//! `wharf send`: a message to a process, and its response.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wharf_types::rpc::{RpcMessage, RpcRefusalKind, RpcReply};
use wharf_types::{Failure, ProcessId};

use crate::args::Send;
use crate::client::{self, Client, RpcError};
use crate::errors::{CliError, CliResult};
use crate::names::{self, ProcessName};
use crate::output::{Format, Output, Reader, note};
use crate::text;

/// Sends the message and shows what comes back.
pub(crate) fn run(args: &Send, client: &Client, output: &mut Output) -> CliResult<()> {
    let message = message(args, client)?;
    let reply = match client.send(&message) {
        Ok(reply) => reply,
        Err(error) => return Err(explain(error, &message, client)),
    };
    let Some(reply) = reply else { return sent(&message, output) };
    let blob = client::blob_bytes(&reply)?;
    match output.format() {
        Format::Json => output.json(&reply)?,
        Format::Text => show(&reply, output)?,
    }
    // The body is out before anything is said about the rest: the two go to different streams.
    output.flush()?;
    let mime = reply.lazy_load_blob.as_ref().and_then(|blob| blob.mime.as_deref());
    keep_blob(blob.as_deref(), mime, args.blob_out.as_deref())
}

/// What there is to say when nothing comes back.
fn sent(message: &RpcMessage, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(&json!({ "node": message.node, "process": message.process })),
        Format::Text => Ok(()),
    }
}

fn message(args: &Send, client: &Client) -> CliResult<RpcMessage> {
    let process = match (&args.target.node, &args.target.process) {
        (_, ProcessName::Full(id)) => id.clone(),
        (_, name @ ProcessName::Short(_)) => client.resolve(name)?,
    };
    let blob = match &args.blob {
        Some(path) => Some(fs::read(path).map_err(|error| CliError::file("read the blob", path, &error))?),
        None => None,
    };
    Ok(RpcMessage {
        node: args.target.node.as_ref().map(ToString::to_string),
        expects_response: (!args.no_wait).then_some(args.timeout),
        body: Some(args.body.clone()),
        mime: args.mime.clone(),
        data: blob.map(|bytes| BASE64.encode(bytes)),
        ..client::to(process)
    })
}

/// Adds the nearest known process to "no such process" where it can be known.
fn explain(error: RpcError, message: &RpcMessage, client: &Client) -> CliError {
    if let RpcError::Refused { kind: RpcRefusalKind::NoSuchProcess, .. } = &error
        && message.node.is_none()
        && let Ok(processes) = client.processes()
    {
        let name = ProcessName::Full(ProcessId::clone(&message.process));
        return names::unknown(&name, &processes).into();
    }
    error.into()
}

fn show(reply: &RpcReply, output: &mut Output) -> CliResult<()> {
    if let Some(Failure { error }) = Failure::from_metadata(reply.metadata.as_deref()) {
        note(&format!("reason given: {}", text::clean_block(&error, "  ")));
    }
    let Ok(body) = str::from_utf8(&reply.body) else {
        if output.reader() == Reader::Program {
            return output.raw(&reply.body);
        }
        note(&format!(
            "the body is {} that are not text; send them to a file or a program to get them",
            text::bytes(reply.body.len())
        ));
        return Ok(());
    };
    match output.reader() {
        Reader::Terminal => output.line(&for_terminal(body)),
        Reader::Program if body.ends_with('\n') => output.raw(body.as_bytes()),
        Reader::Program => output.line(body),
    }
}

/// JSON is indented; anything else only made safe.
fn for_terminal(body: &str) -> String {
    let pretty = serde_json::from_str::<Value>(body).ok().and_then(|json| serde_json::to_string_pretty(&json).ok());
    text::clean_block(pretty.as_deref().unwrap_or(body), "")
}

fn keep_blob(blob: Option<&[u8]>, mime: Option<&str>, path: Option<&Path>) -> CliResult<()> {
    match (blob, path) {
        (None, None) => Ok(()),
        (None, Some(path)) => {
            Err(CliError::refused(format_args!("the response has no blob; {} was not written", path.display())))
        }
        (Some(bytes), None) => {
            let mime = text::clean_line(mime.unwrap_or("no media type"));
            note(&format!("blob: {}, {mime}; `--blob-out FILE` saves it", text::bytes(bytes.len())));
            Ok(())
        }
        (Some(bytes), Some(path)) => {
            fs::write(path, bytes).map_err(|error| CliError::file("save the blob to", path, &error))?;
            note(&format!("blob: {} saved to {}", text::bytes(bytes.len()), path.display()));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_other_text_is_made_safe() {
        assert_eq!(for_terminal(r#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}");
        assert_eq!(for_terminal("plain \u{1b}[2J\nnext"), "plain \\u{1b}[2J\nnext");
    }
}
