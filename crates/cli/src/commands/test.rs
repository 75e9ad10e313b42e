//! `wharf test`: runs a package's tests against throw-away nodes.

use std::fs;
use std::path::PathBuf;

use crate::args::Test;
use crate::commands::watch::Place;
use crate::errors::{CliError, CliResult};
use crate::helper::{Helper, Remarks};
use crate::interrupts::Interrupts;
use crate::output::{Format, Output};
use crate::scenario::file::{self, Scenario};
use crate::scenario::run::{Outcome, Runner};
use crate::scenario::{junit, report};

/// Builds the package and runs its tests, one after the other.
pub(crate) fn run(args: &Test, output: &mut Output) -> CliResult<()> {
    let place = Place::of(&args.folder)?;
    let scenarios = chosen(args, &place)?;
    let interrupts = Interrupts::listen()?;
    let zip = match &args.zip {
        Some(zip) => zip.clone(),
        None => build(&place, &interrupts)?,
    };
    let runner = Runner { place: &place, zip: &zip, daemon: &args.daemon, interrupts: &interrupts };
    let mut outcomes = Vec::new();
    for scenario in &scenarios {
        let outcome = runner.run(scenario)?;
        if output.format() == Format::Text {
            report::tell(&outcome, output)?;
        }
        outcomes.push(outcome);
    }
    conclude(args, &place, &outcomes, output)
}

fn chosen(args: &Test, place: &Place) -> CliResult<Vec<Scenario>> {
    let mut scenarios = file::read_all(&place.folder)?;
    if scenarios.is_empty() {
        return Err(CliError::bad_input(format_args!("{} has no tests", place.folder.display()))
            .hint("write them into `test/*.toml`; `wharf test --help` shows how"));
    }
    if let Some(part) = &args.only {
        scenarios.retain(|scenario| scenario.name.contains(part) || scenario.file.to_string_lossy().contains(part));
        if scenarios.is_empty() {
            return Err(CliError::bad_input(format_args!("no test has {part:?} in its name or its file's name")));
        }
    }
    Ok(scenarios)
}

fn build(place: &Place, interrupts: &Interrupts) -> CliResult<PathBuf> {
    let ended = Helper::start(["build".as_ref(), place.folder.as_os_str()], Remarks::Shown)?.wait(interrupts)?;
    let zip = ended.result.get("zip").and_then(|zip| zip.as_str()).filter(|_| ended.worked());
    zip.map(PathBuf::from).ok_or_else(|| CliError::bad_input("nothing was tested: the package could not be built"))
}

fn conclude(args: &Test, place: &Place, outcomes: &[Outcome], output: &mut Output) -> CliResult<()> {
    if let Some(path) = &args.junit {
        let xml = junit::render(&place.package.to_string(), outcomes);
        fs::write(path, xml).map_err(|error| CliError::file("write", path, &error))?;
    }
    match output.format() {
        Format::Json => output.json(&report::as_json(outcomes))?,
        Format::Text => report::sum_up(outcomes, output)?,
    }
    match outcomes.iter().filter(|outcome| outcome.failure.is_some()).count() {
        0 => Ok(()),
        1 => Err(CliError::refused("a test failed")),
        several => Err(CliError::refused(format_args!("{several} tests failed"))),
    }
}
