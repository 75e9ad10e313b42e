//! `wharf sign`: puts the user's signature onto a package.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;
use wharf_types::NodeName;

use crate::args::Sign;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::publisher_keys::PublisherKeys;
use crate::{signature, source};

/// Signs the zip that was named.
pub(crate) fn run(args: &Sign, output: &mut Output) -> CliResult<()> {
    if !args.zip.is_file() {
        return Err(CliError::bad_input(format_args!("{} is not a zip", args.zip.display()))
            .hint("`wharf build` makes the zip of a package folder, in its `target`"));
    }
    let source = source::read(&args.zip)?;
    let publisher = NodeName::new(&source.package_id.publisher_node).map_err(CliError::bad_input)?;
    let keys = PublisherKeys::of(&args.keys)?;
    let signed = signature::sign(&source.package_id, &source.zip, &keys.load(&publisher)?)
        .map_err(|error| CliError::bad_input(format_args!("cannot sign {}: {error}", args.zip.display())))?;
    let to = args.out.as_ref().unwrap_or(&args.zip);
    replace(to, &signed)?;
    let public_key = keys.show(&publisher)?.public_key;
    match output.format() {
        Format::Json => output.json(&json!({
            "package_id": source.package_id, "file": to.display().to_string(),
            "version_hash": source::hash(&signed), "public_key": public_key,
        })),
        Format::Text => output.line(&format!(
            "{} is signed: {} has the key {public_key} of {publisher}, SHA-256 {}",
            source.package_id,
            to.display(),
            source::hash(&signed)
        )),
    }
}

/// At once: nobody finds half a zip.
fn replace(path: &Path, bytes: &[u8]) -> CliResult<()> {
    let failed = |error: &std::io::Error| CliError::file("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut draft = NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    draft.write_all(bytes).map_err(|error| failed(&error))?;
    // A package is no secret: as readable as the one that it replaces, or as any new file.
    let mode = fs::metadata(path).map(|metadata| metadata.permissions());
    let mode = mode.unwrap_or_else(|_| std::os::unix::fs::PermissionsExt::from_mode(0o644));
    draft.as_file().set_permissions(mode).map_err(|error| failed(&error))?;
    draft.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}
