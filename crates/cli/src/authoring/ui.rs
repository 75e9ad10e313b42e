//! A user interface that has to be built: the folder `ui/` with a `package.json`.
//!
//! Its script `build` makes `dist/` (or `build/`), which becomes the package's `ui/`. As Kinode's `kit` has it, a script
//! `build:copy` puts its result into `pkg/ui` by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::authoring::inputs::{Inputs, Stamp};
use crate::authoring::javascript;
use crate::authoring::tool::Tool;
use crate::errors::{CliError, CliResult};

const NPM: Tool =
    Tool { name: "npm", get: "on Debian `apt-get install nodejs npm`; elsewhere https://nodejs.org (18 or newer)" };
/// Where tools put what they make.
pub(crate) const RESULTS: [&str; 3] = ["dist", "build", "out"];

/// Builds it, unless nothing changed, and says where it is; `None` when there is nothing to build, or when it was put into
/// `pkg/ui`.
pub(crate) fn build(package: &Path) -> CliResult<Option<PathBuf>> {
    let folder = package.join("ui");
    let manifest = folder.join("package.json");
    if !manifest.is_file() {
        return Ok(None);
    }
    let scripts = scripts(&manifest)?;
    let copies = scripts.iter().any(|name| name == "build:copy");
    let script = if copies { "build:copy" } else { "build" };
    if !scripts.iter().any(|name| name == script) {
        return Err(CliError::bad_input(format_args!("{} has no script `build`", manifest.display()))
            .hint("it makes `dist/` of the user interface: \"scripts\": {\"build\": \"vite build\"}"));
    }
    let result = || match copies {
        true => Some(package.join("pkg/ui")).filter(|path| path.is_dir()),
        false => RESULTS.iter().map(|name| folder.join(name)).find(|path| path.is_dir()),
    };
    let stamp = Stamp::at(package.join("target/ui.stamp"));
    let mut inputs = Inputs::of(script);
    inputs.add_folder(&folder, &RESULTS)?;
    let inputs = inputs.finish();
    if !(stamp.is(&inputs) && result().is_some()) {
        stamp.clear()?;
        javascript::install(&folder, "getting what ui needs with npm")?;
        NPM.run("building ui", Command::new("npm").args(["run", script]).current_dir(&folder))?;
        stamp.write(&inputs)?;
    }
    match result() {
        Some(made) => Ok(Some(made).filter(|_| !copies)),
        None => Err(CliError::bad_input(format_args!("`npm run {script}` made nothing in {}", folder.display()))
            .hint("what it makes is looked for in `ui/dist`, `ui/build` and `ui/out`")),
    }
}

fn scripts(manifest: &Path) -> CliResult<Vec<String>> {
    let bytes = fs::read(manifest).map_err(|error| CliError::file("read", manifest, &error))?;
    let json: Value = serde_json::from_slice(&bytes)
        .map_err(|error| CliError::bad_input(format_args!("{}: {error}", manifest.display())))?;
    let scripts = json.get("scripts").and_then(Value::as_object);
    Ok(scripts.map(|scripts| scripts.keys().cloned().collect()).unwrap_or_default())
}
