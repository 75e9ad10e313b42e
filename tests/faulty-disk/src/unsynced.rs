//! What was not synced yet, and what of it a loss of power leaves.
//!
//! Each write that was not synced is there afterwards, or is not, or is there in part: which, is drawn by lot, a sector
//! at a time, with no regard to their order. That is what a disk may do; names of files are taken to be there at once.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use crate::layout::LOST_POWER;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// One change of a file.
pub(crate) enum Change {
    Write { at: u64, bytes: Vec<u8> },
    Length(u64),
}

/// A file as it was synced, and what came after.
struct File {
    synced: Vec<u8>,
    changes: Vec<Change>,
}

/// Files with changes that were not synced.
#[derive(Default)]
pub(crate) struct Unsynced(HashMap<PathBuf, File>);

impl Unsynced {
    /// A file is about to be changed.
    pub(crate) fn note(&mut self, path: &Path, change: Change) {
        let synced = || File { synced: fs::read(path).unwrap_or_default(), changes: Vec::new() };
        self.0.entry(path.to_owned()).or_insert_with(synced).changes.push(change);
    }

    /// A file was synced, or is gone.
    pub(crate) fn forget(&mut self, path: &Path) {
        self.0.remove(path);
    }

    /// Leaves of each file what a disk may have of it, and ends the program.
    pub(crate) fn lose(&mut self, seed: u64) -> ! {
        let mut lot = Lot(seed);
        for (path, file) in self.0.drain() {
            let bytes = left_of(file, &mut lot);
            let changed = OpenOptions::new().write(true).open(&path).and_then(|file| replace(&file, &bytes));
            if let Err(error) = changed {
                eprintln!("losing power: {}: {error}", path.display());
            }
        }
        // SAFETY: ends the program at once; nothing of it runs any more, which is what is wanted.
        unsafe { libc::_exit(LOST_POWER) }
    }
}

/// Puts `bytes` in place of what a file has. By the system calls: what Rust's library calls are the functions that wait
/// for this one to end.
fn replace(file: &fs::File, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        // SAFETY: `rest` is there for the call.
        let wrote = unsafe { libc::syscall(libc::SYS_pwrite64, file.as_raw_fd(), rest.as_ptr(), rest.len(), done) };
        done += usize::try_from(wrote).map_err(|_| io::Error::last_os_error())?;
    }
    // SAFETY: takes numbers only.
    let cut = unsafe { libc::syscall(libc::SYS_ftruncate, file.as_raw_fd(), bytes.len()) };
    if cut == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn left_of(file: File, lot: &mut Lot) -> Vec<u8> {
    let mut left = file.synced;
    for change in file.changes {
        match change {
            Change::Length(bytes) => {
                if lot.falls() {
                    left.resize(usize::try_from(bytes).unwrap_or(usize::MAX), 0);
                }
            }
            Change::Write { at, bytes } => {
                let mut at = usize::try_from(at).unwrap_or(usize::MAX);
                for sector in bytes.chunks(SECTOR_BYTES) {
                    let end = at.saturating_add(sector.len());
                    if lot.falls() {
                        if left.len() < end {
                            left.resize(end, 0);
                        }
                        if let Some(place) = left.get_mut(at..end) {
                            place.copy_from_slice(sector);
                        }
                    }
                    at = end;
                }
            }
        }
    }
    left
}

/// Small and repeatable (SplitMix64).
struct Lot(u64);

impl Lot {
    /// Half of the time.
    fn falls(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) & 1 == 0
    }
}
