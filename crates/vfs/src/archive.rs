//! Unpacking a zip that nobody vouches for.
//!
//! In this order: every entry's name and kind is checked; every entry is unpacked into the staging folder, where the
//! bytes that really come out are counted; the target is checked for what would be in the way; and only then do files
//! appear, each by one `rename`. A zip that is refused, or that does not fit on the disk, leaves the target untouched.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};

use rustix::io::Errno;
use wharf_types::vfs::FileType;
use zip::ZipReadOptions;
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use crate::core::Vfs;
use crate::error::{Doing, Failure};
use crate::ledger::Reservation;
use crate::limits::VfsLimits;
use crate::path::{PATH_BYTES_MAX, Segment, VfsPath, join};
use crate::storage::{StagedFile, Usage};

const COPY_BUFFER_BYTES: usize = 64 << 10;

/// The part of a Unix mode that is the kind of file, and its two kinds that are accepted.
const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;

/// Unlike the crate's usual reader, this one tells the number of entries before it takes memory for them, and shows
/// entries that share a name.
type Archive<'a> = ZipIterable<Cursor<&'a [u8]>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
}

/// What one entry becomes beneath the target.
#[derive(Debug)]
struct Planned {
    way: Vec<Segment>,
    kind: Kind,
}

impl Vfs {
    /// Unpacks a zip into a folder, which is made when it is missing; existing files are replaced.
    pub fn add_zip(&self, path: &VfsPath, zip: &[u8]) -> Result<(), Failure> {
        let action = "unpack a zip into";
        let refused = Refused { path };
        let ledger = self.ledger(path);
        let limits = ledger.limits();
        let mut archive =
            ZipIterable::try_new(Cursor::new(zip), zip::read::Config::default()).map_err(|error| refused.zip(error))?;
        let plan = plan(&mut archive, path, limits)?;
        drop(ledger.grow().doing(action, path)?);
        let mut room = ledger.reserve(Usage::default()).doing(action, path)?;
        let staged = self.stage(&mut archive, &plan, path, &mut room)?;
        self.sync_all().doing(action, path)?;
        self.make_folders(path.package(), path.segments()).doing(action, path)?;
        let planned: Vec<_> = plan.iter().map(|planned| (planned.kind, path.below(&planned.way))).collect();
        planned.iter().try_for_each(|(kind, path)| self.check_target(*kind, path)).doing(action, path)?;
        self.place(&planned, staged, &mut room).doing(action, path)?;
        self.storage.sync_dir(path.segments()).doing(action, path)
    }

    /// Unpacks the files of the plan, in its order.
    fn stage(
        &self,
        archive: &mut Archive<'_>,
        plan: &[Planned],
        path: &VfsPath,
        room: &mut Reservation,
    ) -> Result<Vec<Unpacked<'_>>, Failure> {
        let refused = Refused { path };
        let ledger = self.ledger(path);
        let limits = ledger.limits();
        let mut entries =
            archive.files_with_cloned_reader(ZipReadOptions::new()).map_err(|error| refused.zip(error))?;
        let mut bytes_left = limits.zip_bytes_max;
        let mut staged = Vec::new();
        for planned in plan {
            let entry = entries.next().ok_or_else(|| refused.because("the directory of the zip changed"))?;
            if planned.kind == Kind::Folder {
                continue;
            }
            let mut entry = entry.map_err(|error| refused.zip(error))?;
            let mut file = self.storage.stage().doing("unpack a zip into", path)?;
            let bytes_max = bytes_left.min(limits.file_bytes_max);
            let bytes = unpack(&mut entry, &mut *file, bytes_max, room, &refused)?;
            bytes_left -= bytes;
            file.close();
            staged.push((file, bytes));
        }
        Ok(staged)
    }

    /// Fails when something is in the way of an entry.
    fn check_target(&self, kind: Kind, path: &VfsPath) -> io::Result<()> {
        let found = match self.storage.metadata(path.segments()) {
            Ok(metadata) => metadata.kind,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        match (kind, found) {
            (Kind::File, FileType::File) | (Kind::Folder, FileType::Directory) => Ok(()),
            (Kind::File, _) => Err(Errno::ISDIR.into()),
            (Kind::Folder, _) => Err(Errno::NOTDIR.into()),
        }
    }

    /// Lets everything appear.
    fn place(&self, plan: &[(Kind, VfsPath)], staged: Vec<Unpacked<'_>>, room: &mut Reservation) -> io::Result<()> {
        let mut staged = staged.into_iter();
        for (kind, path) in plan {
            if *kind == Kind::Folder {
                self.make_folders(path.package(), path.segments())?;
                continue;
            }
            let (file, bytes) = staged.next().ok_or_else(|| io::Error::other("an entry was not unpacked"))?;
            let above = path.segments().split_last().map(|(_, above)| above).unwrap_or_default();
            self.make_folders(path.package(), above)?;
            let ledger = self.ledger(path);
            let _names = ledger.change()?;
            self.replace_by(&ledger, path, || {
                file.place(path.segments())?;
                room.keep(Usage { bytes, files: 1 });
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// A file of the zip that nobody sees yet, and its length.
type Unpacked<'a> = (Box<dyn StagedFile + 'a>, u64);

/// Says for which path a zip is refused.
struct Refused<'a> {
    path: &'a VfsPath,
}

impl Refused<'_> {
    fn because(&self, reason: impl Into<String>) -> Failure {
        Failure::BadZip { path: self.path.to_string(), reason: reason.into() }
    }

    fn zip(&self, error: ZipError) -> Failure {
        self.because(error.to_string())
    }

    fn entry(&self, entry: &str, reason: &'static str) -> Failure {
        Failure::BadZipEntry { path: self.path.to_string(), entry: entry.escape_debug().to_string(), reason }
    }
}

/// Checks all names and kinds. The plan has one item for each entry, in the zip's order.
fn plan(archive: &mut Archive<'_>, path: &VfsPath, limits: &VfsLimits) -> Result<Vec<Planned>, Failure> {
    let refused = Refused { path };
    if archive.len() > limits.zip_entries_max {
        let text = format!("it has {} entries; {} are accepted", archive.len(), limits.zip_entries_max);
        return Err(refused.because(text));
    }
    let mut taken = Taken { kinds: HashMap::new(), entries_max: limits.zip_entries_max };
    let mut plan = Vec::new();
    for entry in archive.files().map_err(|error| refused.zip(error))? {
        let entry = entry.map_err(|error| refused.zip(error))?;
        let name = entry.name().map_err(|error| refused.zip(error))?;
        if entry.encrypted() {
            return Err(refused.entry(&name, "it is encrypted"));
        }
        let way = way(&name).map_err(|reason| refused.entry(&name, reason))?;
        if way.len() > limits.zip_depth_max {
            return Err(refused.entry(&name, "it is too many folders deep"));
        }
        let kind = kind(&name, entry.unix_mode(), entry.size()).map_err(|reason| refused.entry(&name, reason))?;
        taken.take(&way, kind).map_err(|reason| refused.entry(&name, reason))?;
        plan.push(Planned { way, kind });
    }
    Ok(plan)
}

/// The way down that an entry's name means. Unlike in a path, nothing is forgiven: there is no reason for `..`, or for
/// a leading slash, in a zip.
fn way(name: &str) -> Result<Vec<Segment>, &'static str> {
    if name.len() > PATH_BYTES_MAX {
        return Err("its name is too long");
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    let name = name.strip_prefix("./").unwrap_or(name);
    if name == "." {
        return Ok(Vec::new());
    }
    name.split('/').map(Segment::new).collect::<Result<_, _>>().map_err(|_| "its name is no path beneath the target")
}

fn kind(name: &str, mode: Option<u32>, size: u64) -> Result<Kind, &'static str> {
    match (mode.unwrap_or(0) & MODE_KIND, name.ends_with('/')) {
        (0 | MODE_FILE, false) => Ok(Kind::File),
        // Some programs write folders without saying so in the mode.
        (0 | MODE_FILE | MODE_FOLDER, true) if size == 0 => Ok(Kind::Folder),
        (0 | MODE_FILE | MODE_FOLDER, true) => Err("it is a folder with content"),
        (MODE_FOLDER, false) => Err("it is a folder whose name is that of a file"),
        _ => Err("it is neither a file nor a folder"),
    }
}

/// Names that entries, or the folders above them, already have.
struct Taken {
    kinds: HashMap<String, Kind>,
    entries_max: usize,
}

impl Taken {
    fn take(&mut self, way: &[Segment], kind: Kind) -> Result<(), &'static str> {
        for depth in 1..=way.len() {
            let kind = if depth == way.len() { kind } else { Kind::Folder };
            let name = join(way.get(..depth).unwrap_or_default());
            match (self.kinds.get(&name), kind) {
                (Some(Kind::Folder), Kind::Folder) => continue,
                (Some(_), _) => return Err("another entry has its name, or that of a folder above it"),
                (None, _) => {}
            }
            if self.kinds.len() >= self.entries_max {
                return Err("the zip makes too many files and folders");
            }
            self.kinds.insert(name, kind);
        }
        if way.is_empty() && kind == Kind::File { Err("it has no name") } else { Ok(()) }
    }
}

/// Unpacks one entry, and counts what really comes out: sizes that a zip announces are only claims.
fn unpack(
    entry: &mut impl Read,
    staged: &mut dyn StagedFile,
    bytes_max: u64,
    room: &mut Reservation,
    refused: &Refused<'_>,
) -> Result<u64, Failure> {
    room.extend(Usage { bytes: 0, files: 1 }).doing("unpack a zip into", refused.path)?;
    let mut buffer = vec![0; COPY_BUFFER_BYTES];
    let mut length: u64 = 0;
    loop {
        let read = match entry.read(&mut buffer) {
            Ok(0) => return Ok(length),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(refused.because(error.to_string())),
        };
        length = length.saturating_add(read as u64);
        if length > bytes_max {
            return Err(refused.because("it unpacks to more bytes than are accepted"));
        }
        let chunk = buffer.get(..read).unwrap_or_default();
        room.extend(Usage { bytes: read as u64, files: 0 })
            .and_then(|()| staged.write_all(chunk))
            .doing("unpack a zip into", refused.path)?;
    }
}
