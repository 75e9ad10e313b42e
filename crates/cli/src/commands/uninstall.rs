//! `wharf uninstall`: removes a package.

use wharf_types::PackageId;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, InstalledPackage, Outcome};

use crate::args::Uninstall;
use crate::client::{Client, unexpected};
use crate::commands::install::{CHANGE_WAIT_S, ask_app_store, reason};
use crate::commands::list;
use crate::errors::{CliError, CliResult};
use crate::names;
use crate::output::{Format, Output, note};
use crate::prompt::confirm;

/// Removes the package that was named.
pub(crate) fn run(args: &Uninstall, client: &Client, output: &mut Output) -> CliResult<()> {
    let package = &args.package;
    let installed = list::installed(client)?;
    let Some(known) = installed.iter().find(|known| known.package_id == *package) else {
        return Err(unknown(package, &installed));
    };
    let processes: Vec<String> = known.processes.iter().map(ToString::to_string).collect();
    note(&format!("{package} has these processes: {}", processes.join(", ")));
    note("they are ended and its code is removed; what they stored in their other drives stays");
    confirm(&format!("uninstall {package}?"), args.consent.given(), &format!("{package} was not uninstalled"))?;

    let answer = ask_app_store(client, &AppStoreRequest::Uninstall(package.clone()), None, CHANGE_WAIT_S)?;
    match answer.body {
        AppStoreResponse::UninstallResponse(Outcome::Success) => {}
        AppStoreResponse::UninstallResponse(Outcome::Failure) => {
            return Err(CliError::refused(format_args!("cannot uninstall {package}: {}", reason(answer.failure)))
                .hint("`wharf logs` may say more"));
        }
        other => return Err(unexpected("the app store", &other)),
    }
    match output.format() {
        Format::Json => output.json(&answer.body),
        Format::Text => output.line(&format!("uninstalled {package}")),
    }
}

fn unknown(package: &PackageId, installed: &[InstalledPackage]) -> CliError {
    let known = installed.iter().map(|known| (known.package_id.to_string(), known.package_id.to_string()));
    let error = CliError::refused(format_args!("{package} is not installed"));
    match names::similar(&package.to_string(), known) {
        Some(similar) => error.hint(format_args!("did you mean `{similar}`? `wharf list` lists all packages")),
        None => error.hint("`wharf list` lists all packages"),
    }
}
