//! `wharf` for the author of a package, who needs no node.

use std::fs;
use std::process::{Command, Stdio};

use crate::cli::Ran;
use crate::paths;

/// Runs `wharf` with the compiler that builds the guests, and what it has built already.
pub fn author(args: &[&str]) -> Ran {
    let built = paths::guests();
    let mut wharf = Command::new(paths::binary("wharf"));
    let toolchain = fs::read_to_string(built.join("toolchain.env")).unwrap();
    wharf.envs(toolchain.lines().filter_map(|line| line.split_once('=')));
    wharf.args(args).env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true").stdin(Stdio::null());
    Ran::of(wharf.output().unwrap())
}
