//! `wharf registry`: what a registry has.

use serde_json::json;
use wharf_registry::client;
use wharf_registry::{Reference, newest};

use crate::args::{FromArgs, Registry, RegistryCommand};
use crate::errors::CliResult;
use crate::output::{Format, Output, note};
use crate::registries::{self, Opened};
use crate::text;

/// Lists, or shows one.
pub(crate) fn run(args: &Registry, output: &mut Output) -> CliResult<()> {
    match &args.command {
        RegistryCommand::List { word, from } => list(word.as_deref().unwrap_or_default(), &open(from)?, output),
        RegistryCommand::Show { package, from } => show(package, &open(from)?, output),
    }
}

fn open(args: &FromArgs) -> CliResult<Opened> {
    Opened::of(args.from.as_deref(), None, &args.settings)
}

fn list(word: &str, opened: &Opened, output: &mut Output) -> CliResult<()> {
    let mut packages = opened.registry().packages().map_err(registries::failed)?;
    packages.retain(|package| package.to_string().contains(word));
    packages.sort();
    if output.format() == Format::Json {
        return output.json(&packages);
    }
    if packages.is_empty() {
        note(&format!("{} has no such package", text::clean_line(opened.location())));
    }
    packages.iter().try_for_each(|package| output.line(&package.to_string()))
}

fn show(wanted: &Reference, opened: &Opened, output: &mut Output) -> CliResult<()> {
    let mut versions = opened.registry().versions(&wanted.package).map_err(registries::failed)?;
    versions.sort_by(|a, b| b.cmp(a));
    // Where all are pre-releases, the newest of them.
    let version = wanted.version.as_ref().or(newest(&versions)).or(versions.first()).cloned();
    let one = Reference { package: wanted.package.clone(), version };
    let (version, release) = client::resolve(opened.registry(), &one).map_err(registries::failed)?;
    if output.format() == Format::Json {
        return output.json(&json!({
            "package": wanted.package, "package_id": wanted.package.id(), "registry": opened.location(),
            "versions": versions, "shown": { "version": version, "release": release },
        }));
    }
    let bytes = usize::try_from(release.bytes).unwrap_or(usize::MAX);
    output.line(&format!("{}@{version}, {}, SHA-256 {}", wanted.package, text::bytes(bytes), release.sha256))?;
    for told in [&release.title, &release.description].into_iter().flatten() {
        output.line(&format!("  {}", text::clean_line(told)))?;
    }
    output.line(&match &release.signed_by {
        Some(key) => format!("  said to be signed with the key {}", text::clean_line(key)),
        None => "  not signed".to_owned(),
    })?;
    let all: Vec<String> = versions.iter().map(ToString::to_string).collect();
    output.line(&format!("versions: {}", all.join(", ")))
}
