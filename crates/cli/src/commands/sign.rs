//! `wharf sign`: puts the user's signature onto a package.

use serde_json::json;
use wharf_types::NodeName;

use crate::args::Sign;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output};
use crate::publisher_keys::PublisherKeys;
use crate::replace::replace;
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
    // At once: nobody finds half a zip.
    replace(to, &signed).map_err(|error| CliError::file("write", to, &error))?;
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
