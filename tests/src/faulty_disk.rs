//! A disk beneath a daemon that fails, or loses power, when a test says so. `tests/faulty-disk` is what the daemon has in
//! place of the C library's functions for files.

mod layout;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use tempfile::NamedTempFile;

pub(crate) use self::layout::LOST_POWER;
use self::layout::{ERRNO, FAILED, LEFT, MODE, Mode, ON_DISK, PAGE_BYTES, PAGE_PATH, SEED};
use crate::paths;

/// `errno` of a disk that cannot read or write.
pub const EIO: u64 = 5;
/// `errno` of a disk that is full.
pub const ENOSPC: u64 = 28;

/// The disk. It works until it is told not to.
#[derive(Debug)]
pub struct FaultyDisk {
    page: NamedTempFile,
    shell: String,
}

impl FaultyDisk {
    /// A disk with the databases of a home, and the files of its packages.
    pub fn under(home: &Path) -> Self {
        let page = NamedTempFile::new().unwrap();
        page.as_file().set_len(PAGE_BYTES as u64).unwrap();
        let on_disk =
            ["kernel.db", "kv/", "sqlite/", "vfs/"].map(|name| home.join(name).display().to_string()).join(":");
        let library = paths::binary("libwharf_faulty_disk.so");
        let shell = format!(
            "export {PAGE_PATH}='{}' {ON_DISK}='{on_disk}' LD_PRELOAD='{}'; exec \"$@\"",
            page.path().display(),
            library.display(),
        );
        Self { page, shell }
    }

    /// The shell line to start a daemon with, so that it is on this disk.
    pub fn shell(&self) -> &str {
        &self.shell
    }

    /// Lets `before` operations work; the one after them fails, and then all work again.
    pub fn fail_once(&self, before: u64, errno: u64) {
        self.set(ERRNO, errno);
        self.begin(Mode::FailsOnce, before);
    }

    /// Lets `before` operations work, and no other.
    pub fn fail(&self, before: u64, errno: u64) {
        self.set(ERRNO, errno);
        self.begin(Mode::Fails, before);
    }

    /// Lets `before` operations work; at the one after them the daemon ends, and of what was not synced since this call
    /// some is there and some is not. `seed` settles which.
    pub fn lose_power(&self, before: u64, seed: u64) {
        self.set(SEED, seed);
        self.begin(Mode::LosesPower, before);
    }

    /// Lets everything work. How many operations had failed.
    pub fn mend(&self) -> u64 {
        self.set(MODE, Mode::Works as u64);
        self.get(FAILED)
    }

    fn begin(&self, mode: Mode, before: u64) {
        self.set(FAILED, 0);
        self.set(LEFT, before);
        self.set(MODE, mode as u64);
    }

    fn file(&self) -> &File {
        self.page.as_file()
    }

    fn set(&self, at: usize, value: u64) {
        self.file().write_all_at(&value.to_ne_bytes(), at as u64).unwrap();
    }

    fn get(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        self.file().read_exact_at(&mut bytes, at as u64).unwrap();
        u64::from_ne_bytes(bytes)
    }
}
