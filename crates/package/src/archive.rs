//! Reading a zip that a stranger made.
//!
//! [`Archive::open`] checks everything that can be known without unpacking: names, kinds, collisions, counts and
//! claimed sizes. [`Archive::read`] then holds every entry to its claim, so what was checked is what is unpacked and a
//! lying header never makes anything large. Nothing is ever written to disk here.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read, Write};

use zip::read::{ArchiveOffset, Config, ZipArchive};

use crate::end_record;
use crate::error::ArchiveError;
use crate::name::{self, NameProblem};

/// How much a zip may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Entries, folders included.
    pub entries_max: usize,
    /// One file, unpacked.
    pub entry_bytes_max: u64,
    /// All files, unpacked.
    pub total_bytes_max: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { entries_max: 10_000, entry_bytes_max: 128 << 20, total_bytes_max: 256 << 20 }
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A plain file.
    File,
    /// A folder.
    Folder,
}

/// One entry, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A plain relative path, without a `/` at either end.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes when unpacked; reading fails if this turns out to be wrong.
    pub size: u64,
}

/// A zip whose directory has been checked.
pub struct Archive<'a> {
    /// Cheap to clone: the directory is shared and the reader is a position in borrowed bytes.
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Same order and indices as in `zip`.
    entries: Vec<Entry>,
    files: HashMap<String, usize>,
}

/// Buffers grow from at most this size: what a header claims is not allocated before the bytes are there.
const FIRST_ALLOCATION_BYTES_MAX: u64 = 1 << 20;

const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;
const MODE_SYMLINK: u32 = 0o120_000;

impl<'a> Archive<'a> {
    /// Reads and checks the directory of a zip.
    pub fn open(bytes: &'a [u8], limits: &ArchiveLimits) -> Result<Self, ArchiveError> {
        let count = end_record::check(bytes, limits.entries_max)?;
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(ArchiveError::Directory)?;
        if zip.has_duplicate_names() || zip.len() != count {
            return Err(ArchiveError::Malformed("two of its entries have the same name"));
        }
        let mut entries = Vec::with_capacity(count);
        let mut total: u64 = 0;
        for index in 0..count {
            let entry = check_entry(&zip, index, limits)?;
            total = total.saturating_add(entry.size);
            if total > limits.total_bytes_max {
                return Err(ArchiveError::TooBig { max: limits.total_bytes_max });
            }
            entries.push(entry);
        }
        let files = index_files(&entries)?;
        Ok(Self { zip, entries, files })
    }

    /// All entries, in the order of the zip's directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether there is a file with this name.
    pub fn has_file(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Unpacks one file and checks its size and checksum.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let missing = || ArchiveError::Missing { name: name.to_owned() };
        let index = *self.files.get(name).ok_or_else(missing)?;
        let entry = self.entries.get(index).ok_or_else(missing)?;
        let mut bytes = Vec::with_capacity(entry.size.min(FIRST_ALLOCATION_BYTES_MAX) as usize);
        self.unpack(index, entry, &mut bytes)?;
        Ok(bytes)
    }

    /// Unpacks every file without keeping it: afterwards nothing in the zip can surprise whoever writes it to disk.
    pub fn verify(&self) -> Result<(), ArchiveError> {
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.kind == EntryKind::File {
                self.unpack(index, entry, &mut std::io::sink())?;
            }
        }
        Ok(())
    }

    fn unpack(&self, index: usize, entry: &Entry, out: &mut impl Write) -> Result<(), ArchiveError> {
        let damaged = |reason: &dyn std::fmt::Display| ArchiveError::Damaged {
            name: entry.name.clone(),
            reason: reason.to_string(),
        };
        let mut zip = self.zip.clone();
        let file = zip.by_index(index).map_err(|error| damaged(&error))?;
        // One byte more than claimed: enough to notice, and reading to the end is what checks the checksum.
        let mut limited = file.take(entry.size.saturating_add(1));
        let copied = std::io::copy(&mut limited, out).map_err(|error| damaged(&error))?;
        if copied != entry.size {
            return Err(ArchiveError::SizeMismatch { name: entry.name.clone(), claimed: entry.size });
        }
        Ok(())
    }
}

impl std::fmt::Debug for Archive<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("entries", &self.entries).finish_non_exhaustive()
    }
}

/// Checks one entry of the directory, without looking at its data.
fn check_entry(zip: &ZipArchive<Cursor<&[u8]>>, index: usize, limits: &ArchiveLimits) -> Result<Entry, ArchiveError> {
    let header = zip.by_index_data(index).map_err(ArchiveError::Directory)?;
    let (name, kind) = check_name(header.name_raw())?;
    // The upper half of the attributes is the unix mode, whichever system the header names: readers differ in whether
    // they look at that, so an entry that is a link to any of them is refused.
    let special = |what| Err(ArchiveError::Special { name: name.clone(), what });
    match (header.external_attributes() >> 16 & MODE_KIND, kind) {
        (0, _) | (MODE_FILE, EntryKind::File) | (MODE_FOLDER, EntryKind::Folder) => {}
        (MODE_SYMLINK, _) => return special("a symbolic link"),
        (MODE_FOLDER, EntryKind::File) => return special("a folder with the name of a file"),
        (MODE_FILE, EntryKind::Folder) => return special("a file with the name of a folder"),
        _ => return special("a device, pipe or socket"),
    }
    let size = header.size();
    if kind == EntryKind::Folder && size != 0 {
        return special("a folder with contents of its own");
    }
    if size > limits.entry_bytes_max {
        return Err(ArchiveError::EntryTooBig { name, size, max: limits.entry_bytes_max });
    }
    if header.encrypted() {
        return Err(ArchiveError::Method { name, what: "encrypted".to_owned() });
    }
    match header.compression() {
        zip::CompressionMethod::Stored | zip::CompressionMethod::Deflated => Ok(Entry { name, kind, size }),
        other => Err(ArchiveError::Method { name, what: format!("compressed with {other:?}") }),
    }
}

fn check_name(raw: &[u8]) -> Result<(String, EntryKind), ArchiveError> {
    let refuse = |name: &str, problem| ArchiveError::Name { name: shorten(name), problem };
    let text = std::str::from_utf8(raw).map_err(|_| refuse(&String::from_utf8_lossy(raw), NameProblem::NotUtf8))?;
    let (name, kind) = match text.strip_suffix('/') {
        Some("") => return Err(refuse(text, NameProblem::Absolute)),
        Some(folder) => (folder, EntryKind::Folder),
        None => (text, EntryKind::File),
    };
    name::check(name).map_err(|problem| refuse(text, problem))?;
    Ok((name.to_owned(), kind))
}

/// A zip can hold names of 64 KiB; errors do not repeat them in full.
fn shorten(name: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 200;
    name.chars().take(SHOWN_CHARS_MAX).collect()
}

/// Finds files by name, and refuses entries that could not both be unpacked.
fn index_files(entries: &[Entry]) -> Result<HashMap<String, usize>, ArchiveError> {
    let collision = |name: &str, reason| ArchiveError::Collision { name: name.to_owned(), reason };
    let mut files = HashMap::new();
    let mut folders = HashSet::new();
    for (index, entry) in entries.iter().enumerate() {
        match entry.kind {
            EntryKind::File if files.insert(entry.name.clone(), index).is_some() => {
                return Err(collision(&entry.name, "another entry has the same name"));
            }
            EntryKind::Folder if !folders.insert(entry.name.as_str()) => {
                return Err(collision(&entry.name, "another entry has the same name"));
            }
            EntryKind::File | EntryKind::Folder => {}
        }
    }
    for entry in entries {
        if entry.kind == EntryKind::File && folders.contains(entry.name.as_str()) {
            return Err(collision(&entry.name, "it is both a file and a folder"));
        }
        let mut parent = entry.name.as_str();
        while let Some((folder, _)) = parent.rsplit_once('/') {
            if files.contains_key(folder) {
                return Err(collision(&entry.name, "it lies in a folder that is a file"));
            }
            parent = folder;
        }
    }
    Ok(files)
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
