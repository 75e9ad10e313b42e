//! The programs that take part: found once, with what to do about those that are missing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Where everything is.
pub(crate) struct Tools {
    /// This program, which is also some of the peers.
    pub(crate) own: PathBuf,
    /// The daemon, built with the same profile as this program.
    pub(crate) wharfd: PathBuf,
    /// The command line, built with the same profile as this program.
    pub(crate) wharf: PathBuf,
    /// The guests.
    pub(crate) package: PathBuf,
    /// The load generator for HTTP.
    pub(crate) wrk: Option<PathBuf>,
    /// A package with a component for `wasi:http`, which is one of the tests.
    pub(crate) wasi_http: Option<PathBuf>,
    /// What serves such a component otherwise.
    pub(crate) wasmtime: Option<PathBuf>,
    /// The Erlang virtual machine, and its compiler.
    pub(crate) erlang: Option<(PathBuf, PathBuf)>,
}

impl Tools {
    /// Finds them.
    pub(crate) fn find() -> Result<Self> {
        let own = env::current_exe().context("finding this program")?;
        let folder = own.parent().unwrap_or(Path::new("."));
        let wharfd = folder.join("wharfd");
        ensure!(
            wharfd.is_file(),
            "there is no {}; build it with `cargo build --release -p wharf-node` (the same profile as this program)",
            wharfd.display()
        );
        let package = folder.join("../packages/bench:wharf.os.zip");
        ensure!(package.is_file(), "there is no {}; build it with `scripts/guests`", package.display());
        let erlang = installed("erl").zip(installed("erlc"));
        let wrk = installed("wrk");
        if wrk.is_none() {
            eprintln!("wrk is not installed, so HTTP is not measured: apt-get install wrk");
        }
        if erlang.is_none() {
            eprintln!("erl and erlc are not installed, so there is nothing of Erlang: apt-get install erlang-base");
        }
        let wasi_http = Some(folder.join("../test-packages/wasi-http:test.os.zip")).filter(|zip| zip.is_file());
        let wharf = folder.join("wharf");
        Ok(Self { own, wharfd, wharf, package, wrk, wasi_http, wasmtime: installed("wasmtime"), erlang })
    }
}

/// A program that is installed.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output_of(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
