//! Stands in for `vfs:distro:sys`: files in memory, without quotas. What needs a cursor or a zip it does not do; the
//! library's own `vfs` uses cursors nowhere.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::json;
use wharf_types::Capability;
use wharf_types::vfs::{DirEntry, FileMetadata, FileType, VfsAction, VfsError, VfsRequest, VfsResponse};

use super::module::{Asked, Module, Out};

type Answered = Result<(VfsResponse, Option<Vec<u8>>), VfsError>;

/// Errors as the node's operating system has them.
const NOT_FOUND: &str = "No such file or directory (os error 2)";
const EXISTS: &str = "File exists (os error 17)";
const NOT_A_FOLDER: &str = "Not a directory (os error 20)";
const IS_A_FOLDER: &str = "Is a directory (os error 21)";
const NOT_EMPTY: &str = "Directory not empty (os error 39)";

#[derive(Default)]
pub(super) struct Vfs {
    /// By path, without slashes at the ends.
    nodes: BTreeMap<String, Node>,
}

#[derive(Clone)]
enum Node {
    Folder,
    File(Vec<u8>),
}

impl Module for Vfs {
    fn handle(&mut self, asked: &Asked) -> Vec<Out> {
        let Ok(VfsRequest { path, action }) = serde_json::from_slice(&asked.request.body) else {
            return asked.answer(&VfsResponse::Err(VfsError::MalformedRequest), None);
        };
        let path = path.trim_matches('/').to_owned();
        if action == VfsAction::CreateDrive {
            return self.create_drive(asked, &path);
        }
        match self.perform(asked, &path, action) {
            Ok((response, bytes)) => asked.answer(&response, bytes),
            Err(error) => asked.answer(&VfsResponse::Err(error), None),
        }
    }
}

fn io(text: &str) -> VfsError {
    VfsError::IOError(text.to_owned())
}

/// `package:publisher/drive` of a path; `None` when it is none.
fn drive_of(path: &str) -> Option<String> {
    let mut names = path.split('/');
    let (package, drive) = (names.next()?, names.next()?);
    let is_plain = |name: &str| !name.is_empty() && name != "." && name != "..";
    (package.contains(':') && is_plain(drive) && names.all(is_plain)).then(|| format!("{package}/{drive}"))
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn params(kind: &str, drive: &str) -> serde_json::Value {
    json!({ "kind": kind, "drive": format!("/{drive}") })
}

impl Vfs {
    fn create_drive(&mut self, asked: &Asked, path: &str) -> Vec<Out> {
        let whose = asked.request.source.process();
        let is_own = path.split('/').next() == Some(whose.package_id().to_string().as_str());
        let (Some(drive), Ok(issuer)) = (drive_of(path), asked.request.target.parse::<wharf_types::Address>()) else {
            return asked.answer(&VfsResponse::Err(VfsError::MalformedRequest), None);
        };
        if !is_own {
            return asked.answer(&VfsResponse::Err(VfsError::NoWriteCap), None);
        }
        self.nodes.entry(drive.clone()).or_insert(Node::Folder);
        let grant = |kind| Out::Grant {
            to: whose.clone(),
            capability: Capability::new(issuer.clone(), params(kind, &drive).to_string()),
        };
        let mut outs: Vec<Out> = ["read", "write"].map(grant).into();
        outs.extend(asked.answer(&VfsResponse::Ok, None));
        outs
    }

    fn perform(&mut self, asked: &Asked, path: &str, action: VfsAction) -> Answered {
        let drive = drive_of(path).ok_or(VfsError::MalformedRequest)?;
        let bytes = || asked.bytes().map(<[u8]>::to_vec).ok_or(VfsError::NoBlob);
        // The drives of its own package a process may use without more.
        let is_own = drive.split('/').next() == Some(asked.request.source.process().package_id().to_string().as_str());
        let may = |kind| is_own || asked.may(&params(kind, &drive));
        match &action {
            VfsAction::Read
            | VfsAction::ReadAt { .. }
            | VfsAction::ReadDir
            | VfsAction::Metadata
            | VfsAction::Len
            | VfsAction::Hash
            | VfsAction::OpenFile { create: false } => {
                if !may("read") {
                    return Err(VfsError::NoReadCap);
                }
                return self.look(path, action);
            }
            _ if !may("write") => return Err(VfsError::NoWriteCap),
            _ => {}
        }
        match action {
            VfsAction::CreateDir => self.make(path, Node::Folder)?,
            VfsAction::CreateDirAll => self.create_dir_all(path)?,
            VfsAction::CreateNew => self.make(path, Node::File(Vec::new()))?,
            VfsAction::CreateFile => self.file_or_new(path)?.clear(),
            VfsAction::OpenFile { .. } => drop(self.file_or_new(path)?.len()),
            VfsAction::CloseFile | VfsAction::SyncAll => {}
            VfsAction::Write => *self.file_or_new(path)? = bytes()?,
            VfsAction::Append => self.file(path)?.extend(bytes()?),
            VfsAction::WriteAt { offset } => write_at(self.file(path)?, offset, &bytes()?)?,
            VfsAction::SetLen(len) => self.file(path)?.resize(usize::try_from(len).map_err(|_| io(NOT_FOUND))?, 0),
            VfsAction::RemoveFile => {
                self.file(path)?;
                self.nodes.remove(path);
            }
            VfsAction::RemoveDir => {
                if !self.entries(path)?.is_empty() {
                    return Err(io(NOT_EMPTY));
                }
                self.nodes.remove(path);
            }
            VfsAction::RemoveDirAll => {
                self.entries(path)?;
                self.nodes.retain(|at, _| at != path && !is_below(at, path));
            }
            VfsAction::CopyFile { new_path } => {
                let copy = self.file(path)?.clone();
                *self.file_or_new(new_path.trim_matches('/'))? = copy;
            }
            VfsAction::Rename { new_path } => self.rename(path, new_path.trim_matches('/'))?,
            _ => return Err(io("the stand-in for the vfs does not do this: use `wharf test`")),
        }
        Ok((VfsResponse::Ok, None))
    }

    fn look(&mut self, path: &str, action: VfsAction) -> Answered {
        Ok(match action {
            VfsAction::Read => (VfsResponse::Read, Some(self.file(path)?.clone())),
            VfsAction::ReadAt { offset, length } => {
                let skip = usize::try_from(offset).unwrap_or(usize::MAX);
                let take = usize::try_from(length).unwrap_or(usize::MAX);
                (VfsResponse::Read, Some(self.file(path)?.iter().skip(skip).take(take).copied().collect()))
            }
            VfsAction::ReadDir => (VfsResponse::ReadDir(self.entries(path)?), None),
            VfsAction::Metadata => {
                let (file_type, len) = match self.nodes.get(path).ok_or_else(|| io(NOT_FOUND))? {
                    Node::Folder => (FileType::Directory, 0),
                    Node::File(bytes) => (FileType::File, bytes.len() as u64),
                };
                (VfsResponse::Metadata(FileMetadata { file_type, len }), None)
            }
            VfsAction::Len => (VfsResponse::Len(self.file(path)?.len() as u64), None),
            VfsAction::Hash => (VfsResponse::Hash(hash_of(self.file(path)?)), None),
            _ => {
                self.file(path)?;
                (VfsResponse::Ok, None)
            }
        })
    }

    fn file(&mut self, path: &str) -> Result<&mut Vec<u8>, VfsError> {
        match self.nodes.get_mut(path) {
            Some(Node::File(bytes)) => Ok(bytes),
            Some(Node::Folder) => Err(io(IS_A_FOLDER)),
            None => Err(io(NOT_FOUND)),
        }
    }

    fn file_or_new(&mut self, path: &str) -> Result<&mut Vec<u8>, VfsError> {
        if !self.nodes.contains_key(path) {
            self.make(path, Node::File(Vec::new()))?;
        }
        self.file(path)
    }

    fn make(&mut self, path: &str, node: Node) -> Result<(), VfsError> {
        match self.nodes.get(parent_of(path)) {
            _ if self.nodes.contains_key(path) => Err(io(EXISTS)),
            Some(Node::Folder) => {
                self.nodes.insert(path.to_owned(), node);
                Ok(())
            }
            Some(Node::File(_)) => Err(io(NOT_A_FOLDER)),
            None => Err(io(NOT_FOUND)),
        }
    }

    fn create_dir_all(&mut self, path: &str) -> Result<(), VfsError> {
        match self.nodes.get(path) {
            Some(Node::Folder) => return Ok(()),
            Some(Node::File(_)) => return Err(io(EXISTS)),
            None if drive_of(path).as_deref() == Some(path) => return Err(io(NOT_FOUND)),
            None => {}
        }
        self.create_dir_all(parent_of(path))?;
        self.make(path, Node::Folder)
    }

    fn entries(&self, path: &str) -> Result<Vec<DirEntry>, VfsError> {
        match self.nodes.get(path) {
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(io(NOT_A_FOLDER)),
            None => return Err(io(NOT_FOUND)),
        }
        let own = self.nodes.iter().filter(|(at, _)| is_below(at, path) && parent_of(at) == path);
        let entry = |(at, node): (&String, &Node)| DirEntry {
            path: at.clone(),
            file_type: if matches!(node, Node::Folder) { FileType::Directory } else { FileType::File },
        };
        Ok(own.map(entry).collect())
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), VfsError> {
        if !matches!(self.nodes.get(parent_of(to)), Some(Node::Folder)) || !self.nodes.contains_key(from) {
            return Err(io(NOT_FOUND));
        }
        let moved: Vec<_> = self.nodes.extract_if(.., |at, _| at == from || is_below(at, from)).collect();
        for (at, node) in moved {
            let rest = at.strip_prefix(from).unwrap_or_default();
            self.nodes.insert(format!("{to}{rest}"), node);
        }
        Ok(())
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

fn write_at(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) -> Result<(), VfsError> {
    let too_large = || io("File too large (os error 27)");
    let start = usize::try_from(offset).map_err(|_| too_large())?;
    let end = start.checked_add(bytes.len()).ok_or_else(too_large)?;
    if file.len() < end {
        file.resize(end, 0);
    }
    file.splice(start..end, bytes.iter().copied());
    Ok(())
}

/// Not SHA-256, but the same for the same bytes, and another for others.
fn hash_of(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    for (seed, part) in hash.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (seed, bytes).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    hash
}
