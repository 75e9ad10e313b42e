//! `wharf dev`: a throw-away node with a package in it.

use serde_json::json;
use wharf_types::login::{LoginCommand, LoginReply};
use wharf_types::{NodeName, ProcessId};

use crate::args::{DaemonArgs, Dev};
use crate::client::Client;
use crate::commands::watch::{self, Place, Shown};
use crate::errors::{CliError, CliResult};
use crate::interrupts::Interrupts;
use crate::output::{Format, Output, Style};
use crate::throwaway::{Throwaway, Wanted, find_daemon};

/// Starts the node, and works on the package until it is interrupted.
pub(crate) fn run(args: &Dev, output: &mut Output) -> CliResult<()> {
    let place = Place::of(&args.folder)?;
    let interrupts = Interrupts::listen()?;
    match serve(args, &place, &interrupts, output) {
        // Being told to end is how this ends.
        Err(_) if interrupts.happened() => Ok(()),
        ended => ended,
    }
}

fn serve(args: &Dev, place: &Place, interrupts: &Interrupts, output: &mut Output) -> CliResult<()> {
    let wanted = Wanted { http: args.http, ..wanted(&args.node, &args.daemon)? };
    let mut node = start(wanted, interrupts)?;
    announce(&node, place, output)?;
    let home = node.home();
    watch::work(place, &home, Shown::WithWarnings, &mut || node.check(), interrupts, output)
}

/// A node of this name.
pub(crate) fn wanted(name: &NodeName, daemon: &DaemonArgs) -> CliResult<Wanted> {
    Ok(Wanted {
        daemon: find_daemon()?,
        name: name.clone(),
        http: None,
        packages: daemon.packages.clone(),
        config: daemon.settings.clone(),
    })
}

/// Starts a node that packages can be installed into.
pub(crate) fn start(wanted: Wanted, interrupts: &Interrupts) -> CliResult<Throwaway> {
    let node = Throwaway::start(wanted, interrupts)?;
    let app_store = ProcessId::new("main", "app-store", "sys").map_err(CliError::bad_input)?;
    if Client::of(&node.home())?.processes()?.iter().any(|process| process.id == app_store) {
        return Ok(node);
    }
    Err(CliError::bad_input("the node has no app store, so nothing can be installed: `wharfd` did not find its own packages")
        .hint("name their folder with `--packages DIR`; in a checkout of Wharf, `scripts/guests` makes them in target/packages"))
}

fn announce(node: &Throwaway, place: &Place, output: &mut Output) -> CliResult<()> {
    let home = node.home();
    let login = match Client::of(&home)?.login(&LoginCommand::Link { process: None })? {
        LoginReply::Link { path, .. } => format!("{}{path}", node.url()),
        other => return Err(crate::client::unexpected("the node", &other)),
    };
    let pages: Vec<String> = place.processes.iter().map(|process| format!("{}/{process}", node.url())).collect();
    match output.format() {
        Format::Json => output.json(&json!({
            "event": "NodeStarted", "node": node.name(), "url": node.url(), "home": home.root(), "pages": pages, "login": login,
        }))?,
        Format::Text => {
            let mut row = |name: &str, value: &str| {
                let name = output.colour().paint(Style::Dim, &format!("{name:<6}"));
                output.line(&format!("{name}  {value}"))
            };
            row("node", &format!("{} at {}", node.name(), node.url()))?;
            pages.iter().try_for_each(|page| row("page", page))?;
            row("login", &format!("{login} (good once)"))?;
            row("home", &format!("{0} (wharf --home {0} ps)", home.root().display()))?;
        }
    }
    output.flush()
}
