//! `wharf install`: checks a package, shows what it asks for, and installs it.

use wharf_home::Home;
use wharf_types::app_store::{AppStoreRequest, AppStoreResponse, NewPackageResponse, Outcome};
use wharf_types::rpc::RpcRefusalKind;
use wharf_types::{Failure, PackageId, ProcessId};

use crate::args::{Install, Wanted};
use crate::chain::{self, Known};
use crate::client::{Answer, Client, RpcError, WAIT_S_MAX, unexpected};
use crate::commands::offer::Offer;
use crate::download::{Changed, Chosen};
use crate::errors::{CliError, CliResult};
use crate::output::{Colour, Output, Style, note};
use crate::pins::{Pin, Pins};
use crate::prompt::{Consent, confirm};
use crate::registries::{self, Opened};
use crate::source::{self, Source};
use crate::text;

/// How long a change of packages may take: every component is compiled.
pub(crate) const CHANGE_WAIT_S: u64 = WAIT_S_MAX;

/// Installs the package that was named.
pub(crate) fn run(args: &Install, home: &Home, output: &mut Output) -> CliResult<()> {
    let (source, pin, client) = get(args, home)?;
    let offer = present(&source, &client)?;
    if args.dry_run {
        note("nothing was changed");
        return offer.report("would be installed", output);
    }
    carry_out(&source, &offer, &client, args.consent.given())?;
    if let Some(pin) = pin {
        pin.keep(home)?;
        chain::remember(&client, &pin);
    }
    offer.report("is installed", output)
}

/// The package, and what to remember once it is installed.
fn get(args: &Install, home: &Home) -> CliResult<(Source, Option<Pin>, Client)> {
    match &args.source {
        Wanted::Path(path) => Ok((source::read(path)?, None, Client::of(home)?)),
        Wanted::Reference(wanted) => {
            let client = Client::of(home)?;
            let known = Known::of(Pins::read(home)?, &client);
            let before = known.registry(&wanted.package);
            let opened = Opened::of(args.from.from.as_deref(), before, &args.from.settings)?;
            registries::tell(&opened);
            let changed = if args.accept_changed { Changed::Accept } else { Changed::Refuse };
            let (source, pin) = Chosen::of(&opened, wanted)?.download(&known, changed)?;
            Ok((source, Some(pin), client))
        }
    }
}

/// Shows a package, and what installing it would change.
pub(crate) fn present<'a>(source: &'a Source, client: &Client) -> CliResult<Offer<'a>> {
    let colour = Colour::of_stderr();
    note(&title(source, colour));
    let offer = Offer::new(source, client)?;
    offer.lines(colour).iter().for_each(|line| note(line));
    Ok(offer)
}

/// Asks, where that is needed, and installs it.
pub(crate) fn carry_out(source: &Source, offer: &Offer<'_>, client: &Client, consent: Consent) -> CliResult<()> {
    let package = &source.package_id;
    if offer.needs_consent() {
        confirm(&format!("install {package}?"), consent, &format!("{package} was not installed"))?;
    }
    note(&format!("sending {} ...", text::bytes(source.zip.len())));
    keep(source, client)?;
    note("installing ...");
    install(source, client)
}

/// What the package is. Like all that the question is about it goes to stderr: it is not the result.
fn title(source: &Source, colour: Colour) -> String {
    let title = match &source.version {
        Some(version) => format!("{} {}", source.package_id, text::clean_line(version)),
        None => source.package_id.to_string(),
    };
    let size = text::bytes(source.zip.len());
    format!("{}, {size}, SHA-256 {}", colour.paint(Style::Bold, &title), source.version_hash)
}

/// Gives the zip to the app store.
fn keep(source: &Source, client: &Client) -> CliResult<()> {
    let package = &source.package_id;
    let request = AppStoreRequest::NewPackage { package_id: package.clone(), mirror: true };
    let answer = change(client, &request, Some(&source.zip))?;
    let AppStoreResponse::NewPackageResponse(response) = answer.body else {
        return Err(unexpected("the app store", &answer.body));
    };
    match response {
        NewPackageResponse::Success | NewPackageResponse::AlreadyExists => Ok(()),
        NewPackageResponse::NoBlob => {
            Err(CliError::refused(format_args!("cannot hand {package} to the app store: the zip did not arrive there")))
        }
        NewPackageResponse::InstallFailed => {
            Err(refused(package, "the app store did not take the zip", answer.failure))
        }
    }
}

/// Has the app store install what it was given.
fn install(source: &Source, client: &Client) -> CliResult<()> {
    let package = &source.package_id;
    let request = AppStoreRequest::Install {
        package_id: package.clone(),
        version_hash: source.version_hash.clone(),
        metadata: source.metadata.clone(),
    };
    let answer = change(client, &request, None)?;
    match answer.body {
        AppStoreResponse::InstallResponse(Outcome::Success) => Ok(()),
        AppStoreResponse::InstallResponse(Outcome::Failure) => {
            Err(refused(package, "the app store could not do it", answer.failure))
        }
        other => Err(unexpected("the app store", &other)),
    }
}

fn refused(package: &PackageId, what: &str, failure: Option<Failure>) -> CliError {
    CliError::refused(format_args!("cannot install {package}: {what}: {}", reason(failure)))
        .hint("`wharf logs` may say more")
}

/// The reason that came with a refusal, if any did.
pub(crate) fn reason(failure: Option<Failure>) -> String {
    failure.map_or_else(|| "it gave no reason".to_owned(), |failure| failure.error)
}

/// Asks the app store.
pub(crate) fn ask_app_store(
    client: &Client,
    request: &AppStoreRequest,
    blob: Option<&[u8]>,
    wait_s: u64,
) -> CliResult<Answer<AppStoreResponse>> {
    let app_store = app_store()?;
    understood(&app_store, client.ask(&app_store, request, blob, wait_s))
}

/// Has the app store change packages, which may take long.
pub(crate) fn change(
    client: &Client,
    request: &AppStoreRequest,
    blob: Option<&[u8]>,
) -> CliResult<Answer<AppStoreResponse>> {
    let app_store = app_store()?;
    match client.ask(&app_store, request, blob, CHANGE_WAIT_S) {
        Err(error @ RpcError::Refused { kind: RpcRefusalKind::Timeout, .. }) => Err(unfinished(&app_store, &error)),
        asked => understood(&app_store, asked),
    }
}

/// Nobody took the change back because we do not wait any longer.
fn unfinished(app_store: &ProcessId, error: &RpcError) -> CliError {
    CliError::refused(format_args!("{error}; the change may still be going on"))
        .hint(format_args!("`wharf list` shows what is installed, `wharf logs {app_store}` what the app store does"))
}

fn understood(
    app_store: &ProcessId,
    asked: Result<Answer<AppStoreResponse>, RpcError>,
) -> CliResult<Answer<AppStoreResponse>> {
    match asked {
        Ok(Answer { body: AppStoreResponse::Err(reason), .. }) => {
            Err(CliError::refused(format_args!("the app store refused: {reason}")))
        }
        Ok(answer) => Ok(answer),
        Err(error @ RpcError::Refused { kind: RpcRefusalKind::NoSuchProcess, .. }) => {
            Err(CliError::refused(format_args!("the app store, `{app_store}`, does not run on this node: {error}"))
                .hint("restart `wharfd`, which installs it, and look at `wharf logs` if it is still missing"))
        }
        Err(error) => Err(error.into()),
    }
}

fn app_store() -> CliResult<ProcessId> {
    ProcessId::new("main", "app-store", "sys").map_err(CliError::bad_input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_takes_too_long_is_not_called_a_failure() {
        let app_store = ProcessId::system("x");
        let error = "it did not answer in time".to_owned();
        let error = RpcError::Refused { kind: RpcRefusalKind::Timeout, error, target: app_store.clone() };
        let shown = format!("{:?}", unfinished(&app_store, &error));
        for part in ["in time; the change may still be going on", "`wharf list`", "`wharf logs x:distro:sys`"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}
