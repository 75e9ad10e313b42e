//! Which operation fails, or loses the power.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use libc::c_int;

use crate::layout::{ERRNO, FAILED, LEFT, MODE, Mode, ON_DISK, PAGE_BYTES, PAGE_PATH, SEED};
use crate::unsynced::{Change, Unsynced};

/// What is to become of an operation.
pub(crate) enum Verdict {
    /// It is done as asked.
    Done,
    /// It fails with this `errno`.
    Fails(c_int),
}

/// The disk beneath this program, if a test gave it one.
pub(crate) struct Disk {
    page: Page,
    paths: Vec<Vec<u8>>,
    /// Held during each operation: a loss of power happens between two of them.
    unsynced: Mutex<Unsynced>,
}

/// The operation under way. The next one begins when this is dropped.
pub(crate) struct Turn<'a> {
    disk: &'a Disk,
    unsynced: MutexGuard<'a, Unsynced>,
}

impl Disk {
    /// The disk, when it is to do anything but work.
    pub(crate) fn armed() -> Option<&'static Self> {
        static DISK: OnceLock<Option<Disk>> = OnceLock::new();
        let disk = DISK.get_or_init(Self::given).as_ref()?;
        (disk.mode() != Mode::Works).then_some(disk)
    }

    fn given() -> Option<Self> {
        let page = Page::open(Path::new(&std::env::var_os(PAGE_PATH)?))?;
        let paths = std::env::var_os(ON_DISK)?.into_vec().split(|byte| *byte == b':').map(<[u8]>::to_vec).collect();
        Some(Self { page, paths, unsynced: Mutex::default() })
    }

    fn mode(&self) -> Mode {
        let mode = self.page.at(MODE).load(Ordering::Acquire);
        let all = [Mode::FailsOnce, Mode::Fails, Mode::LosesPower];
        all.into_iter().find(|known| *known as u64 == mode).unwrap_or(Mode::Works)
    }

    /// The path of an open file, if it is on this disk. What SQLite shares between connections is memory, not on disk.
    pub(crate) fn path_of(&self, file: c_int) -> Option<PathBuf> {
        let path = std::fs::read_link(format!("/proc/self/fd/{file}")).ok()?;
        self.has(&path).then_some(path)
    }

    /// Whether a path is on this disk.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        self.paths.iter().any(|on_disk| path.starts_with(on_disk)) && !path.ends_with(b"-shm")
    }

    /// Waits for the operations before.
    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn { disk: self, unsynced: self.unsynced.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Turn<'_> {
    /// Decides about a change of a file. Does not return when the power is lost.
    pub(crate) fn change(&mut self, path: &Path, change: Change) -> Verdict {
        if self.disk.mode() == Mode::LosesPower {
            self.unsynced.note(path, change);
        }
        self.verdict()
    }

    /// Decides about a sync. Does not return when the power is lost.
    pub(crate) fn sync(&mut self, path: &Path) -> Verdict {
        let verdict = self.verdict();
        if matches!(verdict, Verdict::Done) {
            self.unsynced.forget(path);
        }
        verdict
    }

    fn verdict(&mut self) -> Verdict {
        let page = &self.disk.page;
        let left = page.left().fetch_sub(1, Ordering::SeqCst);
        let errno = c_int::try_from(page.at(ERRNO).load(Ordering::SeqCst)).unwrap_or(libc::EIO);
        let fails = match self.disk.mode() {
            Mode::Works => false,
            Mode::FailsOnce => left == 0,
            Mode::Fails => left <= 0,
            Mode::LosesPower if left <= 0 => self.unsynced.lose(page.at(SEED).load(Ordering::SeqCst)),
            Mode::LosesPower => false,
        };
        if !fails {
            return Verdict::Done;
        }
        page.at(FAILED).fetch_add(1, Ordering::SeqCst);
        Verdict::Fails(errno)
    }
}

/// The page that is shared with the test. It is mapped for as long as the program runs.
struct Page(&'static [AtomicU64; PAGE_BYTES / 8]);

impl Page {
    fn open(path: &Path) -> Option<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping of an open file, at an address that the system chooses; nothing else is touched.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), PAGE_BYTES, access, libc::MAP_SHARED, file.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the mapping has PAGE_BYTES, begins at a page and so is aligned, and is never taken away. The test
        // changes it from outside; atomics allow for that.
        Some(Self(unsafe { &*at.cast() }))
    }

    #[allow(clippy::indexing_slicing, reason = "constants within the page")]
    fn at(&self, offset: usize) -> &AtomicU64 {
        &self.0[offset / 8]
    }

    fn left(&self) -> &AtomicI64 {
        // SAFETY: both are eight bytes with the same alignment, and every value is valid for both.
        unsafe { &*std::ptr::from_ref(self.at(LEFT)).cast() }
    }
}
