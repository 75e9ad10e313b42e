//! Where the things under test are.

use std::path::{Path, PathBuf};

/// The folder of the programs under test: `WHARF_BINARIES` if set, for example to test what is shipped; else
/// `target/quick`, two folders above the running test.
fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("WHARF_BINARIES") {
        return folder.into();
    }
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    folder.to_owned()
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing; `scripts/test` builds what the tests need", path.display());
    path
}

/// A binary, `wharfd` or `wharf`.
pub fn binary(name: &str) -> PathBuf {
    existing(binaries().join(name))
}

/// A built package of the project, for example `echo:wharf.os`.
pub fn package(id: &str) -> PathBuf {
    existing(binaries().join(format!("../packages/{id}.zip")))
}

/// A built package of the tests, for example `prober:test.os`.
pub fn test_package(id: &str) -> PathBuf {
    existing(binaries().join(format!("../test-packages/{id}.zip")))
}

/// What was built of the guest programs.
pub(crate) fn guests() -> PathBuf {
    existing(binaries().join("../guests"))
}

/// The versions of libraries that guest programs are built with.
pub fn guest_lock() -> PathBuf {
    existing(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages/Cargo.lock"))
}

/// Tools of other languages that tests get from PyPI, once.
pub(crate) fn tools() -> PathBuf {
    let path = binaries().join("../tools");
    std::fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}

/// Compiled code that nodes of tests share. Only time is saved: a node works as well without.
pub(crate) fn shared_cache() -> PathBuf {
    let path = binaries().join("../test-cache");
    std::fs::create_dir_all(&path).unwrap();
    path.canonicalize().unwrap()
}
