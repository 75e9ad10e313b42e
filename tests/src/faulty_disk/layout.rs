//! The page that a test and the disk under its daemon share: numbers of eight bytes, in the machine's order.
//!
//! Compiled into both: `tests/faulty-disk` names this file.

/// Bytes of the page.
pub(crate) const PAGE_BYTES: usize = 4096;

/// Where [`Mode`] is.
pub(crate) const MODE: usize = 0;
/// How many more operations work, signed.
pub(crate) const LEFT: usize = 8;
/// How many operations failed.
pub(crate) const FAILED: usize = 16;
/// What `errno` says of those.
pub(crate) const ERRNO: usize = 24;
/// What the choice of lost writes begins with.
pub(crate) const SEED: usize = 32;

/// What the daemon ends with when the power is lost; no other end of it has that.
pub(crate) const LOST_POWER: i32 = 99;

/// What the disk does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Mode {
    /// It works.
    Works = 0,
    /// One operation fails, the one after it works.
    FailsOnce = 1,
    /// From one operation on, all fail.
    Fails = 2,
    /// At one operation the power is lost: the program ends, and of what was not synced some is there and some is not.
    LosesPower = 3,
}

/// The environment: the path of the page.
pub(crate) const PAGE_PATH: &str = "WHARF_FAULTY_DISK_PAGE";
/// The environment: beginnings of the paths of files that are on the disk, with `:` between them.
pub(crate) const ON_DISK: &str = "WHARF_FAULTY_DISK_PATHS";
