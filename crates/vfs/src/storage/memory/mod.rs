//! Memory as storage: for tests, and for files that need not outlast the node.

mod file;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustix::io::Errno;
use wharf_types::vfs::FileType;

use self::file::{MemoryFile, Opened};
use super::{Content, Create, Detached, Entry, Identity, Metadata, OpenHow, StagedFile, Storage, StoredFile, Usage};
use crate::path::Segment;

/// Files in memory. All files together have at most as many bytes as it was made for; folders and names count
/// [`NAME_BYTES`] each.
#[derive(Debug)]
pub struct MemoryStorage {
    root: Mutex<Folder>,
    shared: Arc<Shared>,
}

/// What an entry counts for, beside the bytes in it.
pub const NAME_BYTES: u64 = 512;

#[derive(Debug)]
struct Shared {
    bytes_left: AtomicU64,
    next_identity: AtomicU64,
}

impl Shared {
    fn take(&self, bytes: u64) -> io::Result<()> {
        self.bytes_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .map(drop)
            .map_err(|_| Errno::NOSPC.into())
    }

    fn give(&self, bytes: u64) {
        self.bytes_left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// The right to exist; gives back what it counts for when it goes.
#[derive(Debug)]
struct Place {
    shared: Arc<Shared>,
    identity: u64,
}

impl Place {
    fn new(shared: &Arc<Shared>) -> io::Result<Self> {
        shared.take(NAME_BYTES)?;
        let identity = shared.next_identity.fetch_add(1, Ordering::Relaxed);
        Ok(Self { shared: Arc::clone(shared), identity })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.give(NAME_BYTES);
    }
}

#[derive(Debug)]
struct Folder {
    place: Place,
    modified: SystemTime,
    entries: BTreeMap<String, Node>,
}

#[derive(Debug)]
enum Node {
    File(Arc<MemoryFile>),
    Folder(Folder),
}

impl Node {
    fn metadata(&self) -> io::Result<Metadata> {
        match self {
            Self::File(file) => file.metadata(),
            Self::Folder(folder) => Ok(folder.metadata()),
        }
    }
}

impl Folder {
    fn new(shared: &Arc<Shared>) -> io::Result<Self> {
        Ok(Self { place: Place::new(shared)?, modified: SystemTime::now(), entries: BTreeMap::new() })
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            kind: FileType::Directory,
            len: 0,
            modified: self.modified,
            accessed: self.modified,
            identity: Identity { volume: 0, file: self.place.identity },
        }
    }

    fn node(&self, name: &Segment) -> io::Result<&Node> {
        Ok(self.entries.get(name.as_str()).ok_or(Errno::NOENT)?)
    }

    fn folder(&mut self, way: &[Segment]) -> io::Result<&mut Self> {
        let mut folder = self;
        for name in way {
            folder = match folder.entries.get_mut(name.as_str()).ok_or(Errno::NOENT)? {
                Node::Folder(folder) => folder,
                Node::File(_) => return Err(Errno::NOTDIR.into()),
            };
        }
        Ok(folder)
    }

    /// The folder above, and the name in it. There is none above the root.
    fn parent<'a>(&mut self, way: &'a [Segment]) -> io::Result<(&mut Self, &'a Segment)> {
        let (name, above) = way.split_last().ok_or(Errno::INVAL)?;
        Ok((self.folder(above)?, name))
    }

    fn put(&mut self, name: &Segment, node: Node) -> Option<Node> {
        self.modified = SystemTime::now();
        self.entries.insert(name.as_str().to_owned(), node)
    }

    fn remove(&mut self, name: &Segment) -> Option<Node> {
        self.modified = SystemTime::now();
        self.entries.remove(name.as_str())
    }
}

impl MemoryStorage {
    /// Storage for so many bytes.
    pub fn new(bytes_max: u64) -> io::Result<Self> {
        let shared = Arc::new(Shared { bytes_left: AtomicU64::new(bytes_max), next_identity: AtomicU64::new(0) });
        Ok(Self { root: Mutex::new(Folder::new(&shared)?), shared })
    }

    /// The tree. Every change of it is a single insertion or removal, so a panic elsewhere leaves it whole.
    fn root(&self) -> MutexGuard<'_, Folder> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Storage for MemoryStorage {
    fn open(&self, way: &[Segment], how: OpenHow) -> io::Result<Box<dyn StoredFile>> {
        if how.content == Content::Truncate && !how.access.writes() {
            return Err(Errno::INVAL.into());
        }
        let mut root = self.root();
        if way.is_empty() {
            return Err(Errno::ISDIR.into());
        }
        let (parent, name) = root.parent(way)?;
        let file = match (parent.entries.get(name.as_str()), how.create) {
            (Some(_), Create::New) => return Err(Errno::EXIST.into()),
            (Some(Node::Folder(_)), _) => return Err(Errno::ISDIR.into()),
            (Some(Node::File(file)), _) => Arc::clone(file),
            (None, Create::Never) => return Err(Errno::NOENT.into()),
            (None, _) => {
                let file = Arc::new(MemoryFile::new(&self.shared)?);
                parent.put(name, Node::File(Arc::clone(&file)));
                file
            }
        };
        if how.content == Content::Truncate {
            file.set_len(0)?;
        }
        Ok(Box::new(Opened { file, access: how.access }))
    }

    fn metadata(&self, way: &[Segment]) -> io::Result<Metadata> {
        let mut root = self.root();
        if way.is_empty() {
            return Ok(root.metadata());
        }
        let (parent, name) = root.parent(way)?;
        parent.node(name)?.metadata()
    }

    fn list(&self, way: &[Segment], entries_max: usize) -> io::Result<Vec<Entry>> {
        let mut root = self.root();
        let folder = root.folder(way)?;
        if folder.entries.len() > entries_max {
            return Err(super::too_many_entries(entries_max));
        }
        let kind = |node: &Node| match node {
            Node::File(_) => FileType::File,
            Node::Folder(_) => FileType::Directory,
        };
        Ok(folder.entries.iter().map(|(name, node)| Entry { name: name.clone(), kind: kind(node) }).collect())
    }

    fn create_dir(&self, way: &[Segment]) -> io::Result<()> {
        let mut root = self.root();
        let (parent, name) = root.parent(way)?;
        if parent.entries.contains_key(name.as_str()) {
            return Err(Errno::EXIST.into());
        }
        parent.put(name, Node::Folder(Folder::new(&self.shared)?));
        Ok(())
    }

    fn remove_file(&self, way: &[Segment]) -> io::Result<()> {
        let mut root = self.root();
        let (parent, name) = root.parent(way)?;
        match parent.node(name)? {
            Node::Folder(_) => Err(Errno::ISDIR.into()),
            Node::File(_) => {
                parent.remove(name);
                Ok(())
            }
        }
    }

    fn remove_dir(&self, way: &[Segment]) -> io::Result<()> {
        let mut root = self.root();
        let (parent, name) = root.parent(way)?;
        match parent.node(name)? {
            Node::File(_) => Err(Errno::NOTDIR.into()),
            Node::Folder(folder) if !folder.entries.is_empty() => Err(Errno::NOTEMPTY.into()),
            Node::Folder(_) => {
                parent.remove(name);
                Ok(())
            }
        }
    }

    fn detach(&self, way: &[Segment]) -> io::Result<Box<dyn Detached + '_>> {
        let mut root = self.root();
        let (parent, name) = root.parent(way)?;
        if let Node::File(_) = parent.node(name)? {
            return Err(Errno::NOTDIR.into());
        }
        let node = parent.remove(name).ok_or(Errno::NOENT)?;
        Ok(Box::new(OutOfSight(node)))
    }

    fn rename(&self, from: &[Segment], to: &[Segment]) -> io::Result<()> {
        let mut root = self.root();
        let (parent, name) = root.parent(from)?;
        let moves_folder = matches!(parent.node(name)?, Node::Folder(_));
        let (new_parent, new_name) = root.parent(to)?;
        if from == to {
            return Ok(());
        }
        if moves_folder && to.starts_with(from) {
            return Err(Errno::INVAL.into());
        }
        match (new_parent.entries.get(new_name.as_str()), moves_folder) {
            (Some(Node::Folder(_)), false) => return Err(Errno::ISDIR.into()),
            (Some(Node::File(_)), true) => return Err(Errno::NOTDIR.into()),
            (Some(Node::Folder(folder)), true) if !folder.entries.is_empty() => return Err(Errno::NOTEMPTY.into()),
            _ => {}
        }
        let (parent, name) = root.parent(from)?;
        let node = parent.remove(name).ok_or(Errno::NOENT)?;
        let (new_parent, new_name) = root.parent(to)?;
        drop(new_parent.put(new_name, node));
        Ok(())
    }

    fn stage(&self) -> io::Result<Box<dyn StagedFile + '_>> {
        Ok(Box::new(Staged { storage: self, file: Arc::new(MemoryFile::new(&self.shared)?) }))
    }

    fn measure(&self, way: &[Segment]) -> io::Result<Usage> {
        let mut root = self.root();
        let mut usage = Usage::default();
        let mut pending = match root.folder(way) {
            Ok(folder) => vec![&*folder],
            Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
            Err(error) => return Err(error),
        };
        while let Some(folder) = pending.pop() {
            for node in folder.entries.values() {
                usage.files += 1;
                match node {
                    Node::File(file) => usage.bytes = usage.bytes.saturating_add(file.metadata()?.len),
                    Node::Folder(folder) => pending.push(folder),
                }
            }
        }
        Ok(usage)
    }

    fn sync_dir(&self, way: &[Segment]) -> io::Result<()> {
        self.root().folder(way).map(drop)
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}

struct Staged<'a> {
    storage: &'a MemoryStorage,
    file: Arc<MemoryFile>,
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StagedFile for Staged<'_> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn close(&mut self) {}

    fn place(self: Box<Self>, way: &[Segment]) -> io::Result<()> {
        let mut root = self.storage.root();
        let (parent, name) = root.parent(way)?;
        if let Some(Node::Folder(_)) = parent.entries.get(name.as_str()) {
            return Err(Errno::ISDIR.into());
        }
        parent.put(name, Node::File(self.file));
        Ok(())
    }
}

struct OutOfSight(Node);

impl Detached for OutOfSight {
    fn remove(self: Box<Self>, gone: &mut dyn FnMut(&Metadata)) -> io::Result<()> {
        // Not by recursion: a tree may be deeper than the stack.
        let mut pending = vec![self.0];
        while let Some(node) = pending.pop() {
            gone(&node.metadata()?);
            if let Node::Folder(mut folder) = node {
                pending.extend(std::mem::take(&mut folder.entries).into_values());
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let mut pending: Vec<_> = std::mem::take(&mut self.entries).into_values().collect();
        while let Some(node) = pending.pop() {
            if let Node::Folder(mut folder) = node {
                pending.extend(std::mem::take(&mut folder.entries).into_values());
            }
        }
    }
}
