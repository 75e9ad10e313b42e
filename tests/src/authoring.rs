//! `wharf` for the author of a package, who needs no node.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::Ran;
use crate::paths;

/// `wharf` with the compiler that builds the guests, and what it has built already. Tools that come from PyPI are those
/// that all tests share.
pub fn command(args: &[&str]) -> Command {
    let built = paths::guests();
    let mut wharf = wharf(args);
    let toolchain = fs::read_to_string(built.join("toolchain.env")).unwrap();
    wharf.envs(toolchain.lines().filter_map(|line| line.split_once('=')));
    wharf.env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true");
    wharf.env_remove("WHARF_HOME").env("XDG_CACHE_HOME", paths::shared_cache());
    wharf
}

/// Runs it.
pub fn author(args: &[&str]) -> Ran {
    Ran::of(command(args).output().unwrap())
}

/// Runs `wharf` where no other program can be found.
pub fn author_without_tools(args: &[&str]) -> Ran {
    let nothing = tempfile::tempdir().unwrap();
    let mut wharf = wharf(args);
    // Not the shared ones either.
    Ran::of(wharf.env("PATH", nothing.path()).env("WHARF_TOOLS", nothing.path()).output().unwrap())
}

/// Begins a package of this template that is built with the versions that are here already: no test is about the registry.
pub fn new_package(folder: &Path, template: &str) {
    author(&["new", folder.to_str().unwrap(), "--template", template, "--publisher", "ann.os"]).ok();
    fs::copy(paths::guest_lock(), folder.join("Cargo.lock")).unwrap();
}

fn wharf(args: &[&str]) -> Command {
    let mut wharf = Command::new(paths::binary("wharf"));
    wharf.args(args).env("WHARF_TOOLS", paths::tools()).stdin(Stdio::null());
    wharf
}
