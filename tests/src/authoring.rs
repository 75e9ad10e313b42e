//! `wharf` for the author of a package, who needs no node.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::Ran;
use crate::paths;

/// `wharf` with the compiler that builds the guests, and what it has built already.
pub fn command(args: &[&str]) -> Command {
    let built = paths::guests();
    let mut wharf = Command::new(paths::binary("wharf"));
    let toolchain = fs::read_to_string(built.join("toolchain.env")).unwrap();
    wharf.envs(toolchain.lines().filter_map(|line| line.split_once('=')));
    wharf.args(args).env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true").stdin(Stdio::null());
    wharf.env_remove("WHARF_HOME").env("XDG_CACHE_HOME", paths::shared_cache());
    wharf
}

/// Runs it.
pub fn author(args: &[&str]) -> Ran {
    Ran::of(command(args).output().unwrap())
}

/// Begins a package of this template that is built with the versions that are here already: no test is about the registry.
pub fn new_package(folder: &Path, template: &str) {
    author(&["new", folder.to_str().unwrap(), "--template", template, "--publisher", "ann.os"]).ok();
    fs::copy(paths::guest_lock(), folder.join("Cargo.lock")).unwrap();
}
