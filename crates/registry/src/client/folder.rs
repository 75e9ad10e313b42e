//! A folder as a registry.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use semver::Version;
use tempfile::NamedTempFile;

use super::{OnProgress, Publication, Published, Registry, RegistryError, Result, may_publish};
use crate::index::{Catalogue, Index, Release};
use crate::limits::Limits;
use crate::reference::PackageRef;

/// Others may read a registry, whatever the umask of its keeper.
const FILE_MODE: u32 = 0o644;
/// How often one looks whether another has ended publishing.
const LOOK: Duration = Duration::from_millis(50);
const CHUNK_BYTES: usize = 1 << 20;

pub(super) struct Folder {
    root: PathBuf,
    limits: Limits,
}

impl Folder {
    pub(super) fn new(root: PathBuf, limits: Limits) -> Self {
        Self { root, limits }
    }

    fn catalogue(&self) -> Result<Option<Catalogue>> {
        let path = self.root.join(Catalogue::FILE);
        let Some(bytes) = read(&path, self.limits.list_bytes_max, &mut |_, _| ())? else { return Ok(None) };
        Catalogue::parse(&bytes).map(Some).map_err(|error| RegistryError::malformed(path.display().to_string(), error))
    }

    fn index(&self, package: &PackageRef) -> Result<Option<Index>> {
        let path = self.root.join(Index::path(package));
        let Some(bytes) = read(&path, self.limits.list_bytes_max, &mut |_, _| ())? else { return Ok(None) };
        let index = Index::parse(package, &bytes);
        index.map(Some).map_err(|error| RegistryError::malformed(path.display().to_string(), error))
    }

    /// The index of a package that has to be there.
    fn existing(&self, package: &PackageRef) -> Result<Index> {
        let found = self.index(package)?.filter(|index| !index.versions.is_empty());
        match found {
            Some(index) => Ok(index),
            None if self.catalogue()?.is_none() => Err(self.no_registry()),
            None => Err(RegistryError::NoPackage { package: package.clone() }),
        }
    }

    fn no_registry(&self) -> RegistryError {
        RegistryError::NotARegistry { registry: self.root.display().to_string(), file: Catalogue::FILE }
    }

    /// Held by one publisher at a time, until it is dropped.
    fn lock(&self) -> Result<File> {
        let path = self.root.join(".lock");
        let failed = |why| RegistryError::file("lock", &path, why);
        let file = File::options().create(true).append(true).open(&path).map_err(failed)?;
        let deadline = Instant::now() + Duration::from_millis(self.limits.total_ms);
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(file),
                Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => thread::sleep(LOOK),
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(RegistryError::Locked { folder: self.root.clone() });
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
    }

    /// The zip, then what names it: whatever is listed is there, also if this ends in the middle.
    fn add(&self, publication: &Publication) -> Result<()> {
        let Publication { package, version, release, zip } = publication;
        let path = self.root.join(Index::zip_path(package, &release.sha256));
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|error| RegistryError::file("make the folder", folder, error))?;
        write(&path, zip)?;
        let mut index = self.index(package)?.unwrap_or_else(|| Index::new(package.clone()));
        index.versions.insert(version.clone(), release.clone());
        self.write_list(&Index::path(package), &index.to_json())
    }

    /// A list that nobody could read any more is not written.
    fn write_list(&self, path: &str, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 > self.limits.list_bytes_max {
            return Err(RegistryError::TooLarge { what: path.to_owned(), max: self.limits.list_bytes_max });
        }
        write(&self.root.join(path), bytes)
    }
}

impl Registry for Folder {
    fn packages(&self) -> Result<Vec<PackageRef>> {
        let catalogue = self.catalogue()?.ok_or_else(|| self.no_registry())?;
        Ok(catalogue.packages.into_iter().collect())
    }

    fn versions(&self, package: &PackageRef) -> Result<Vec<Version>> {
        Ok(self.existing(package)?.versions.into_keys().collect())
    }

    fn release(&self, package: &PackageRef, version: &Version) -> Result<Release> {
        let release = self.existing(package)?.versions.remove(version);
        release.ok_or_else(|| RegistryError::NoVersion { package: package.clone(), version: version.clone() })
    }

    fn read_zip(&self, package: &PackageRef, release: &Release, progress: OnProgress<'_>) -> Result<Vec<u8>> {
        let path = self.root.join(Index::zip_path(package, &release.sha256));
        let total = release.bytes;
        let zip = read(&path, total, &mut |got, _| progress(got, total))?;
        zip.ok_or_else(|| RegistryError::file("read", &path, ErrorKind::NotFound))
    }

    fn publish(&self, publication: &Publication) -> Result<Published> {
        let made = fs::create_dir_all(&self.root);
        made.map_err(|error| RegistryError::file("make the folder", &self.root, error))?;
        let _lock = self.lock()?;
        let package = &publication.package;
        let there = self.index(package)?.and_then(|mut index| index.versions.remove(&publication.version));
        let ended = may_publish(publication, there.as_ref())?;
        if ended.is_none() {
            self.add(publication)?;
        }
        // Also where the release was there: whoever published it may have been cut off before this.
        let mut catalogue = self.catalogue()?.unwrap_or_default();
        if catalogue.packages.insert(package.clone()) {
            self.write_list(Catalogue::FILE, &catalogue.to_json())?;
        }
        Ok(ended.unwrap_or(Published::New))
    }
}

/// A file of at most so many bytes, if it is there. Anything that is no plain file is refused, and not waited for.
fn read(path: &Path, bytes_max: u64, progress: OnProgress<'_>) -> Result<Option<Vec<u8>>> {
    let failed = |why: std::io::Error| RegistryError::file("read", path, why);
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => return Ok(None),
        opened => File::from(opened.map_err(|error| failed(error.into()))?),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(std::io::Error::other("it is not a file")));
    }
    let too_large = || RegistryError::TooLarge { what: path.display().to_string(), max: bytes_max };
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut from = file.take(bytes_max.saturating_add(1));
    let mut bytes = Vec::new();
    while from.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut bytes).map_err(failed)? > 0 {
        progress(bytes.len() as u64, metadata.len());
    }
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(Some(bytes)) }
}

/// Writes a file at once, durably.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |why: std::io::Error| RegistryError::file("write", path, why);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut draft = NamedTempFile::new_in(folder).map_err(failed)?;
    draft.write_all(bytes).map_err(failed)?;
    draft.as_file().set_permissions(Permissions::from_mode(FILE_MODE)).map_err(failed)?;
    draft.as_file().sync_all().map_err(failed)?;
    draft.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}
