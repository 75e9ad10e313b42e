//! `wharf rollback`: puts the version of a package from before in place of the present one.

use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, Outcome};

use crate::args::Rollback;
use crate::client::{Client, unexpected};
use crate::commands::install::{change, reason};
use crate::commands::{list, uninstall};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::prompt::confirm;
use crate::text;

/// Rolls the package back that was named.
pub(crate) fn run(args: &Rollback, client: &Client, output: &mut Output) -> CliResult<()> {
    let package = &args.package;
    let installed = list::installed(client)?;
    let Some(known) = installed.iter().find(|known| known.package_id == *package) else {
        return Err(uninstall::unknown(package, &installed));
    };
    let Some(previous) = &known.previous else {
        return Err(CliError::refused(format_args!("there is no version of {package} from before the present one"))
            .hint("install the one that you want with `wharf install`"));
    };
    let (from, to) = (name(known.version.as_deref()), name(previous.version.as_deref()));
    note(&format!("{package} goes from version {from} back to {to}, SHA-256 {}", previous.version_hash));
    note("what it stored stays as it is; a version may not understand what a later one wrote");
    confirm(&format!("roll {package} back?"), args.consent.given(), &format!("{package} was not rolled back"))?;
    let answer = change(client, &AppStoreRequest::Rollback(package.clone()), None)?;
    match answer.body {
        AppStoreResponse::RollbackResponse(Outcome::Success) => {}
        AppStoreResponse::RollbackResponse(Outcome::Failure) => {
            return Err(CliError::refused(format_args!("cannot roll {package} back: {}", reason(answer.failure)))
                .hint("`wharf logs` may say more"));
        }
        other => return Err(unexpected("the app store", &other)),
    }
    match output.format() {
        Format::Json => output.json(&list::installed(client)?.into_iter().find(|now| now.package_id == *package)),
        Format::Text => output.line(&format!("{package} is version {to} again")),
    }
}

fn name(version: Option<&str>) -> String {
    text::clean_line(version.unwrap_or("without a number"))
}
