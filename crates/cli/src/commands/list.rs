//! `wharf list`: the installed packages.

use serde::Serialize;
use wharf_registry::PackageRef;
use wharf_registry::chain::{Followed, Waiting};
use wharf_types::PackageId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage};

use crate::chain;
use crate::client::{Client, QUICK_S};
use crate::commands::install::ask_app_store;
use crate::errors::CliResult;
use crate::names;
use crate::output::{Format, Output, note};
use crate::table::{Align, Cell, Table};

/// How much of a hash tells packages apart.
const HASH_SHOWN: usize = 12;

/// A package, and how its updates stand.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    package: &'a InstalledPackage,
    /// Whether it is updated by itself.
    auto_update: bool,
    /// A newer version that waits for the owner.
    offer: Option<&'a Waiting>,
}

/// Lists the packages.
pub(crate) fn run(client: &Client, output: &mut Output) -> CliResult<()> {
    let mut packages = installed(client)?;
    packages.sort_by(|a, b| a.package_id.cmp(&b.package_id));
    // A node without that process, or with an older one, has none.
    let updates = chain::updates(client).map(|updates| updates.packages).unwrap_or_default();
    let of_none = Followed::default();
    let listed: Vec<Listed<'_>> = packages
        .iter()
        .map(|package| {
            let followed = PackageRef::of(&package.package_id).ok().and_then(|package| updates.get(&package));
            let Followed { auto_update, offer, .. } = followed.unwrap_or(&of_none);
            Listed { package, auto_update: *auto_update, offer: offer.as_ref() }
        })
        .collect();
    if output.format() == Format::Json {
        return output.json(&listed);
    }
    if packages.is_empty() {
        note("no packages are installed; `wharf install` installs one");
        return Ok(());
    }
    output.table(&table(&listed))
}

/// What is installed.
pub(crate) fn installed(client: &Client) -> CliResult<Vec<InstalledPackage>> {
    match ask_app_store(client, &AppStoreRequest::Packages, None, QUICK_S)?.body {
        AppStoreResponse::PackagesResponse(packages) => Ok(packages),
        other => Err(crate::client::unexpected("the app store", &other)),
    }
}

/// The installed package that was meant by the name of one that is not installed, if one is like it.
pub(crate) fn meant(client: &Client, package: &PackageId) -> Option<String> {
    let installed = installed(client).ok()?;
    if installed.iter().any(|known| known.package_id == *package) {
        return None;
    }
    let known = installed.iter().map(|known| (known.package_id.to_string(), known.package_id.to_string()));
    names::similar(&package.to_string(), known)
}

fn table(packages: &[Listed<'_>]) -> Table {
    let mut table = Table::new(&[
        ("PACKAGE", Align::Left),
        ("VERSION", Align::Left),
        ("HASH", Align::Left),
        ("UPDATE", Align::Left),
        ("PROCESSES", Align::Left),
    ]);
    for Listed { package, offer, .. } in packages {
        let processes: Vec<&str> = package.processes.iter().map(|id| id.process()).collect();
        table.push(vec![
            Cell::new(&package.package_id),
            Cell::new(package.version.as_deref().unwrap_or("-")),
            Cell::new(package.version_hash.chars().take(HASH_SHOWN).collect::<String>()),
            Cell::new(offer.map_or("-", |offer| &offer.version)),
            Cell::new(processes.join(", ")),
        ]);
    }
    table
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;
    use crate::output::Colour;

    #[test]
    fn a_package_without_version_shows_a_dash() {
        let package = InstalledPackage {
            package_id: "chat:alice.os".parse().unwrap(),
            version_hash: "0123456789abcdef".to_owned(),
            version: None,
            processes: vec!["chat:chat:alice.os".parse().unwrap(), "log:chat:alice.os".parse().unwrap()],
            signed_by: None,
            previous: None,
        };
        let expected = "\
PACKAGE        VERSION  HASH          UPDATE  PROCESSES
chat:alice.os  -        0123456789ab  0.2.0   chat, log
";
        let offer = Waiting {
            version: "0.2.0".to_owned(),
            sha256: "ab".repeat(32).parse().unwrap(),
            reason: "it asks for more".to_owned(),
        };
        let listed = Listed { package: &package, auto_update: true, offer: Some(&offer) };
        assert_eq!(table(&[listed]).render(Colour::Off), expected);
    }
}
