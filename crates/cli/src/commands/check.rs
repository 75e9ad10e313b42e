//! `wharf check`: looks at a package as a node would, without one.

use serde_json::json;
use wharf_package::{Archive, ArchiveLimits, Scripts, scripts};

use crate::args::Check;
use crate::errors::CliResult;
use crate::output::{Format, Output, note};
use crate::{asks, source, text};

/// Checks the package that was named.
pub(crate) fn run(args: &Check, output: &mut Output) -> CliResult<()> {
    let source = source::read(&args.source)?;
    let remarks = remarks(&source.zip);
    remarks.iter().for_each(|remark| note(&format!("note: {}", text::clean_line(remark))));
    match output.format() {
        Format::Json => output.json(&json!({
            "package": source.as_installed(), "bytes": source.zip.len(), "asks": source.asks, "remarks": remarks,
        })),
        Format::Text => {
            let size = text::bytes(source.zip.len());
            output.line(&format!("{} can be installed: {size}, SHA-256 {}", source.package_id, source.version_hash))?;
            let lines = asks::lines(&source.asks, output.colour());
            lines.iter().try_for_each(|line| output.line(&format!("  {line}")))
        }
    }
}

/// What is strange about it, and no reason to refuse it.
fn remarks(zip: &[u8]) -> Vec<String> {
    let scripts = Archive::open(zip, &ArchiveLimits::default()).and_then(|archive| archive.read(scripts::FILE_NAME));
    scripts.map_or_else(|_| Vec::new(), |bytes| Scripts::remarks(&bytes))
}
