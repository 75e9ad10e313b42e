//! `wharf` for the author of a package, who needs no node.

use std::fs;
use std::process::{Command, Stdio};

use crate::cli::Ran;
use crate::paths;

/// Runs `wharf` with the compiler that builds the guests, and what it has built already. Tools that come from PyPI are those
/// that all tests share.
pub fn author(args: &[&str]) -> Ran {
    let built = paths::guests();
    let mut wharf = wharf(args);
    let toolchain = fs::read_to_string(built.join("toolchain.env")).unwrap();
    wharf.envs(toolchain.lines().filter_map(|line| line.split_once('=')));
    Ran::of(wharf.env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true").output().unwrap())
}

/// Runs `wharf` where no other program can be found.
pub fn author_without_tools(args: &[&str]) -> Ran {
    let nothing = tempfile::tempdir().unwrap();
    let mut wharf = wharf(args);
    // Not the shared ones either.
    Ran::of(wharf.env("PATH", nothing.path()).env("WHARF_TOOLS", nothing.path()).output().unwrap())
}

fn wharf(args: &[&str]) -> Command {
    let mut wharf = Command::new(paths::binary("wharf"));
    wharf.args(args).env("WHARF_TOOLS", paths::tools()).stdin(Stdio::null());
    wharf
}
