//! `wharf uninstall`: removes a package.

use wharf_types::PackageId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage, Outcome};

use crate::args::Uninstall;
use crate::client::{Client, unexpected};
use crate::commands::install::{change, reason};
use crate::commands::list;
use crate::errors::{CliError, CliResult};
use crate::names;
use crate::output::{Format, Output, note};
use crate::prompt::confirm;

/// Removes the package that was named.
pub(crate) fn run(args: &Uninstall, client: &Client, output: &mut Output) -> CliResult<()> {
    let package = &args.package;
    let installed = list::installed(client)?;
    match installed.iter().find(|known| known.package_id == *package) {
        Some(known) => {
            let processes: Vec<String> = known.processes.iter().map(ToString::to_string).collect();
            note(&format!("{package} has these processes, which are ended: {}", processes.join(", ")));
        }
        // What an earlier uninstall left is still there.
        None if args.purge => note(&format!("{package} is not installed; what it left is removed")),
        None => return Err(unknown(package, &installed)),
    }
    let (request, verb) = if args.purge {
        note(
            "everything that it stored is removed, for good: its drives, databases, saved state and timers, and its zips",
        );
        (AppStoreRequest::Purge(package.clone()), "purge")
    } else {
        note("its code is removed; its other drives, databases and saved state stay (`--purge` removes them)");
        (AppStoreRequest::Uninstall(package.clone()), "uninstall")
    };
    confirm(&format!("{verb} {package}?"), args.consent.given(), &format!("{package} was not removed"))?;

    let answer = change(client, &request, None)?;
    match answer.body {
        AppStoreResponse::UninstallResponse(Outcome::Success) | AppStoreResponse::PurgeResponse(Outcome::Success) => {}
        AppStoreResponse::UninstallResponse(Outcome::Failure) | AppStoreResponse::PurgeResponse(Outcome::Failure) => {
            return Err(CliError::refused(format_args!("cannot {verb} {package}: {}", reason(answer.failure)))
                .hint("`wharf logs` may say more; to ask again is safe, and goes on where this stopped"));
        }
        other => return Err(unexpected("the app store", &other)),
    }
    match output.format() {
        Format::Json => output.json(&answer.body),
        Format::Text if args.purge => output.line(&format!("purged {package}")),
        Format::Text => output.line(&format!("uninstalled {package}")),
    }
}

/// The error for a package that is not installed.
pub(crate) fn unknown(package: &PackageId, installed: &[InstalledPackage]) -> CliError {
    let known = installed.iter().map(|known| (known.package_id.to_string(), known.package_id.to_string()));
    let error = CliError::refused(format_args!("{package} is not installed"));
    match names::similar(&package.to_string(), known) {
        Some(similar) => error.hint(format_args!("did you mean `{similar}`? `wharf list` lists all packages")),
        None => error.hint("`wharf list` lists all packages"),
    }
}
