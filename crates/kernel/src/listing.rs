//! Who holds what and through whose hands it came, for people.

use std::collections::BTreeMap;

use wharf_types::CapabilityKey;
use wharf_types::kernel::{CapabilityHolder, HeldCapability, IssuedCapability, ProcessCapabilities};

use crate::capability::{HoldingRef, Lineage};
use crate::kernel::Kernel;
use crate::process::Process;

/// Holders that are listed, over all capabilities that a process issued. Anything beyond is counted.
const HOLDERS_LISTED_MAX: usize = 4_096;
/// Issued capabilities that are listed.
const ISSUED_LISTED_MAX: usize = 4_096;

/// What `process` holds and what others hold of it.
pub(crate) fn capabilities(kernel: &Kernel, process: &Process) -> ProcessCapabilities {
    let mut held = process.all_held();
    held.sort_by(|a, b| a.key().cmp(b.key()));
    let mut issued: BTreeMap<CapabilityKey, Vec<HoldingRef>> = BTreeMap::new();
    for holding in kernel.holdings().of_issuer(process.address()) {
        if kernel.is_held(&holding) {
            issued.entry(holding.key().clone()).or_default().push(holding);
        }
    }
    let issued_total = issued.len() as u64;
    let mut room = HOLDERS_LISTED_MAX;
    ProcessCapabilities {
        held: held.iter().map(held_capability).collect(),
        issued: issued
            .into_values()
            .take(ISSUED_LISTED_MAX)
            .filter_map(|holders| issued_capability(holders, &mut room))
            .collect(),
        issued_total,
    }
}

fn held_capability(holding: &HoldingRef) -> HeldCapability {
    let Lineage { origin, path } = holding.lineage();
    HeldCapability { capability: holding.capability().clone(), origin, path }
}

fn issued_capability(mut holders: Vec<HoldingRef>, room: &mut usize) -> Option<IssuedCapability> {
    holders.sort_by(|a, b| a.holder().process().cmp(b.holder().process()));
    let capability = holders.first()?.capability().clone();
    let holders_total = holders.len() as u64;
    holders.truncate(*room);
    *room -= holders.len();
    let listed = holders.iter().map(|holding| {
        let Lineage { origin, path } = holding.lineage();
        CapabilityHolder { process: holding.holder().process().clone(), origin, path }
    });
    Some(IssuedCapability { capability, holders: listed.collect(), holders_total })
}
