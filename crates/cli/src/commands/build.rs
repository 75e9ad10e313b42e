//! `wharf build`: makes the zip of a package.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_package::{AssembleError, Ingredients};
use wharf_types::PackageId;

use crate::args::Build;
use crate::authoring::code::Code;
use crate::authoring::inputs::{Inputs, Stamp};
use crate::authoring::ui;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::replace::replace;
use crate::text;

/// Builds the package and writes its zip.
pub(crate) fn run(args: &Build, output: &mut Output) -> CliResult<()> {
    let folder = std::path::absolute(&args.folder).map_err(|error| CliError::file("find", &args.folder, &error))?;
    if !folder.join("metadata.json").is_file() {
        return Err(CliError::bad_input(format_args!(
            "{} is no package: it has no metadata.json",
            args.folder.display()
        ))
        .hint("`wharf new DIR` begins one"));
    }
    let code = Code::find(&folder)?;
    code.build()?;
    let ui = ui::build(&folder)?;
    let modules = code.modules();
    let modules: Vec<_> = modules.iter().map(PathBuf::as_path).collect();
    let ingredients =
        Ingredients::gather(&folder, &modules, ui.as_deref()).map_err(|error| refused(&folder, &error))?;
    let (package, processes) = (ingredients.package().clone(), ingredients.manifest().entries().len());
    let zip = args.out.clone().unwrap_or_else(|| zip_of(&folder, &package));
    let bytes = packed(&folder, ingredients, &zip)?;
    match output.format() {
        Format::Json => output.json(&json!({
            "package": package, "zip": zip, "bytes": bytes, "processes": processes,
        })),
        Format::Text => {
            let size = text::bytes(bytes);
            let processes = if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") };
            output.line(&format!("built {package}: {processes}, {size}, {}", zip.display()))?;
            note(&format!("next: wharf install {}", zip.display()));
            Ok(())
        }
    }
}

/// Writes the zip, unless the one that is there was made of the same. Its size.
fn packed(folder: &Path, ingredients: Ingredients, zip: &Path) -> CliResult<usize> {
    let mut inputs = Inputs::of("zip");
    ingredients.parts().for_each(|(name, bytes)| inputs.add(name, bytes));
    let inputs = inputs.finish();
    let stamp = Stamp::at(folder.join("target").join("zip.stamp"));
    // What was made, too: a zip that somebody touched is made again.
    let of = |bytes: &[u8]| {
        let mut both = Inputs::of(&inputs);
        both.add("zip", bytes);
        both.finish()
    };
    if let Some(there) = stamp.read().and_then(|stamp| fs::read(zip).ok().filter(|there| of(there) == stamp)) {
        return Ok(there.len());
    }
    let assembled = ingredients.assemble().map_err(|error| refused(folder, &error))?;
    write(zip, &assembled.zip)?;
    stamp.write(&of(&assembled.zip))?;
    Ok(assembled.zip.len())
}

/// Where the zip of a package's folder is.
pub(crate) fn zip_of(folder: &Path, package: &PackageId) -> PathBuf {
    folder.join("target").join(format!("{package}.zip"))
}

fn refused(folder: &Path, error: &AssembleError) -> CliError {
    let failed = CliError::bad_input(format_args!("cannot build {}: {error}", folder.display()));
    match error {
        AssembleError::NoModule { wasm, .. } => failed.hint(format_args!(
            "the manifest's `process_wasm_path` names what the package builds: for `/{wasm}` a crate `{name}` with crate-type \
             `cdylib`, or a folder with C, or with a package.json or pyproject.toml, that is called `{name}`",
            name = wasm.trim_end_matches(".wasm")
        )),
        _ => failed,
    }
}

fn write(zip: &Path, bytes: &[u8]) -> CliResult<()> {
    let failed = |error| CliError::file("write", zip, &error);
    let folder = zip.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    replace(zip, bytes).map_err(failed)
}
