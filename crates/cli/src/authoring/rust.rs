//! Processes in Rust: found in a package's folder, and compiled with cargo.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::authoring::code::NOT_CODE;
use crate::authoring::wit::{self, Reader};
use crate::errors::{CliError, CliResult};

/// What processes are compiled for.
const TARGET: &str = "wasm32-wasip1";

/// The Rust code of a package.
#[derive(Debug)]
pub(crate) struct RustCode {
    /// What cargo builds, one after the other: the package's folder, or folders in it.
    roots: Vec<PathBuf>,
    /// Where it builds them.
    target: PathBuf,
}

impl RustCode {
    /// Looks for it: a `Cargo.toml` in the folder, or else in folders in it.
    pub(crate) fn find(package: &Path) -> CliResult<Self> {
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| package.join("target"), PathBuf::from);
        if package.join("Cargo.toml").is_file() {
            return Ok(Self { roots: vec![package.to_owned()], target });
        }
        let failed = |error| CliError::file("read the folder", package, &error);
        let mut roots = Vec::new();
        for entry in fs::read_dir(package).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_code = path.file_name().is_some_and(|name| NOT_CODE.iter().all(|other| name != *other));
            if is_code && path.join("Cargo.toml").is_file() {
                roots.push(path);
            }
        }
        roots.sort();
        Ok(Self { roots, target })
    }

    /// Whether there is any.
    pub(crate) fn is_there(&self) -> bool {
        !self.roots.is_empty()
    }

    /// Where the modules are once it is built.
    pub(crate) fn modules(&self) -> PathBuf {
        self.target.join(TARGET).join("release")
    }

    /// Compiles it. What cargo has to say goes to stderr, as cargo says it.
    pub(crate) fn build(&self, package: &Path) -> CliResult<()> {
        check_tools()?;
        for root in &self.roots {
            wit::put_into(&root.join("target").join("wit"), package, Reader::Any)?;
            let mut cargo = Command::new("cargo");
            cargo.args(["build", "--release", "--target", TARGET, "--target-dir"]).arg(&self.target);
            // Cargo's own output is no result of ours.
            cargo.current_dir(root).stdin(Stdio::null()).stdout(Stdio::null());
            let status =
                cargo.status().map_err(|error| CliError::bad_input(format_args!("cannot run cargo: {error}")))?;
            if !status.success() {
                return Err(CliError::bad_input(format_args!("cargo could not build {} ({status})", root.display()))
                    .hint("what is wrong is above; `cargo check --target wasm32-wasip1` finds it faster"));
            }
        }
        Ok(())
    }
}

/// Says which tool is missing, before cargo fails in words of its own.
fn check_tools() -> CliResult<()> {
    let rustc = Command::new("rustc").args(["--print", "sysroot"]).stderr(Stdio::null()).output();
    let sysroot = match rustc {
        Ok(printed) if printed.status.success() => PathBuf::from(String::from_utf8_lossy(&printed.stdout).trim()),
        _ => {
            return Err(CliError::bad_input("this package is written in Rust, and there is no Rust compiler here")
                .hint("get it from https://rustup.rs, then `rustup target add wasm32-wasip1`"));
        }
    };
    // Another compiler that the author chose has its libraries elsewhere.
    if env::var_os("RUSTC").is_some() || sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        return Ok(());
    }
    Err(CliError::bad_input(format_args!("the Rust compiler here cannot build for {TARGET}"))
        .hint(format_args!("rustup target add {TARGET}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn code_is_the_folder_itself_or_folders_in_it_that_are_not_for_something_else() {
        let package = tempfile::tempdir().unwrap();
        let put = |folder: &str| {
            fs::create_dir_all(package.path().join(folder)).unwrap();
            fs::write(package.path().join(folder).join("Cargo.toml"), "").unwrap();
        };
        assert!(!RustCode::find(package.path()).unwrap().is_there());
        ["worker", "main", "test", "ui"].into_iter().for_each(put);
        let found = RustCode::find(package.path()).unwrap();
        assert_eq!(found.roots, [package.path().join("main"), package.path().join("worker")]);
        put("");
        assert_eq!(RustCode::find(package.path()).unwrap().roots, [package.path().join("")]);
    }
}
