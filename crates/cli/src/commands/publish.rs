//! `wharf publish`: puts a package into a registry.

use std::path::Path;

use serde_json::{Value, json};
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
    if args.dry_run {
        let published = opened.could_publish(&publication).map_err(registries::failed)?;
        note("nothing was changed");
        return report_dry_run(&publication, &opened, published, output);
    }
    let size = text::bytes(publication.zip.len());
    note(&format!("publishing {package}@{version}, {size}, to {} ...", text::clean_line(opened.location())));
    let published = opened.registry().publish(&publication).map_err(registries::failed)?;
    match output.format() {
        Format::Json => output.json(&as_json(&publication, &opened, published)),
        Format::Text => output.line(&match published {
            Published::New => format!("{package}@{version} is published, SHA-256 {}", release.sha256),
            Published::AlreadyThere => format!("{package}@{version} was published before, with the same content"),
        }),
    }
}

fn as_json(publication: &Publication, opened: &Opened, published: Published) -> Value {
    let Publication { package, version, release, .. } = publication;
    json!({
        "package_id": package.id(), "version": version, "version_hash": release.sha256, "bytes": release.bytes,
        "signed_by": release.signed_by, "registry": opened.location(), "new": published == Published::New,
    })
}

/// What would be published, with all that a registry lists of it.
fn report_dry_run(
    publication: &Publication,
    opened: &Opened,
    published: Published,
    output: &mut Output,
) -> CliResult<()> {
    let Publication { package, version, release, zip } = publication;
    if output.format() == Format::Json {
        let mut told = as_json(publication, opened, published);
        if let Value::Object(fields) = &mut told {
            fields.insert("title".to_owned(), json!(release.title));
            fields.insert("description".to_owned(), json!(release.description));
            fields.insert("dry_run".to_owned(), json!(true));
        }
        return output.json(&told);
    }
    let told = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), text::clean_line);
    let outcome = match published {
        Published::New => "would be published",
        Published::AlreadyThere => "is there already, with the same content",
    };
    let lines = [
        format!("{package}@{version} {outcome}"),
        format!("  to            {}", text::clean_line(opened.location())),
        format!("  title         {}", told(&release.title)),
        format!("  description   {}", told(&release.description)),
        format!("  size          {}", text::bytes(zip.len())),
        format!("  SHA-256       {}", release.sha256),
        format!("  signed with   {}", release.signed_by.as_deref().unwrap_or("no key")),
    ];
    lines.iter().try_for_each(|line| output.line(line))
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
