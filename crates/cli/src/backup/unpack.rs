//! Reading an archive: all of it is checked on the way, and nothing of it is used before the end.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use zip::ZipArchive;

use super::manifest::FileEntry;
use super::{ArchiveError, MANIFEST, Manifest};
use crate::output::note;

/// Longest manifest: some millions of files.
const MANIFEST_BYTES_MAX: u64 = 1 << 30;

/// How often one is told how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// An archive whose manifest was read and names exactly what is in it.
pub(crate) struct Archive {
    zip: ZipArchive<BufReader<File>>,
    manifest: Manifest,
}

impl Archive {
    /// Opens the archive at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(ArchiveError::io("opening", "the file"))?;
        let mut zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| ArchiveError::Foreign(format!("it is not a whole zip ({error})")))?;
        let mut json = Vec::new();
        let entry = zip.by_name(MANIFEST).map_err(|_| ArchiveError::Foreign(format!("it has no {MANIFEST}")))?;
        entry.take(MANIFEST_BYTES_MAX).read_to_end(&mut json).map_err(unreadable(MANIFEST))?;
        let manifest = Manifest::read(&json)?;
        let mut there =
            zip.file_names().map(|name| Ok(name?.into_owned())).collect::<Result<BTreeSet<_>, ArchiveError>>()?;
        there.remove(MANIFEST);
        let named: BTreeSet<_> = manifest.files.keys().cloned().collect();
        if let Some(name) = named.symmetric_difference(&there).next() {
            return Err(ArchiveError::Damaged(format!("{name:?} is in the zip or in its manifest, and not in both")));
        }
        Ok(Self { zip, manifest })
    }

    /// What is in it.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes all of it into `folder`, which is empty. What is written there is only good when this succeeds.
    pub(crate) fn unpack(mut self, folder: &Path) -> Result<(), ArchiveError> {
        make_folder(&folder.join("vfs"))?;
        for name in &self.manifest.folders {
            make_folder(&folder.join(name))?;
        }
        let (mut told, mut done) = (Instant::now(), 0_u64);
        for (name, expected) in &self.manifest.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                make_folder(parent)?;
            }
            let entry = self.zip.by_name(name)?;
            write(entry, name, &path, expected)?;
            done = done.saturating_add(expected.bytes);
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                let percent = done.saturating_mul(100) / self.manifest.bytes().max(1);
                note(&format!("{percent} % ..."));
            }
        }
        let synced = File::open(folder).and_then(|folder| Ok(rustix::fs::syncfs(folder)?));
        synced.map_err(ArchiveError::io("syncing", folder.display()))
    }
}

/// Writes one file, and fails when it is not what the manifest says.
fn write(from: impl Read, name: &str, path: &Path, expected: &FileEntry) -> Result<(), ArchiveError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(ArchiveError::io("making", path.display()))?;
    let mut digest = Context::new(&SHA256);
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0_u64;
    // One byte more than there should be is enough to see that it is too long.
    let mut from = from.take(expected.bytes.saturating_add(1));
    loop {
        let read = from.read(&mut buffer).map_err(unreadable(name))?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        file.write_all(part).map_err(ArchiveError::io("writing", path.display()))?;
        bytes += read as u64;
    }
    if bytes != expected.bytes || wharf_types::hex::encode(digest.finish().as_ref()) != expected.sha256 {
        return Err(ArchiveError::Damaged(format!("{name:?} is not what was put in")));
    }
    Ok(())
}

fn unreadable(name: &str) -> impl FnOnce(std::io::Error) -> ArchiveError + '_ {
    move |error| ArchiveError::Damaged(format!("{name:?} cannot be read: {error}"))
}

fn make_folder(path: &Path) -> Result<(), ArchiveError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(ArchiveError::io("making the folder", path.display()))
}

/// Whether there is nothing at `path`, or an empty folder.
pub(crate) fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}
