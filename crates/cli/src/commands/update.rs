//! `wharf update`: brings packages from registries to their newest versions.

use serde::Serialize;
use wharf_home::Home;
use wharf_registry::{PackageRef, Reference, Version};
use wharf_types::PackageId;
use wharf_types::app_store::InstalledPackage;

use crate::args::Update;
use crate::chain::{self, Known};
use crate::client::Client;
use crate::commands::install::{carry_out, present};
use crate::commands::{list, uninstall};
use crate::download::{Changed, Chosen};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::pins::Pins;
use crate::registries::Opened;
use crate::table::{Align, Cell, Table};

/// A package that came from a registry.
struct Candidate {
    package: PackageRef,
    installed: Option<String>,
    registry: String,
}

/// What became of one.
#[derive(Debug, Serialize)]
struct Outcome {
    package_id: PackageId,
    /// The version that was installed before.
    installed: Option<String>,
    /// The newest in the registry; `None` when it could not be asked.
    newest: Option<Version>,
    registry: String,
    state: State,
    /// Why it failed or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Current,
    Available,
    Updated,
    Failed,
}

/// Updates what was named.
pub(crate) fn run(args: &Update, home: &Home, output: &mut Output) -> CliResult<()> {
    let client = Client::of(home)?;
    let known = Known::of(Pins::read(home)?, &client);
    let candidates = candidates(args, &known, &client)?;
    let mut outcomes = Vec::with_capacity(candidates.len());
    let mut first_failure = None;
    for candidate in candidates {
        let mut outcome = Outcome {
            package_id: candidate.package.id(),
            installed: candidate.installed.clone(),
            newest: None,
            registry: candidate.registry.clone(),
            state: State::Current,
            reason: None,
        };
        if let Err(error) = update(args, home, &client, &known, &candidate, &mut outcome) {
            outcome.state = State::Failed;
            outcome.reason = Some(error.message().to_owned());
            // One that fails does not hold up the others.
            match first_failure {
                None => first_failure = Some(error),
                Some(_) => error.report(),
            }
        }
        outcomes.push(outcome);
    }
    report(&outcomes, output)?;
    first_failure.map_or(Ok(()), Err)
}

/// Those that were named, or all that came from registries.
fn candidates(args: &Update, known: &Known, client: &Client) -> CliResult<Vec<Candidate>> {
    let installed = list::installed(client)?;
    let from = args.from.from.as_deref();
    let candidate = |installed: &InstalledPackage| {
        let package = PackageRef::of(&installed.package_id).ok()?;
        let registry = from.or(known.registry(&package))?.to_owned();
        Some(Candidate { package, installed: installed.version.clone(), registry })
    };
    if args.packages.is_empty() {
        let came_from_one = |installed: &&InstalledPackage| {
            PackageRef::of(&installed.package_id).is_ok_and(|package| known.registry(&package).is_some())
        };
        return Ok(installed.iter().filter(came_from_one).filter_map(candidate).collect());
    }
    let find = |id: &PackageId| {
        let known = installed.iter().find(|known| known.package_id == *id);
        let known = known.ok_or_else(|| uninstall::unknown(id, &installed))?;
        candidate(known).ok_or_else(|| {
            CliError::bad_input(format_args!("{id} was not installed from a registry"))
                .hint("name the one to look in: `--from REGISTRY`")
        })
    };
    args.packages.iter().map(find).collect()
}

fn update(
    args: &Update,
    home: &Home,
    client: &Client,
    known: &Known,
    candidate: &Candidate,
    outcome: &mut Outcome,
) -> CliResult<()> {
    let opened = Opened::of(Some(&candidate.registry), None, &args.from.settings)?;
    let chosen = Chosen::of(&opened, &Reference { package: candidate.package.clone(), version: None })?;
    outcome.newest = Some(chosen.version().clone());
    let installed = candidate.installed.as_deref().and_then(|text| text.parse::<Version>().ok());
    if installed.is_some_and(|installed| *chosen.version() <= installed) {
        return Ok(());
    }
    outcome.state = State::Available;
    if args.check {
        return Ok(());
    }
    let (source, pin) = chosen.download(known, Changed::Refuse)?;
    let offer = present(&source, client)?;
    carry_out(&source, &offer, client, args.consent.given())?;
    pin.keep(home)?;
    chain::remember(client, &pin);
    outcome.state = State::Updated;
    Ok(())
}

fn report(outcomes: &[Outcome], output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(&outcomes);
    }
    if outcomes.is_empty() {
        note("nothing was installed from a registry; `wharf install publisher/name` does that");
        return Ok(());
    }
    let mut table = Table::new(&[
        ("PACKAGE", Align::Left),
        ("INSTALLED", Align::Left),
        ("NEWEST", Align::Left),
        ("STATE", Align::Left),
        ("REGISTRY", Align::Left),
    ]);
    for outcome in outcomes {
        let state = match outcome.state {
            State::Current => "current",
            State::Available => "can be updated",
            State::Updated => "updated",
            State::Failed => "failed",
        };
        table.push(vec![
            Cell::new(&outcome.package_id),
            Cell::new(outcome.installed.as_deref().unwrap_or("-")),
            Cell::new(outcome.newest.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string)),
            Cell::new(state),
            Cell::new(&outcome.registry),
        ]);
    }
    output.table(&table)
}
