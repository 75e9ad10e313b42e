//! `wharf` for the author of a package, who needs no node.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::Ran;
use crate::paths;

/// `wharf` with the compiler that builds the guests, and what it has built already. Tools that come from PyPI are those
/// that all tests share.
pub fn command(args: &[&str]) -> Command {
    let mut wharf = wharf(args);
    set_tools(&mut wharf);
    wharf.env_remove("WHARF_HOME");
    wharf
}

fn set_tools(command: &mut Command) {
    let built = paths::guests();
    command.envs(toolchain()).env("CARGO_TARGET_DIR", built).env("CARGO_NET_OFFLINE", "true");
    command.env("XDG_CACHE_HOME", paths::shared_cache()).env("WHARF_TOOLS", paths::tools());
}

/// What cargo is told to build guests with.
fn toolchain() -> Vec<(String, String)> {
    let text = fs::read_to_string(paths::guests().join("toolchain.env")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A script, as a person would type it who has `wharf` installed. It ends with the first command that fails.
pub fn shell(script: &str) -> Command {
    let binaries = paths::binary("wharf").parent().unwrap().to_owned();
    let without: String = toolchain().iter().map(|(name, _)| format!(" -u {name}")).collect();
    let lock = paths::guest_lock();
    // Packages are built with the versions that are here already, and tested with the compiler of this machine.
    let script = format!(
        "set -euo pipefail\n\
         wharf() {{ command wharf \"$@\"; [[ $1 != new || ! -f $2/Cargo.toml ]] || cp '{}' \"$2/Cargo.lock\"; }}\n\
         cargo() {{ env{without} cargo \"$@\"; }}\n\
         {script}\n",
        lock.display()
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]);
    set_tools(&mut shell);
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", binaries.display()));
    shell
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

/// The package's own tests, which need neither a node nor WebAssembly: on this machine, with the compiler of this machine. What
/// it says of those that it ran.
pub fn cargo_test(folder: &Path) -> String {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--offline", "--quiet", "--target-dir"]).arg(paths::guests()).current_dir(folder);
    // What cargo, running this, says to its children is not for that.
    cargo.env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR").stdin(Stdio::null());
    Ran::of(cargo.output().unwrap()).ok()
}

fn wharf(args: &[&str]) -> Command {
    let mut wharf = Command::new(paths::binary("wharf"));
    wharf.args(args).env("WHARF_TOOLS", paths::tools()).stdin(Stdio::null());
    wharf
}
