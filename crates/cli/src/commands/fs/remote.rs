//! The vfs of the node, by message.
//!
//! What comes with the control token has the owner's authority: every drive is open to it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use wharf_types::ProcessId;
use wharf_types::rpc::RpcMessage;
use wharf_types::vfs::{DirEntry, FileMetadata, VfsAction, VfsError, VfsRequest, VfsResponse};

use crate::client::{self, Client, RpcError, unexpected};
use crate::commands::list;
use crate::errors::{CliError, CliResult};

/// How long one request may take: a piece of a file, or removing a large folder.
const WAIT_S: u64 = 120;

/// The vfs of the client's node.
pub(super) struct Remote<'a> {
    client: &'a Client,
}

impl<'a> Remote<'a> {
    pub(super) fn of(client: &'a Client) -> Self {
        Self { client }
    }

    pub(super) fn list(&self, path: &str) -> CliResult<Vec<DirEntry>> {
        match self.ask("list", path, VfsAction::ReadDir)? {
            VfsResponse::ReadDir(entries) => Ok(entries),
            other => Err(unexpected("the vfs", &other)),
        }
    }

    pub(super) fn metadata(&self, path: &str) -> CliResult<FileMetadata> {
        match self.ask("look at", path, VfsAction::Metadata)? {
            VfsResponse::Metadata(metadata) => Ok(metadata),
            other => Err(unexpected("the vfs", &other)),
        }
    }

    pub(super) fn hash(&self, path: &str) -> CliResult<[u8; 32]> {
        match self.ask("read", path, VfsAction::Hash)? {
            VfsResponse::Hash(hash) => Ok(hash),
            other => Err(unexpected("the vfs", &other)),
        }
    }

    /// `length` bytes from `offset` on, or what there is.
    pub(super) fn read(&self, path: &str, offset: u64, length: u64) -> CliResult<Vec<u8>> {
        match self.exchange("read", path, VfsAction::ReadAt { offset, length }, None)? {
            (VfsResponse::Read, blob) => Ok(blob.unwrap_or_default()),
            (other, _) => Err(unexpected("the vfs", &other)),
        }
    }

    /// Does something that has no result.
    pub(super) fn act(&self, verb: &str, path: &str, action: VfsAction, bytes: Option<&[u8]>) -> CliResult<()> {
        match self.exchange(verb, path, action, bytes)? {
            (VfsResponse::Ok, _) => Ok(()),
            (other, _) => Err(unexpected("the vfs", &other)),
        }
    }

    fn ask(&self, verb: &str, path: &str, action: VfsAction) -> CliResult<VfsResponse> {
        self.exchange(verb, path, action, None).map(|(response, _)| response)
    }

    fn exchange(
        &self,
        verb: &str,
        path: &str,
        action: VfsAction,
        bytes: Option<&[u8]>,
    ) -> CliResult<(VfsResponse, Option<Vec<u8>>)> {
        let unreadable = |why: serde_json::Error| RpcError::Unreadable { from: "the vfs".into(), why: why.to_string() };
        let request = VfsRequest { path: path.to_owned(), action };
        let message = RpcMessage {
            expects_response: Some(WAIT_S),
            body: Some(serde_json::to_string(&request).map_err(unreadable)?),
            mime: bytes.map(|_| "application/octet-stream".to_owned()),
            data: bytes.map(|bytes| BASE64.encode(bytes)),
            ..client::to(ProcessId::system("vfs"))
        };
        let Some(reply) = self.client.send(&message)? else {
            return Err(CliError::refused("the vfs did not answer"));
        };
        match serde_json::from_slice(&reply.body).map_err(unreadable)? {
            VfsResponse::Err(error) => {
                let package = path.trim_start_matches('/').split('/').next().and_then(|name| name.parse().ok());
                match package.and_then(|package| list::meant(self.client, &package)) {
                    Some(meant) => Err(CliError::refused(format_args!("cannot {verb} {path}: {error}"))
                        .hint(format_args!("did you mean the package `{meant}`?"))),
                    None => Err(refused(verb, path, &error)),
                }
            }
            response => Ok((response, client::blob_bytes(&reply)?)),
        }
    }
}

fn refused(verb: &str, path: &str, error: &VfsError) -> CliError {
    let refused = CliError::refused(format_args!("cannot {verb} {path}: {error}"));
    match error {
        VfsError::MalformedRequest => {
            refused.hint("a path is `/package:publisher/drive/...`; every package has the drives `pkg` and `tmp`")
        }
        VfsError::IOError(text) if text.contains("os error 2)") => {
            refused.hint("`wharf fs ls` lists the packages that have files, and `wharf fs ls PATH` a folder")
        }
        _ => refused,
    }
}
