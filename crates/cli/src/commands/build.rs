//! `wharf build`: makes the zip of a package.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_package::{AssembleError, Assembled, assemble};

use crate::args::Build;
use crate::authoring::rust::RustCode;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
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
    let code = RustCode::find(&folder)?;
    if code.is_there() {
        code.build(&folder)?;
    }
    let assembled = assemble(&folder, &code.modules()).map_err(|error| refused(&folder, &error))?;
    let zip = args.out.clone().unwrap_or_else(|| zip_of(&folder, &assembled));
    write(&zip, &assembled.zip)?;
    let processes = assembled.contents.manifest().entries().len();
    match output.format() {
        Format::Json => output.json(&json!({
            "package": assembled.package, "zip": zip, "bytes": assembled.zip.len(), "processes": processes,
        })),
        Format::Text => {
            let size = text::bytes(assembled.zip.len());
            let processes = if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") };
            output.line(&format!("built {}: {processes}, {size}, {}", assembled.package, zip.display()))?;
            note(&format!("next: wharf install {}", zip.display()));
            Ok(())
        }
    }
}

/// Where the zip of a package's folder is.
pub(crate) fn zip_of(folder: &Path, assembled: &Assembled) -> PathBuf {
    folder.join("target").join(assembled.file_name())
}

fn refused(folder: &Path, error: &AssembleError) -> CliError {
    let failed = CliError::bad_input(format_args!("cannot build {}: {error}", folder.display()));
    match error {
        AssembleError::NoModule { wasm, .. } => failed.hint(format_args!(
            "the manifest's `process_wasm_path` names a crate of the package: for `/{wasm}` a crate `{}` with crate-type \
             `cdylib`",
            wasm.trim_end_matches(".wasm")
        )),
        _ => failed,
    }
}

/// Beside its place and then renamed: whoever reads it meanwhile sees the old zip or the new one.
fn write(zip: &Path, bytes: &[u8]) -> CliResult<()> {
    let failed = |error| CliError::file("write", zip, &error);
    let folder = zip.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    let mut partial = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut partial, bytes).map_err(failed)?;
    partial.persist(zip).map_err(|error| failed(error.error))?;
    Ok(())
}
