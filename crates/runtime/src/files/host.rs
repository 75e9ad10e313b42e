//! The functions of `wasi:filesystem`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasmtime::component::{Resource, ResourceTableError};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wharf_types::vfs::FileType;
use wharf_vfs::storage::{Access, Content, Create, Metadata, OpenHow, SyncScope};
use wharf_vfs::{Failure, Vfs, VfsFile, VfsPath};

use crate::files::descriptor::{Descriptor, Listing, OpenFile};
use crate::files::place::{resolve, resolve_entry};
use crate::files::reader::{FileReader, READ_BYTES_MAX};
use crate::files::writer::{FileWriter, Target};
use crate::files::{View, code};

type Fd = Resource<types::Descriptor>;
type Entries = Resource<types::DirectoryEntryStream>;

/// The interface's own type for descriptors is wasmtime's; what is behind its number is ours.
fn ours(fd: &Fd) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

fn listing(entries: &Entries) -> Resource<Listing> {
    Resource::new_borrow(entries.rep())
}

impl View<'_> {
    fn push(&mut self, descriptor: Descriptor) -> Result<Fd, ResourceTableError> {
        Ok(Resource::new_own(self.table.push(descriptor)?.rep()))
    }

    fn descriptor(&self, fd: &Fd) -> FsResult<&Descriptor> {
        self.table.get(&ours(fd)).map_err(FsError::trap)
    }

    fn folder(&self, fd: &Fd) -> FsResult<VfsPath> {
        match self.descriptor(fd)? {
            Descriptor::Folder(path) => Ok(path.clone()),
            Descriptor::File(_) => Err(ErrorCode::NotDirectory.into()),
        }
    }

    fn file(&self, fd: &Fd) -> FsResult<Arc<OpenFile>> {
        match self.descriptor(fd)? {
            Descriptor::File(file) => Ok(Arc::clone(file)),
            Descriptor::Folder(_) => Err(ErrorCode::IsDirectory.into()),
        }
    }

    /// A file that was opened for writing.
    fn writable(&self, fd: &Fd) -> FsResult<Arc<OpenFile>> {
        let file = self.file(fd)?;
        if file.flags.contains(DescriptorFlags::WRITE) { Ok(file) } else { Err(ErrorCode::NotPermitted.into()) }
    }

    /// Does something on a thread that may block.
    async fn on_disk<T>(&mut self, work: impl FnOnce(&Vfs) -> Result<T, Failure>) -> FsResult<T> {
        self.files.turn.blocking_thread().await;
        let done = work(&self.files.files.vfs);
        self.files.turn.blocked();
        done.map_err(|failure| self.fs_error(&failure))
    }

    /// The same with an open file.
    async fn on_file<T>(&mut self, file: &OpenFile, work: impl FnOnce(&VfsFile) -> Result<T, Failure>) -> FsResult<T> {
        self.files.turn.blocking_thread().await;
        let done = work(file.file().map_err(|_| ErrorCode::BadDescriptor)?);
        self.files.turn.blocked();
        done.map_err(|failure| self.fs_error(&failure))
    }

    fn fs_error(&mut self, failure: &Failure) -> FsError {
        if let Some(limit) = failure.limit() {
            self.recorder.hit(limit);
        }
        code::of(failure).into()
    }

    async fn metadata_at(&mut self, fd: &Fd, text: &str) -> FsResult<Metadata> {
        let path = resolve(&self.folder(fd)?, text)?;
        self.on_disk(|vfs| vfs.metadata(&path)).await
    }

    async fn metadata(&mut self, fd: &Fd) -> FsResult<Metadata> {
        match self.descriptor(fd)? {
            Descriptor::Folder(path) => {
                let path = path.clone();
                self.on_disk(|vfs| vfs.metadata(&path)).await
            }
            Descriptor::File(file) => {
                let file = Arc::clone(file);
                self.on_file(&file, VfsFile::metadata).await
            }
        }
    }

    async fn sync_scope(&mut self, fd: &Fd, scope: SyncScope) -> FsResult<()> {
        match self.descriptor(fd)? {
            // The names of a folder are durable as soon as what changed them has returned, as far as a folder knows.
            Descriptor::Folder(_) => Ok(()),
            Descriptor::File(file) => {
                let file = Arc::clone(file);
                self.on_file(&file, |file| file.sync(scope)).await
            }
        }
    }
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let mounts: Vec<_> = self.files.mounts.iter().cloned().collect();
        mounts.into_iter().map(|mount| Ok((self.push(Descriptor::Folder(mount.drive))?, mount.at))).collect()
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    /// What failed in a stream, which knows no numbers.
    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        let failure = self.table.get(&error)?.downcast_ref::<Failure>();
        if let Some(limit) = failure.and_then(Failure::limit) {
            self.recorder.hit(limit);
        }
        Ok(failure.map(code::of))
    }
}

impl HostDescriptor for View<'_> {
    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let reader: DynInputStream = Box::new(FileReader::new(self.file(&fd)?, offset, &self.files.turn));
        Ok(self.table.push(reader)?)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        let target = Target::Offset(offset);
        let writer: DynOutputStream = Box::new(FileWriter::new(self.writable(&fd)?, target, &self.files.turn));
        Ok(self.table.push(writer)?)
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        let writer: DynOutputStream = Box::new(FileWriter::new(self.writable(&fd)?, Target::End, &self.files.turn));
        Ok(self.table.push(writer)?)
    }

    async fn advise(&mut self, fd: Fd, _: Filesize, _: Filesize, _: Advice) -> FsResult<()> {
        self.file(&fd).map(drop)
    }

    async fn sync_data(&mut self, fd: Fd) -> FsResult<()> {
        self.sync_scope(&fd, SyncScope::Data).await
    }

    async fn sync(&mut self, fd: Fd) -> FsResult<()> {
        self.sync_scope(&fd, SyncScope::All).await
    }

    async fn get_flags(&mut self, fd: Fd) -> FsResult<DescriptorFlags> {
        Ok(match self.descriptor(&fd)? {
            Descriptor::Folder(_) => DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY,
            Descriptor::File(file) => file.flags,
        })
    }

    async fn get_type(&mut self, fd: Fd) -> FsResult<DescriptorType> {
        Ok(match self.descriptor(&fd)? {
            Descriptor::Folder(_) => DescriptorType::Directory,
            Descriptor::File(_) => DescriptorType::RegularFile,
        })
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        let file = self.writable(&fd)?;
        self.on_file(&file, |file| file.set_len(size)).await
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let file = self.writable(&fd)?;
        let (accessed, modified) = (time(accessed)?, time(modified)?);
        self.on_file(&file, |file| file.set_times(accessed, modified)).await
    }

    async fn read(&mut self, fd: Fd, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let file = self.file(&fd)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX).min(READ_BYTES_MAX);
        let mut bytes = Vec::new();
        let read = self.on_file(&file, |file| file.read_onto(&mut bytes, offset, len)).await?;
        Ok((bytes, read == 0 && len > 0))
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        let file = self.writable(&fd)?;
        self.on_file(&file, |file| file.write_at(&bytes, offset)).await?;
        Ok(bytes.len() as u64)
    }

    async fn read_directory(&mut self, fd: Fd) -> FsResult<Entries> {
        let path = self.folder(&fd)?;
        let entries = self.on_disk(|vfs| vfs.list(&path)).await?;
        let entries = entries.into_iter().map(|entry| DirectoryEntry { type_: kind(entry.kind), name: entry.name });
        let listing = Listing(entries.collect::<Vec<_>>().into_iter());
        Ok(Resource::new_own(self.table.push(listing)?.rep()))
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let folder = self.folder(&fd)?;
        let path = resolve(&folder, &path)?;
        if path == folder {
            return Err(ErrorCode::Exist.into());
        }
        self.on_disk(|vfs| vfs.create_dir(&path)).await
    }

    async fn stat(&mut self, fd: Fd) -> FsResult<DescriptorStat> {
        Ok(stat(&self.metadata(&fd).await?))
    }

    async fn stat_at(&mut self, fd: Fd, _: PathFlags, path: String) -> FsResult<DescriptorStat> {
        Ok(stat(&self.metadata_at(&fd, &path).await?))
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        _: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let path = resolve_entry(&self.folder(&fd)?, &path)?;
        let (accessed, modified) = (time(accessed)?, time(modified)?);
        self.on_disk(|vfs| vfs.open_file(&path, OpenHow::WRITE)?.set_times(accessed, modified)).await
    }

    async fn link_at(&mut self, _: Fd, _: PathFlags, _: String, _: Fd, _: String) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    async fn symlink_at(&mut self, _: Fd, _: String, _: String) -> FsResult<()> {
        Err(ErrorCode::Unsupported.into())
    }

    /// There are no links, or nobody is told where they lead.
    async fn readlink_at(&mut self, fd: Fd, path: String) -> FsResult<String> {
        self.metadata_at(&fd, &path).await?;
        Err(ErrorCode::Invalid.into())
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let path = resolve(&self.folder(&fd)?, &path)?;
        if open.contains(OpenFlags::DIRECTORY) {
            return self.open_folder(path).await;
        }
        let how = how(open, flags);
        let slot = self.files.slots.take().map_err(|limit| {
            self.recorder.hit(limit);
            ErrorCode::InsufficientMemory
        })?;
        match self.on_disk(|vfs| vfs.open_file(&path, how)).await {
            Ok(file) => {
                let file = OpenFile::new(file, slot, flags, &self.files.turn);
                Ok(self.push(Descriptor::File(Arc::new(file)))?)
            }
            Err(error) if matches!(error.downcast_ref(), Some(ErrorCode::IsDirectory)) && how == OpenHow::READ => {
                drop(slot);
                self.open_folder(path).await
            }
            Err(error) => Err(error),
        }
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let path = resolve_entry(&self.folder(&fd)?, &path)?;
        self.on_disk(|vfs| vfs.remove_dir(&path)).await
    }

    async fn rename_at(&mut self, fd: Fd, old_path: String, new_fd: Fd, new_path: String) -> FsResult<()> {
        let from = resolve_entry(&self.folder(&fd)?, &old_path)?;
        let to = resolve_entry(&self.folder(&new_fd)?, &new_path)?;
        self.on_disk(|vfs| vfs.rename(&from, &to)).await
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        let path = resolve_entry(&self.folder(&fd)?, &path)?;
        self.on_disk(|vfs| vfs.remove_file(&path)).await
    }

    async fn is_same_object(&mut self, a: Fd, b: Fd) -> wasmtime::Result<bool> {
        let identity = |metadata: FsResult<Metadata>| match metadata {
            Ok(metadata) => Ok(Some(metadata.identity)),
            Err(error) => error.downcast().map(|_| None),
        };
        let a = identity(self.metadata(&a).await)?;
        Ok(a.is_some() && a == identity(self.metadata(&b).await)?)
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        let metadata = self.metadata(&fd).await?;
        Ok(self.files.files.hash(metadata.identity))
    }

    /// A link, which is not looked at, is told from others by its path: whoever lists a folder asks this of each entry.
    async fn metadata_hash_at(&mut self, fd: Fd, _: PathFlags, text: String) -> FsResult<MetadataHashValue> {
        let path = resolve(&self.folder(&fd)?, &text)?;
        match self.on_disk(|vfs| vfs.metadata(&path)).await {
            Ok(metadata) => Ok(self.files.files.hash(metadata.identity)),
            Err(error) if matches!(error.downcast_ref(), Some(ErrorCode::Loop)) => Ok(self.files.files.hash(path)),
            Err(error) => Err(error),
        }
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Descriptor>::new_own(fd.rep()))?;
        Ok(())
    }
}

impl View<'_> {
    async fn open_folder(&mut self, path: VfsPath) -> FsResult<Fd> {
        match self.on_disk(|vfs| vfs.metadata(&path)).await?.kind {
            FileType::Directory => Ok(self.push(Descriptor::Folder(path))?),
            _ => Err(ErrorCode::NotDirectory.into()),
        }
    }
}

impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(&mut self, entries: Entries) -> FsResult<Option<DirectoryEntry>> {
        let listing = self.table.get_mut(&listing(&entries)).map_err(FsError::trap)?;
        Ok(listing.0.next())
    }

    fn drop(&mut self, entries: Entries) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(entries.rep()))?;
        Ok(())
    }
}

fn how(open: OpenFlags, flags: DescriptorFlags) -> OpenHow {
    let access = match (flags.contains(DescriptorFlags::READ), flags.contains(DescriptorFlags::WRITE)) {
        (true, true) => Access::ReadWrite,
        (false, true) => Access::Write,
        (_, false) => Access::Read,
    };
    let create = match (open.contains(OpenFlags::CREATE), open.contains(OpenFlags::EXCLUSIVE)) {
        (true, true) => Create::New,
        (true, false) => Create::IfMissing,
        (false, _) => Create::Never,
    };
    let content = if open.contains(OpenFlags::TRUNCATE) { Content::Truncate } else { Content::Keep };
    OpenHow { access, create, content }
}

fn kind(kind: FileType) -> DescriptorType {
    match kind {
        FileType::File => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Other => DescriptorType::Unknown,
    }
}

fn stat(metadata: &Metadata) -> DescriptorStat {
    let modified = datetime(metadata.modified);
    DescriptorStat {
        type_: kind(metadata.kind),
        link_count: 1,
        size: if metadata.kind == FileType::Directory { 0 } else { metadata.len },
        data_access_timestamp: datetime(metadata.accessed),
        data_modification_timestamp: modified,
        // The interface wants one; changes of a name are nobody's business.
        status_change_timestamp: modified,
    }
}

fn datetime(time: SystemTime) -> Option<Datetime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(Datetime { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
}

fn time(time: NewTimestamp) -> Result<Option<SystemTime>, ErrorCode> {
    match time {
        NewTimestamp::NoChange => Ok(None),
        NewTimestamp::Now => Ok(Some(SystemTime::now())),
        NewTimestamp::Timestamp(Datetime { seconds, nanoseconds }) => {
            let nanoseconds = Duration::from_nanos(u64::from(nanoseconds));
            let since = Duration::from_secs(seconds).checked_add(nanoseconds);
            let time = since.and_then(|since| UNIX_EPOCH.checked_add(since));
            time.map(Some).ok_or(ErrorCode::Overflow)
        }
    }
}
