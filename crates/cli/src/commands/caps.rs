//! `wharf caps`: who holds what, through whose hands it came, and taking it back.

use std::str::FromStr;

use serde_json::json;
use wharf_types::kernel::{CapabilityOrigin, KernelCommand, KernelResponse, ProcessCapabilities};
use wharf_types::{Address, Capability, CapabilityKey, IdError, NodeName, ProcessId};

use crate::args::{Caps, CapsCommand, Revoke};
use crate::client::{Client, unexpected};
use crate::errors::{CliError, CliResult};
use crate::names::{ProcessName, Target};
use crate::output::{Format, Output, note};
use crate::prompt::confirm;
use crate::table::{Align, Cell, Table};

/// Holders that are named before the user is asked.
const NAMED_MAX: usize = 20;

/// Shows the capabilities of a process, or revokes one.
pub(crate) fn run(args: &Caps, client: &Client, output: &mut Output) -> CliResult<()> {
    match (&args.command, &args.process) {
        (Some(CapsCommand::Revoke(args)), _) => revoke(args, client, output),
        (None, Some(process)) => show(&client.resolve(process)?, client, output),
        (None, None) => Err(CliError::bad_input("no process was named").hint("`wharf ps` lists all processes")),
    }
}

fn show(process: &ProcessId, client: &Client, output: &mut Output) -> CliResult<()> {
    let capabilities = capabilities(process, client)?;
    match output.format() {
        Format::Json => output.json(&capabilities),
        Format::Text => {
            let node = node(client)?;
            output.line(&format!("{process} holds"))?;
            output.table(&held(&capabilities, &node))?;
            output.line("")?;
            output.line(&format!("others hold of {process}"))?;
            output.table(&issued(&capabilities, &node))
        }
    }
}

fn capabilities(process: &ProcessId, client: &Client) -> CliResult<ProcessCapabilities> {
    match client.kernel(&KernelCommand::Capabilities(process.clone()))? {
        KernelResponse::Capabilities(capabilities) => Ok(capabilities),
        other => Err(unexpected("the kernel", &other)),
    }
}

fn node(client: &Client) -> CliResult<NodeName> {
    match client.kernel(&KernelCommand::Status)? {
        KernelResponse::Status(status) => NodeName::new(&status.node)
            .map_err(|error| CliError::refused(format_args!("the node has an impossible name: {error}"))),
        other => Err(unexpected("the kernel", &other)),
    }
}

fn held(capabilities: &ProcessCapabilities, node: &NodeName) -> Table {
    let mut table = Table::new(&[("ISSUER", Align::Left), ("PARAMS", Align::Left), ("FROM", Align::Left)]);
    for held in &capabilities.held {
        table.push(vec![
            Cell::new(short(&held.capability.issuer, node)),
            Cell::new(&held.capability.params),
            Cell::new(from(held.origin, &held.path, node)),
        ]);
    }
    table
}

fn issued(capabilities: &ProcessCapabilities, node: &NodeName) -> Table {
    let mut table = Table::new(&[("PARAMS", Align::Left), ("HOLDER", Align::Left), ("FROM", Align::Left)]);
    for issued in &capabilities.issued {
        for holder in &issued.holders {
            table.push(vec![
                Cell::new(&issued.capability.params),
                Cell::new(&holder.process),
                Cell::new(from(holder.origin, &holder.path, node)),
            ]);
        }
        let more = issued.holders_total.saturating_sub(issued.holders.len() as u64);
        if more > 0 {
            table.push(vec![Cell::new(&issued.capability.params), Cell::new(format_args!("and {more} more"))]);
        }
    }
    let more = capabilities.issued_total.saturating_sub(capabilities.issued.len() as u64);
    if more > 0 {
        table.push(vec![Cell::new(format_args!("and {more} more"))]);
    }
    table
}

/// Everyone it came from, who gave it last at the end.
fn from(origin: CapabilityOrigin, path: &[Address], node: &NodeName) -> String {
    let first = match origin {
        CapabilityOrigin::Granted => Some("the kernel".to_owned()),
        CapabilityOrigin::Issued if path.is_empty() => Some("itself".to_owned()),
        CapabilityOrigin::Issued => None,
    };
    first.into_iter().chain(path.iter().map(|hand| short(hand, node))).collect::<Vec<_>>().join(" > ")
}

fn short(address: &Address, node: &NodeName) -> String {
    if address.node() == node { address.process().to_string() } else { address.to_string() }
}

/// What is to be revoked, and from whom.
struct Wanted {
    holder: Option<ProcessId>,
    capability: Capability,
    key: CapabilityKey,
}

impl Wanted {
    fn of(args: &Revoke, client: &Client) -> CliResult<Self> {
        let (holder, issuer, params) = match (args.everyone, args.what.as_slice()) {
            (true, [issuer, params]) => (None, issuer, params),
            (false, [holder, issuer, params]) => (Some(holder), issuer, params),
            (true, _) => return Err(CliError::bad_input("with `--everyone`, give the issuer and the params only")),
            (false, _) => {
                return Err(CliError::bad_input("give the holder, the issuer and the params")
                    .hint("`--everyone` instead of a holder takes it from all who hold it"));
            }
        };
        let holder = holder.map(|holder| resolve(&parsed(holder)?, client)).transpose()?;
        let issuer: Target = parsed(issuer)?;
        let of_node = issuer.node.map_or_else(|| node(client), Ok)?;
        let issuer = Address::new(of_node, resolve(&issuer.process, client)?);
        // A word is easier to type than JSON in quotes.
        let capability = Capability::new(issuer.clone(), params.clone());
        let capability = match capability.key() {
            Some(_) => capability,
            None => Capability::new(issuer, json!(params).to_string()),
        };
        let key = capability.key().ok_or_else(|| CliError::bad_input("the params are not JSON"))?;
        Ok(Self { holder, capability, key })
    }

    /// Who will lose it, as far as the node lists them.
    fn losers(&self, client: &Client) -> CliResult<Vec<ProcessId>> {
        let is_process = client.processes()?.iter().any(|info| info.id == *self.capability.issuer.process());
        if !is_process || self.capability.issuer.node() != &node(client)? {
            return Ok(self.holder.iter().cloned().collect());
        }
        let of_issuer = capabilities(self.capability.issuer.process(), client)?.issued;
        let issued = of_issuer.into_iter().filter(|issued| issued.capability.key().as_ref() == Some(&self.key));
        let loses = |process: &ProcessId, path: &[Address]| {
            self.holder
                .as_ref()
                .is_none_or(|holder| process == holder || path.iter().any(|hand| hand.process() == holder))
        };
        let holders = issued.flat_map(|issued| issued.holders);
        Ok(holders.filter(|holder| loses(&holder.process, &holder.path)).map(|holder| holder.process).collect())
    }
}

fn parsed<T: FromStr<Err = IdError>>(text: &str) -> CliResult<T> {
    text.parse().map_err(CliError::bad_input)
}

/// A whole id may be that of a process that is gone.
fn resolve(name: &ProcessName, client: &Client) -> CliResult<ProcessId> {
    match name {
        ProcessName::Full(id) => Ok(id.clone()),
        ProcessName::Short(_) => client.resolve(name),
    }
}

fn revoke(args: &Revoke, client: &Client, output: &mut Output) -> CliResult<()> {
    let wanted = Wanted::of(args, client)?;
    let what = &wanted.capability;
    let losers = wanted.losers(client)?;
    let from = wanted.holder.as_ref().map_or_else(|| "everyone".to_owned(), ToString::to_string);
    if losers.is_empty() {
        let whose = wanted.holder.as_ref().unwrap_or(what.issuer.process());
        return Err(CliError::refused(format_args!("{what:?} is held by nobody that has it from {from}"))
            .hint(format_args!("`wharf caps {whose}` shows what there is")));
    }
    note(&format!("these lose {what:?}:"));
    losers.iter().take(NAMED_MAX).for_each(|loser| note(&format!("  {loser}")));
    if losers.len() > NAMED_MAX {
        note(&format!("  and {} more", losers.len() - NAMED_MAX));
    }
    confirm(&format!("revoke it from {from}?"), args.consent.given(), "nothing was revoked")?;
    let command = KernelCommand::RevokeCapabilities { target: wanted.holder.clone(), capabilities: vec![what.clone()] };
    match client.kernel(&command)? {
        KernelResponse::Ok => {}
        other => return Err(unexpected("the kernel", &other)),
    }
    match output.format() {
        Format::Json => output.json(&json!({ "capability": what, "revoked_from": losers })),
        Format::Text => output.line(&format!("revoked {what:?} from {}", counted(losers.len()))),
    }
}

fn counted(processes: usize) -> String {
    if processes == 1 { "1 process".to_owned() } else { format!("{processes} processes") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::Colour;

    #[test]
    fn capabilities_stand_in_columns_with_everyone_they_came_from() {
        let listed = json!({
            "held": [
                {"capability": {"issuer": "a.os@timer:distro:sys", "params": "\"messaging\""}, "origin": "Granted", "path": []},
                {"capability": {"issuer": "b.os@x:y:z", "params": "7"}, "origin": "Issued",
                 "path": ["b.os@x:y:z", "a.os@p:q:r"]}],
            "issued": [{"capability": {"issuer": "a.os@me:me:me", "params": "1"}, "holders_total": 3, "holders": [
                {"process": "p:q:r", "origin": "Granted", "path": ["a.os@o:o:o"]}]}],
            "issued_total": 1
        });
        let listed: ProcessCapabilities = serde_json::from_value(listed).unwrap();
        let node = NodeName::new("a.os").unwrap();
        let expected = "\
ISSUER            PARAMS       FROM
timer:distro:sys  \"messaging\"  the kernel
b.os@x:y:z        7            b.os@x:y:z > p:q:r
";
        assert_eq!(held(&listed, &node).render(Colour::Off), expected);
        let expected = "\
PARAMS  HOLDER      FROM
1       p:q:r       the kernel > o:o:o
1       and 2 more
";
        assert_eq!(issued(&listed, &node).render(Colour::Off), expected);
    }
}
