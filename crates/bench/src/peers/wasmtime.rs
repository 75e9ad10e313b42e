//! `wasmtime serve`, where wasmtime is installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::subprocess::Subprocess;

/// Serves a component. It says its URL on stderr: `Serving HTTP on http://127.0.0.1:1234/`.
pub(crate) fn serve(wasmtime: &Path, component: &Path) -> Result<Subprocess> {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 2>&1", "wasmtime"]).arg(wasmtime);
    command.args(["serve", "-S", "cli", "--addr", "127.0.0.1:0"]).arg(component);
    Subprocess::start(&mut command)
}

/// Where it serves.
pub(crate) fn url(serving: &Subprocess) -> Result<String> {
    let url = serving.ready.trim().rsplit(' ').next().filter(|url| url.starts_with("http://"));
    url.map(str::to_owned).with_context(|| format!("wasmtime serve said {:?}", serving.ready))
}
