//! Writing an archive.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ring::digest::{Context, SHA256};
use wharf_home::Home;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::databases::{self, Copying, Database};
use super::manifest::FileEntry;
use super::{ArchiveError, MANIFEST, Manifest};
use crate::output::note;
use crate::text;

/// Folder in the vfs that has files nobody has finished writing, and what is being removed.
const STAGING: &str = ".staging";

/// How often one is told how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(3);

/// Larger files need the longer form of an entry in the zip. Lower than the format's own bound: a file may grow.
const LARGE_BYTES: u64 = 2 << 30;

/// What was written.
pub(crate) struct Packed {
    /// What is in it.
    pub(crate) manifest: Manifest,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// Writes everything of `home` to `to`, with `kernel_db` as its database, and what `copy` gives for each database of a
/// package.
pub(crate) fn pack<W: Write + Seek, E: From<ArchiveError>>(
    home: &Home,
    node: String,
    kernel_db: &Path,
    mut copy: impl FnMut(&Database) -> Result<Copying, E>,
    to: W,
) -> Result<Packed, E> {
    let mut pack = Pack {
        zip: ZipWriter::new(to),
        manifest: Manifest::new(node),
        left_out: Vec::new(),
        bytes: 0,
        told: Instant::now(),
    };
    pack.file("version", &home.version())?;
    pack.file("node.key", &home.node_key())?;
    if home.config().exists() {
        pack.file("wharf.toml", &home.config())?;
    }
    for (name, path) in [
        ("login.json", home.login()),
        ("packages.lock", home.packages_lock()),
        ("tls/certificate.pem", home.certificate()),
        ("tls/key.pem", home.certificate_key()),
    ] {
        if path.exists() {
            pack.file(name, &path)?;
        }
    }
    pack.file("kernel.db", kernel_db)?;
    pack.folders(&home.vfs())?;
    for database in databases::all(home)? {
        match copy(&database)? {
            Copying::Made(copied) => pack.file(&database.path(), &copied.0)?,
            Copying::Gone => {}
            Copying::Refused(reason) => pack.left_out.push(format!("{}: {reason}", database.path())),
        }
    }
    Ok(pack.finish()?)
}

struct Pack<W: Write + Seek> {
    zip: ZipWriter<W>,
    manifest: Manifest,
    left_out: Vec<String>,
    bytes: u64,
    told: Instant,
}

impl<W: Write + Seek> Pack<W> {
    /// Everything beneath the vfs. What is removed while it is read was removed before the backup.
    fn folders(&mut self, root: &Path) -> Result<(), ArchiveError> {
        let mut waiting: Vec<(PathBuf, String)> = vec![(root.to_owned(), "vfs".to_owned())];
        while let Some((folder, name)) = waiting.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(ArchiveError::io("listing", folder.display())(error)),
            };
            for entry in entries {
                let entry = entry.map_err(ArchiveError::io("listing", folder.display()))?;
                let path = entry.path();
                let part = entry.file_name().into_string();
                let part = part.map_err(|_| ArchiveError::Name(path.display().to_string()))?;
                if name == "vfs" && part == STAGING {
                    continue;
                }
                let name = format!("{name}/{part}");
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        self.manifest.folders.push(name.clone());
                        waiting.push((path, name));
                    }
                    Ok(kind) if kind.is_file() => self.file(&name, &path)?,
                    Ok(_) => self.left_out.push(format!("{name}, which is neither a file nor a folder")),
                    Err(error) if is_gone(&error) => {}
                    Err(error) => return Err(ArchiveError::io("looking at", path.display())(error)),
                }
            }
        }
        self.manifest.folders.sort();
        Ok(())
    }

    fn file(&mut self, name: &str, path: &Path) -> Result<(), ArchiveError> {
        // A link that took the place of a file would lead out of the home.
        let no_link = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let file = match OpenOptions::new().read(true).custom_flags(no_link).open(path) {
            Ok(file) => file,
            Err(error) if is_gone(&error) && name.starts_with("vfs/") => return Ok(()),
            Err(error) => return Err(ArchiveError::io("reading", path.display())(error)),
        };
        let bytes = file.metadata().map_err(ArchiveError::io("reading", path.display()))?.len();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(1))
            .unix_permissions(0o600)
            .large_file(bytes >= LARGE_BYTES);
        self.zip.start_file(name, options)?;
        // One that grows meanwhile is taken as long as it was.
        let entry = self.copy(file.take(bytes), path)?;
        self.manifest.files.insert(name.to_owned(), entry);
        Ok(())
    }

    fn copy(&mut self, mut from: impl Read, path: &Path) -> Result<FileEntry, ArchiveError> {
        let mut digest = Context::new(&SHA256);
        let mut buffer = vec![0; 256 << 10];
        let mut bytes = 0_u64;
        loop {
            let read = from.read(&mut buffer).map_err(ArchiveError::io("reading", path.display()))?;
            let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
            digest.update(part);
            self.zip.write_all(part).map_err(ArchiveError::io("writing", "the archive"))?;
            bytes += read as u64;
            self.tell(read as u64);
        }
        Ok(FileEntry { bytes, sha256: wharf_types::hex::encode(digest.finish().as_ref()) })
    }

    fn tell(&mut self, read: u64) {
        self.bytes += read;
        if self.told.elapsed() >= PROGRESS_EVERY {
            self.told = Instant::now();
            let bytes = text::bytes(usize::try_from(self.bytes).unwrap_or(usize::MAX));
            note(&format!("{} files, {bytes} ...", self.manifest.files.len()));
        }
    }

    fn finish(mut self) -> Result<Packed, ArchiveError> {
        let json = serde_json::to_vec_pretty(&self.manifest).unwrap_or_default();
        self.zip.start_file(MANIFEST, SimpleFileOptions::default().compression_method(CompressionMethod::Deflated))?;
        self.zip.write_all(&json).map_err(ArchiveError::io("writing", "the archive"))?;
        self.zip.finish()?.flush().map_err(ArchiveError::io("writing", "the archive"))?;
        Ok(Packed { manifest: self.manifest, left_out: self.left_out })
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// Syncs a folder, so that what was renamed in it stays so.
pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
