//! The functions of the C library that change files, as the daemon calls them.
//!
//! What is to be done is done by the system call itself: the functions of that name are these here.

use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{c_char, c_int, c_void, off64_t, size_t, ssize_t};

use crate::disk::{Disk, Verdict};
use crate::unsynced::Change;

/// Fails as the C library does.
fn failed(errno: c_int) -> c_int {
    // SAFETY: the address is that of this thread's own `errno`.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// What a system call of few values returned, as the C library returns it: those of files fit.
fn returned(value: libc::c_long) -> c_int {
    c_int::try_from(value).unwrap_or(-1)
}

/// # Safety
/// As of `write`: `data` has `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn write(file: c_int, data: *const c_void, count: size_t) -> ssize_t {
    // SAFETY: the arguments are the caller's.
    let write = || unsafe { libc::syscall(libc::SYS_write, file, data, count) as ssize_t };
    let Some((disk, path)) = Disk::armed().and_then(|disk| Some((disk, disk.path_of(file)?))) else { return write() };
    let mut turn = disk.turn();
    // SAFETY: moves nothing.
    let at = unsafe { libc::lseek64(file, 0, libc::SEEK_CUR) };
    // SAFETY: the caller says that they are there.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), count) }.to_vec();
    match turn.change(&path, Change::Write { at: at.unsigned_abs(), bytes }) {
        Verdict::Done => write(),
        Verdict::Fails(errno) => failed(errno) as ssize_t,
    }
}

/// # Safety
/// As of `pwrite64`: `data` has `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(file: c_int, data: *const c_void, count: size_t, at: off64_t) -> ssize_t {
    // SAFETY: the arguments are the caller's.
    let write = || unsafe { libc::syscall(libc::SYS_pwrite64, file, data, count, at) as ssize_t };
    let Some((disk, path)) = Disk::armed().and_then(|disk| Some((disk, disk.path_of(file)?))) else { return write() };
    let mut turn = disk.turn();
    // SAFETY: the caller says that they are there.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), count) }.to_vec();
    match turn.change(&path, Change::Write { at: at.unsigned_abs(), bytes }) {
        Verdict::Done => write(),
        Verdict::Fails(errno) => failed(errno) as ssize_t,
    }
}

/// # Safety
/// As of `pwrite`: `data` has `count` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(file: c_int, data: *const c_void, count: size_t, at: off64_t) -> ssize_t {
    // SAFETY: on 64-bit systems they are the same.
    unsafe { pwrite64(file, data, count, at) }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate64(file: c_int, bytes: off64_t) -> c_int {
    // SAFETY: takes numbers only.
    let truncate = || returned(unsafe { libc::syscall(libc::SYS_ftruncate, file, bytes) });
    let Some((disk, path)) = Disk::armed().and_then(|disk| Some((disk, disk.path_of(file)?))) else {
        return truncate();
    };
    let mut turn = disk.turn();
    match turn.change(&path, Change::Length(bytes.unsigned_abs())) {
        Verdict::Done => truncate(),
        Verdict::Fails(errno) => failed(errno),
    }
}

#[unsafe(no_mangle)]
extern "C" fn ftruncate(file: c_int, bytes: off64_t) -> c_int {
    ftruncate64(file, bytes)
}

/// Nothing is synced in fact: a loss of power is only played.
fn sync(file: c_int, call: libc::c_long) -> c_int {
    // SAFETY: takes numbers only.
    let sync = || returned(unsafe { libc::syscall(call, file) });
    let Some((disk, path)) = Disk::armed().and_then(|disk| Some((disk, disk.path_of(file)?))) else { return sync() };
    match disk.turn().sync(&path) {
        Verdict::Done => 0,
        Verdict::Fails(errno) => failed(errno),
    }
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    sync(file, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(file, libc::SYS_fdatasync)
}

/// # Safety
/// As of `unlink`: `path` ends with a zero.
#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the arguments are the caller's.
    let unlink = || returned(unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) });
    let Some(disk) = Disk::armed() else { return unlink() };
    // SAFETY: the caller says that it ends.
    let named = Path::new(std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()));
    if !disk.has(named) {
        return unlink();
    }
    match disk.turn().sync(named) {
        Verdict::Done => unlink(),
        Verdict::Fails(errno) => failed(errno),
    }
}
