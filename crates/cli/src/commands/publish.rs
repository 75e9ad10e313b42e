//! `wharf publish`: puts a package into a registry.

use std::path::Path;

use serde_json::json;
use wharf_registry::client::{Publication, Published};
use wharf_registry::{Digest, PackageRef, Release, Version};

use crate::args::Publish;
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::registries::{self, Opened};
use crate::source::{self, Source};
use crate::text;

/// Longest name and description that a registry lists, in characters.
const TOLD_CHARS_MAX: usize = 300;

/// Publishes the package that was named.
pub(crate) fn run(args: &Publish, output: &mut Output) -> CliResult<()> {
    let publication = publication(source::read(&args.source)?)?;
    let opened = Opened::of(args.to.as_deref(), None, &args.settings)?;
    let Publication { package, version, release, .. } = &publication;
    if release.signed_by.is_none() {
        note(&format!(
            "{package} is not signed: nobody can tell that it is of {}; `wharf sign` it first to change that",
            package.publisher()
        ));
    }
    let size = text::bytes(publication.zip.len());
    note(&format!("publishing {package}@{version}, {size}, to {} ...", text::clean_line(opened.location())));
    let published = opened.registry().publish(&publication).map_err(registries::failed)?;
    match output.format() {
        Format::Json => output.json(&json!({
            "package_id": package.id(), "version": version, "version_hash": release.sha256, "bytes": release.bytes,
            "signed_by": release.signed_by, "registry": opened.location(), "new": published == Published::New,
        })),
        Format::Text => output.line(&match published {
            Published::New => format!("{package}@{version} is published, SHA-256 {}", release.sha256),
            Published::AlreadyThere => format!("{package}@{version} was published before, with the same content"),
        }),
    }
}

/// Looks at the package as those who install it will.
fn publication(source: Source) -> CliResult<Publication> {
    let package = PackageRef::of(&source.package_id).map_err(CliError::bad_input)?;
    let text = source.version.clone().unwrap_or_default();
    let version: Version = text.parse().map_err(|error| {
        CliError::bad_input(format_args!("cannot publish {package}: `{text}` is not a version like 1.2.3: {error}"))
            .hint("`current_version` in its `metadata.json` is its version")
    })?;
    let named = format!("{package}@{version}");
    let Source { zip, about: (title, description), signed_by, .. } =
        source::published(source.zip, Path::new(&named), &source.package_id, &version)?;
    let short = |text: Option<String>| text.map(|text| text.chars().take(TOLD_CHARS_MAX).collect());
    let release = Release {
        sha256: Digest::of(&zip),
        bytes: zip.len() as u64,
        signed_by,
        title: short(title),
        description: short(description),
    };
    Ok(Publication { package, version, release, zip })
}
