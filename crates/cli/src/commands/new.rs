//! `wharf new`: begins a package.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::New;
use crate::authoring::template::NewPackage;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};

/// Writes the package's files.
pub(crate) fn run(args: &New, output: &mut Output) -> CliResult<()> {
    let library = library(args.library.as_deref())?;
    let folder = std::path::absolute(&args.folder).map_err(|error| CliError::file("find", &args.folder, &error))?;
    let package = NewPackage::named_after(&folder, &args.publisher, args.template, args.lang, library)?;
    let written = package.write(&folder)?;
    match output.format() {
        Format::Json => output.json(&json!({ "package": package.id, "folder": folder, "files": written })),
        Format::Text => {
            output.line(&format!("made {} in {}", package.id, args.folder.display()))?;
            note(&format!("next: cd {} && wharf build && wharf install . --yes", args.folder.display()));
            Ok(())
        }
    }
}

/// The guest library to build with.
fn library(named: Option<&Path>) -> CliResult<Option<PathBuf>> {
    let is_library = |folder: &Path| folder.join("Cargo.toml").is_file();
    let Some(named) = named else {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("process-lib");
        return Ok(Some(own).filter(|own| is_library(own)));
    };
    let folder = std::path::absolute(named).map_err(|error| CliError::file("find", named, &error))?;
    if is_library(&folder) {
        return Ok(Some(folder));
    }
    Err(CliError::bad_input(format_args!("there is no library in {}", named.display()))
        .hint("name the folder `crates/process-lib` of a checkout of Wharf"))
}
