//! The record at the end of a zip, read strictly before the zip library sees the bytes.
//!
//! Zip readers search for this record and fall back to others that look like one; a crafted file can so claim counts
//! and offsets far beyond its size, or mean different contents to different readers. Packages need none of that
//! freedom: exactly one place is accepted, the directory must lie directly before it, and what it claims must fit.

use crate::error::ArchiveError;

const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
const ZIP64_LOCATOR_SIGNATURE: [u8; 4] = *b"PK\x06\x07";
const ZIP64_LOCATOR_BYTES: usize = 20;
const END_RECORD_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = u16::MAX as usize;

/// Checks the end record and returns how many entries it claims: at most `entries_max`, and never more than the
/// directory has room for.
pub(crate) fn check(bytes: &[u8], entries_max: usize) -> Result<usize, ArchiveError> {
    let position = find(bytes).ok_or(ArchiveError::NotAZip)?;
    let record = bytes.get(position..).unwrap_or_default();
    let field = |at: usize| read_u16(record, at).ok_or(ArchiveError::NotAZip);
    let wide = |at: usize| read_u32(record, at).ok_or(ArchiveError::NotAZip);

    if usize::from(field(20)?) != record.len() - END_RECORD_BYTES {
        return Err(ArchiveError::Malformed("there is something after its end"));
    }
    if field(4)? != 0 || field(6)? != 0 || field(8)? != field(10)? {
        return Err(ArchiveError::Malformed("it is one part of several"));
    }
    let locator = position.checked_sub(ZIP64_LOCATOR_BYTES).and_then(|at| bytes.get(at..at + 4));
    if locator == Some(&ZIP64_LOCATOR_SIGNATURE) {
        return Err(ArchiveError::Malformed("it is in the zip64 form, which is for sizes no package may have"));
    }
    let (size, offset) = (wide(12)? as usize, wide(16)? as usize);
    if offset.checked_add(size) != Some(position) {
        return Err(ArchiveError::Malformed("its directory is not where its end record says"));
    }
    let count = usize::from(field(10)?);
    if count > entries_max {
        return Err(ArchiveError::TooManyEntries { count, max: entries_max });
    }
    Ok(count)
}

/// Where the comment begins: the end of the bytes when there is none. `None` when this is no zip, or goes on after it.
pub(crate) fn comment_at(bytes: &[u8]) -> Option<usize> {
    let position = find(bytes)?;
    let at = position.checked_add(END_RECORD_BYTES)?;
    let length = usize::from(read_u16(bytes, at.checked_sub(2)?)?);
    (at.checked_add(length)? == bytes.len()).then_some(at)
}

/// The last place that looks like an end record: the one the zip library tries first.
fn find(bytes: &[u8]) -> Option<usize> {
    let first = bytes.len().saturating_sub(END_RECORD_BYTES + COMMENT_BYTES_MAX);
    let position = first + bytes.get(first..)?.windows(END_SIGNATURE.len()).rposition(|w| w == END_SIGNATURE)?;
    (bytes.len() - position >= END_RECORD_BYTES).then_some(position)
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
