//! `wharf check`: looks at a package as a node would, without one.

use serde_json::json;

use crate::args::Check;
use crate::errors::CliResult;
use crate::output::{Format, Output};
use crate::{asks, source, text};

/// Checks the package that was named.
pub(crate) fn run(args: &Check, output: &mut Output) -> CliResult<()> {
    let source = source::read(&args.source)?;
    match output.format() {
        Format::Json => output.json(&json!({
            "package": source.as_installed(), "bytes": source.zip.len(), "asks": source.asks,
        })),
        Format::Text => {
            let size = text::bytes(source.zip.len());
            output.line(&format!("{} can be installed: {size}, SHA-256 {}", source.package_id, source.version_hash))?;
            let lines = asks::lines(&source.asks, output.colour());
            lines.iter().try_for_each(|line| output.line(&format!("  {line}")))
        }
    }
}
