//! `wharf list`: the installed packages.

use wharf_types::PackageId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage};

use crate::client::{Client, QUICK_S};
use crate::commands::install::ask_app_store;
use crate::errors::CliResult;
use crate::names;
use crate::output::{Format, Output, note};
use crate::table::{Align, Cell, Table};

/// How much of a hash tells packages apart.
const HASH_SHOWN: usize = 12;

/// Lists the packages.
pub(crate) fn run(client: &Client, output: &mut Output) -> CliResult<()> {
    let mut packages = installed(client)?;
    packages.sort_by(|a, b| a.package_id.cmp(&b.package_id));
    if output.format() == Format::Json {
        return output.json(&packages);
    }
    if packages.is_empty() {
        note("no packages are installed; `wharf install` installs one");
        return Ok(());
    }
    output.table(&table(&packages))
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

fn table(packages: &[InstalledPackage]) -> Table {
    let mut table = Table::new(&[
        ("PACKAGE", Align::Left),
        ("VERSION", Align::Left),
        ("HASH", Align::Left),
        ("PROCESSES", Align::Left),
    ]);
    for package in packages {
        let processes: Vec<&str> = package.processes.iter().map(|id| id.process()).collect();
        table.push(vec![
            Cell::new(&package.package_id),
            Cell::new(package.version.as_deref().unwrap_or("-")),
            Cell::new(package.version_hash.chars().take(HASH_SHOWN).collect::<String>()),
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
PACKAGE        VERSION  HASH          PROCESSES
chat:alice.os  -        0123456789ab  chat, log
";
        assert_eq!(table(&[package]).render(Colour::Off), expected);
    }
}
