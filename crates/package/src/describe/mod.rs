//! What a package asks for, for the person who decides whether to install it: as data, and in plain words.
//!
//! The words include a stranger's text. Every character that is not printable ASCII is escaped, so that a manifest
//! can neither steer a terminal nor make one line look like another.

mod rights;

use wharf_types::ask::{Ask, AskedFor, Weight};
use wharf_types::{OnExit, PackageId, ProcessId};

use crate::capability::CapabilityEntry;
use crate::manifest::ManifestEntry;
use crate::package::Package;
use crate::scripts::{Script, Scripts};

use self::rights::{Context, message, right};

/// Longest text of one line: params may be long, and who reads them decides nothing by their end.
const TEXT_CHARS_MAX: usize = 400;

impl Package {
    /// Everything that its processes and scripts ask for or offer: process by process, most far-reaching first in each.
    pub fn asks(&self, package: &PackageId) -> Vec<Ask> {
        let processes = self.manifest().entries().iter().map(|entry| of_process(package, entry));
        let scripts = self.scripts().iter().map(|(wasm, script)| of_script(package, wasm, script));
        processes.chain(scripts).flatten().collect()
    }
}

impl Scripts {
    /// Everything that one script asks for or offers, most far-reaching first; `None` when there is no such script.
    pub fn asks(&self, package: &PackageId, wasm: &str) -> Option<Vec<Ask>> {
        self.get(wasm).map(|script| of_script(package, wasm, script))
    }
}

/// What [`Ask::process`] says where a script asks.
pub fn script_subject(wasm: &str) -> String {
    plain(&format!("script {wasm}"))
}

/// The asks of one process or script, as they are collected.
struct Asks {
    process: String,
    list: Vec<Ask>,
}

impl Asks {
    fn push(&mut self, what: AskedFor, weight: Weight, text: &str) {
        let ask = Ask { process: self.process.clone(), what, weight, text: plain(text) };
        // A manifest may say a thing twice.
        if !self.list.iter().any(|known| known.is_same_as(&ask)) {
            self.list.push(ask);
        }
    }

    fn request(&mut self, context: &Context<'_>, capability: &CapabilityEntry) {
        match capability {
            CapabilityEntry::Messaging(to) => {
                let (weight, text) = message(context, to);
                self.push(AskedFor::Message { to: to.clone() }, weight, &text);
            }
            CapabilityEntry::Custom { process: issuer, params } => {
                let (weight, text) = right(context, issuer, params);
                self.push(AskedFor::Right { issuer: issuer.clone(), params: params.clone() }, weight, &text);
            }
        }
    }

    fn offer(&mut self, capability: &CapabilityEntry) {
        let to = capability.process().clone();
        match capability {
            CapabilityEntry::Messaging(_) => {
                let text = format!("takes messages from {to}");
                self.push(AskedFor::BeMessaged { by: to }, Weight::Usual, &text);
            }
            CapabilityEntry::Custom { params, .. } => {
                let text = format!("gives the right {params} to {to}");
                self.push(AskedFor::Give { to, params: params.clone() }, Weight::Usual, &text);
            }
        }
    }

    fn network(&mut self) {
        let text = "may use the network: it can reach other nodes, and they can reach it";
        self.push(AskedFor::Network, Weight::Care, text);
    }

    fn be_public(&mut self) {
        self.push(AskedFor::BePublic, Weight::Usual, "takes messages from any process on this node");
    }

    fn sorted(mut self) -> Vec<Ask> {
        // Stable: what reaches equally far stays in the manifest's order.
        self.list.sort_by_key(|ask| ask.weight);
        self.list
    }
}

fn of_process(package: &PackageId, entry: &ManifestEntry) -> Vec<Ask> {
    let mut asks = Asks { process: plain(&entry.process_name), list: Vec::new() };
    let context = Context { package, requested: &entry.request_capabilities };
    if entry.request_networking {
        asks.network();
    }
    entry.request_capabilities.iter().for_each(|capability| asks.request(&context, capability));
    entry.grant_capabilities.iter().for_each(|capability| asks.offer(capability));
    if entry.public {
        asks.be_public();
    }
    match &entry.on_exit {
        OnExit::None => {}
        OnExit::Restart => asks.push(AskedFor::Restart, Weight::Usual, "is started again whenever it ends"),
        OnExit::Requests(requests) => {
            for (target, ..) in requests {
                let to: ProcessId = target.process().clone();
                asks.push(
                    AskedFor::LastMessage { to },
                    Weight::Usual,
                    &format!("sends a message to {target} when it ends"),
                );
            }
        }
    }
    asks.sorted()
}

fn of_script(package: &PackageId, wasm: &str, script: &Script) -> Vec<Ask> {
    let mut asks = Asks { process: script_subject(wasm), list: Vec::new() };
    let context = Context { package, requested: &script.request_capabilities };
    if script.root {
        asks.push(
            AskedFor::TerminalRights,
            Weight::Danger,
            "gets every right that the terminal has: it may do everything on this node",
        );
    }
    if script.request_networking {
        asks.network();
    }
    script.request_capabilities.iter().for_each(|capability| asks.request(&context, capability));
    script.grant_capabilities.iter().for_each(|capability| asks.offer(capability));
    if script.public {
        asks.be_public();
    }
    asks.sorted()
}

fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        if at == TEXT_CHARS_MAX {
            out.push_str("...");
            break;
        }
        if c == ' ' || c.is_ascii_graphic() {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

#[cfg(test)]
#[path = "../describe_tests.rs"]
mod tests;
