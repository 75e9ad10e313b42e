//! `wharf auto-update`: where the node looks for newer versions by itself, and for which packages.

use serde_json::json;
use wharf_home::Home;
use wharf_registry::PackageRef;
use wharf_registry::chain::{ChainRequest, Followed, Updates};
use wharf_registry::client::{Location, LocationError};
use wharf_types::http_client::HostParams;
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::{Address, Capability, NodeName, PackageId, ProcessId};

use crate::args::{AutoUpdate, AutoUpdateCommand, Interval, RegistriesArgs};
use crate::chain;
use crate::client::{Client, unexpected};
use crate::commands::{list, uninstall};
use crate::errors::{CliError, CliResult};
use crate::output::{Format, Output, note};
use crate::registries::{self, Opened};
use crate::table::{Align, Cell, Table};
use crate::text;

/// Does what was asked.
pub(crate) fn run(args: &AutoUpdate, home: &Home, output: &mut Output) -> CliResult<()> {
    let client = Client::of(home)?;
    match &args.command {
        AutoUpdateCommand::Show => show(&chain::updates(&client)?, &client, output),
        AutoUpdateCommand::Look => show(&chain::look(&client)?, &client, output),
        AutoUpdateCommand::On { packages } => on(packages, &client, output),
        AutoUpdateCommand::Off { packages } => off(packages, &client, output),
        AutoUpdateCommand::Every { interval } => every(*interval, &client, output),
        AutoUpdateCommand::Add { registry, settings } => add(registry, settings, &client, output),
        AutoUpdateCommand::Remove { registry } => remove(registry, &client, output),
    }
}

fn on(packages: &[PackageId], client: &Client, output: &mut Output) -> CliResult<()> {
    let installed = list::installed(client)?;
    for package in packages {
        if !installed.iter().any(|known| known.package_id == *package) {
            return Err(uninstall::unknown(package, &installed));
        }
        chain::done(client, &ChainRequest::StartAutoUpdate(package.clone())).map_err(|error| {
            error.hint("`wharf auto-update add REGISTRY` lets the node look there; `wharf auto-update show` shows what it knows")
        })?;
    }
    changed(packages, "is updated by itself now", client, output)
}

fn off(packages: &[PackageId], client: &Client, output: &mut Output) -> CliResult<()> {
    for package in packages {
        chain::done(client, &ChainRequest::StopAutoUpdate(package.clone()))?;
    }
    changed(packages, "stays as it is until you update it", client, output)
}

fn changed(packages: &[PackageId], what: &str, client: &Client, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Json => output.json(&chain::updates(client)?),
        Format::Text => packages.iter().try_for_each(|package| output.line(&format!("{package} {what}"))),
    }
}

fn every(interval: Interval, client: &Client, output: &mut Output) -> CliResult<()> {
    chain::done(client, &ChainRequest::LookEvery { seconds: interval.0 })?;
    match output.format() {
        Format::Json => output.json(&json!({ "every_s": interval.0 })),
        Format::Text => output.line(&looks(interval.0)),
    }
}

fn looks(every_s: Option<u64>) -> String {
    match every_s {
        Some(seconds) => format!("the node looks every {}", text::duration(seconds.saturating_mul(1000))),
        None => "the node does not look by itself".to_owned(),
    }
}

/// The owner grants the host of the registry to the process that looks, and to no other.
fn add(registry: &str, settings: &RegistriesArgs, client: &Client, output: &mut Output) -> CliResult<()> {
    let (location, host) = web(registry)?;
    // From here, too: a name that was mistyped is found at once, and what may be asked without TLS is for your settings to say.
    let opened = Opened::of(Some(&location), None, settings)?;
    opened.registry().packages().map_err(registries::failed)?;
    // Those of the others, too: a process that has one host may ask no other, and a new version of the node's own packages
    // begins without any.
    let before = chain::updates(client)?.registries;
    let hosts = before.iter().filter_map(|known| web(known).ok()).map(|(_, host)| host).chain([host]);
    let capabilities = hosts.map(|host| of_host(&host, client)).collect::<CliResult<_>>()?;
    let granted = KernelCommand::GrantCapabilities { target: chain::process()?, capabilities };
    kernel(&granted, client)?;
    chain::done(client, &ChainRequest::AddRegistry { registry: location.clone() })?;
    let updates = chain::look(client)?;
    let problems = updates.last_look.map(|look| look.problems).unwrap_or_default();
    problems.iter().for_each(|problem| note(&text::clean_line(problem)));
    match output.format() {
        Format::Json => output.json(&json!({ "registries": updates.registries, "problems": problems })),
        Format::Text => output.line(&format!("the node looks at {location} now; {}", looks(updates.every_s))),
    }
}

fn remove(registry: &str, client: &Client, output: &mut Output) -> CliResult<()> {
    let (location, host) = web(registry)?;
    let before = chain::updates(client)?.registries;
    if !before.contains(&location) {
        return Err(CliError::refused(format_args!("the node does not look at {location}"))
            .hint("`wharf auto-update show` shows where it looks"));
    }
    chain::done(client, &ChainRequest::RemoveRegistry { registry: location.clone() })?;
    let left: Vec<String> = before.into_iter().filter(|known| *known != location).collect();
    if !left.iter().any(|other| web(other).is_ok_and(|(_, of_other)| of_other == host)) {
        let capabilities = vec![of_host(&host, client)?];
        kernel(&KernelCommand::RevokeCapabilities { target: Some(chain::process()?), capabilities }, client)?;
    }
    match output.format() {
        Format::Json => output.json(&json!({ "registries": left })),
        Format::Text => output.line(&format!("the node does not look at {location} any more")),
    }
}

/// A registry that the node can ask itself: how it is written, and its host.
fn web(registry: &str) -> CliResult<(String, String)> {
    let refused = |why: &str| {
        CliError::bad_input(format_args!("the node cannot look at {registry}: {why}"))
            .hint("have a web server serve the folder; `wharf update` looks at every kind of registry")
    };
    let location: Location = registry.parse().map_err(|error: LocationError| CliError::bad_input(error))?;
    match &location {
        Location::Web(url) => {
            let host = url.host_str().ok_or_else(|| refused("there is no host in it"))?.to_owned();
            Ok((location.to_string(), host))
        }
        Location::Folder(_) => Err(refused("it has no folders of this machine")),
        Location::Oci { .. } => Err(refused("it does not speak with OCI registries")),
    }
}

fn of_host(host: &str, client: &Client) -> CliResult<Capability> {
    let KernelResponse::Status(status) = client.kernel(&KernelCommand::Status)? else {
        return Err(CliError::refused("the node does not tell its name"));
    };
    let node = NodeName::new(&status.node).map_err(CliError::bad_input)?;
    let params = json!(HostParams { host: host.to_owned() }).to_string();
    Ok(Capability::new(Address::new(node, ProcessId::system("http-client")), params))
}

fn kernel(command: &KernelCommand, client: &Client) -> CliResult<()> {
    match client.kernel(command)? {
        KernelResponse::Ok => Ok(()),
        other => Err(unexpected("the kernel", &other)),
    }
}

fn show(updates: &Updates, client: &Client, output: &mut Output) -> CliResult<()> {
    if output.format() == Format::Json {
        return output.json(updates);
    }
    for registry in &updates.registries {
        output.line(&format!("looks at {}", text::clean_line(registry)))?;
    }
    if updates.registries.is_empty() {
        output.line("looks nowhere; `wharf auto-update add REGISTRY` changes that")?;
    }
    output.line(&looks(updates.every_s))?;
    for problem in updates.last_look.iter().flat_map(|look| &look.problems) {
        output.line(&format!("the last look: {}", text::clean_line(problem)))?;
    }
    let installed = list::installed(client)?;
    let mut table = Table::new(&[
        ("PACKAGE", Align::Left),
        ("INSTALLED", Align::Left),
        ("UPDATES", Align::Left),
        ("WAITS", Align::Left),
        ("REGISTRY", Align::Left),
    ]);
    for known in &installed {
        let of_none = Followed::default();
        let package = PackageRef::of(&known.package_id).ok();
        let followed = package.and_then(|package| updates.packages.get(&package)).unwrap_or(&of_none);
        table.push(vec![
            Cell::new(&known.package_id),
            Cell::new(known.version.as_deref().unwrap_or("-")),
            Cell::new(if followed.auto_update { "by itself" } else { "by you" }),
            Cell::new(followed.offer.as_ref().or(followed.failed.as_ref()).map_or("-", |waiting| &waiting.version)),
            Cell::new(followed.registry.as_deref().unwrap_or("-")),
        ]);
    }
    output.table(&table)?;
    for (package, followed) in &updates.packages {
        let id = package.id();
        if let Some(offer) = &followed.offer {
            output.line(&format!(
                "{id} {} waits for you: {}",
                text::clean_line(&offer.version),
                text::clean_line(&offer.reason)
            ))?;
            output.line(&format!("  wharf update {id}"))?;
        }
        if let Some(failed) = &followed.failed {
            output.line(&format!(
                "{id} {} failed: {}",
                text::clean_line(&failed.version),
                text::clean_line(&failed.reason)
            ))?;
        }
    }
    Ok(())
}
