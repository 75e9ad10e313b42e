//! The log beside the database, `kernel.db-wal`: whether it is there, and whether it is all there.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong and takes the rest for what a crash cut off. That is
//! right for the last transaction, which may not have been acknowledged. But each transaction is synced before the next
//! one is begun: where two or more follow a damaged frame, the first of them was acknowledged, and dropping it would
//! bring back what was killed or revoked. A log that lacks its end altogether cannot be told from one after a crash.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;

/// What was found beside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Log {
    /// Nothing that SQLite would read: no file, an empty one, or one whose header is not whole.
    None,
    /// One that is whole, up to what a crash may have cut off.
    Sound,
    /// One in which something is damaged that was acknowledged.
    Damaged,
}

/// Looks at the log at `path`.
pub(crate) fn inspect(path: &Path) -> io::Result<Log> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Log::None),
        Err(error) => return Err(error),
    };
    let mut reader = BufReader::with_capacity(256 << 10, file);
    let mut header = [0; HEADER_BYTES];
    if !fill(&mut reader, &mut header)? {
        return Ok(Log::None);
    }
    let Some(mut scan) = Scan::begin(&header) else { return Ok(Log::None) };
    let mut page = vec![0; scan.page_bytes];
    let mut frame = [0; FRAME_HEADER_BYTES];
    while fill(&mut reader, &mut frame)? && fill(&mut reader, &mut page)? {
        scan.frame(&frame, &page);
    }
    Ok(if scan.commits_behind_damage >= 2 { Log::Damaged } else { Log::Sound })
}

/// `false` at the end of the file; what is left there is no whole frame.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

struct Scan {
    page_bytes: usize,
    word: fn([u8; 4]) -> u32,
    salts: [u8; 8],
    sum: Sum,
    is_whole: bool,
    commits_behind_damage: u32,
}

impl Scan {
    fn begin(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let word: fn([u8; 4]) -> u32 = match number(header, 0)? {
            MAGIC_LITTLE => u32::from_le_bytes,
            MAGIC_BIG => u32::from_be_bytes,
            _ => return None,
        };
        let page_bytes = usize::try_from(number(header, 8)?).ok()?;
        let sum = Sum::default().over(header.get(..24)?, word);
        let is_page = page_bytes.is_power_of_two() && (512..=65_536).contains(&page_bytes);
        let salts = header.get(16..24)?.try_into().ok()?;
        let whole = is_page && sum == Sum(number(header, 24)?, number(header, 28)?);
        whole.then_some(Self { page_bytes, word, salts, sum, is_whole: true, commits_behind_damage: 0 })
    }

    fn frame(&mut self, frame: &[u8; FRAME_HEADER_BYTES], page: &[u8]) {
        // Frames of an older round of the log have other salts.
        let is_current = frame.get(8..16) == Some(&self.salts[..]);
        if self.is_whole {
            let sum = self.sum.over(frame.get(..8).unwrap_or_default(), self.word).over(page, self.word);
            self.is_whole = is_current && Some(sum) == number(frame, 16).zip(number(frame, 20)).map(|(a, b)| Sum(a, b));
            self.sum = sum;
        }
        let is_commit = number(frame, 4).is_some_and(|pages_after| pages_after > 0);
        if !self.is_whole && is_current && is_commit {
            self.commits_behind_damage += 1;
        }
    }
}

/// SQLite's checksum of the log, which goes on from frame to frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum(u32, u32);

impl Sum {
    fn over(self, bytes: &[u8], word: fn([u8; 4]) -> u32) -> Self {
        let Self(mut first, mut second) = self;
        let (pairs, _) = bytes.as_chunks::<8>();
        for &[a, b, c, d, e, f, g, h] in pairs {
            first = first.wrapping_add(word([a, b, c, d])).wrapping_add(second);
            second = second.wrapping_add(word([e, f, g, h])).wrapping_add(first);
        }
        Self(first, second)
    }
}

/// The number at `at`; all of them are big-endian, whatever the checksum is made of.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
}
