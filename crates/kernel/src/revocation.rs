//! Taking back what was given: from who holds it, and from everyone it came to through them.
//!
//! A revoked holding is marked, and with it everything that comes from it: what is attached to a message under way is
//! taken out when that is received, and what was received lately cannot be kept any more. What processes hold and the
//! store has is removed. All of it happens in [`Kernel::commit`], as giving does, so that nobody keeps something at the
//! same time.
//!
//! When the store fails, the caller is told, and what was revoked stays so until the node ends.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wharf_types::events::Happening;
use wharf_types::{Address, Capability, CapabilityKey, PackageId, ProcessId};

use crate::capability::{HoldingRef, Lineage, Origin};
use crate::events::written;
use crate::kernel::Kernel;
use crate::persistence::{Change, StoreError, StoredCapability};
use crate::process::Process;

/// Longest path that is read back. Limits are below it; a row beyond it was not written by a node.
const STORED_PATH_MAX: usize = 1_024;

impl Kernel {
    /// Revokes capabilities: those that `holder` has and all that come from them, or everyone's. Tells how many holders
    /// lost one.
    pub(crate) async fn revoke(
        &self,
        holder: Option<&ProcessId>,
        capabilities: &[Capability],
    ) -> Result<usize, StoreError> {
        let from = holder.map(|id| Address::new(self.node().clone(), id.clone()));
        let keys: HashSet<_> = capabilities.iter().filter_map(Capability::key).collect();
        let mut lost = 0;
        self.commit(|| {
            let mut changes = Vec::new();
            for key in keys {
                let all = self.holdings().of_capability(&key);
                let is_from = |holding: &&HoldingRef| from.as_ref().is_none_or(|from| holding.holder() == from);
                all.iter().filter(is_from).for_each(|holding| holding.revoke());
                self.remove_revoked(&all, &mut changes);
            }
            lost = changes.len();
            Ok::<_, StoreError>(changes)
        })
        .await?;
        Ok(lost)
    }

    /// Revokes everything that processes of a package hold, what they handed on, and what they issued.
    pub async fn revoke_package(&self, package: &PackageId) -> Result<(), StoreError> {
        self.commit(|| {
            let is_of_package = |address: &Address| address.node() == self.node() && address.process().is_in(package);
            let around = self.holdings().around(is_of_package);
            around.iter().for_each(|holding| holding.revoke());
            let keys: HashSet<&CapabilityKey> = around.iter().map(|holding| holding.key()).collect();
            let mut changes = Vec::new();
            for key in keys {
                self.remove_revoked(&self.holdings().of_capability(key), &mut changes);
            }
            Ok(changes)
        })
        .await
    }

    /// Revokes everything that `issuer` issued. Only called in [`Kernel::commit`], when the issuer has left the table.
    pub(crate) fn revoke_issued_by(&self, issuer: &Process, changes: &mut Vec<Change>) {
        issuer.set_ended();
        let issued = self.holdings().of_issuer(issuer.address());
        issued.iter().for_each(|holding| holding.revoke());
        self.remove_revoked(&issued, changes);
    }

    /// Takes from their holders those of `holdings` that are revoked.
    pub(crate) fn remove_revoked(&self, holdings: &[HoldingRef], changes: &mut Vec<Change>) {
        for holding in holdings.iter().filter(|holding| !holding.is_valid()) {
            let was_held = match self.find(holding.holder().process()) {
                Some(process) => {
                    let was_held = process.lose(holding);
                    if was_held {
                        process.tell(Happening::CapabilityRevoked(written(holding.capability())));
                    }
                    was_held
                }
                None => self.absent().get().is_some_and(|absent| absent.iter().any(|one| Arc::ptr_eq(one, holding))),
            };
            if was_held {
                let (holder, key) = (holding.holder().process().clone(), holding.key().clone());
                changes.push(Change::RemoveCapability { holder, key });
            }
        }
    }

    /// What a process holds and what others hold of it, for a process that was not stored so far.
    pub(crate) fn capabilities_around(&self, process: &Process) -> Vec<Change> {
        let issued = self.holdings().of_issuer(process.address());
        let held_by_others =
            issued.into_iter().filter(|holding| holding.holder() != process.address() && self.is_held(holding));
        let all = process.all_held().into_iter().chain(held_by_others);
        all.map(|holding| Change::PutCapability(StoredCapability::from(&holding))).collect()
    }

    /// Whether its holder has not given it up.
    pub(crate) fn is_held(&self, holding: &HoldingRef) -> bool {
        let held = self.find(holding.holder().process()).and_then(|process| process.held(holding.key()));
        held.is_some_and(|held| Arc::ptr_eq(&held, holding))
    }

    /// Brings back what was stored, with everyone it came through, so that revoking reaches it as before.
    pub(crate) fn restore_capabilities(&self, stored: Vec<StoredCapability>) {
        let mut known = HashMap::new();
        let mut absent = Vec::new();
        for capability in stored {
            if capability.lineage.path.len() > STORED_PATH_MAX {
                tracing::error!(holder = %capability.holder, "a stored capability has an absurd path; it was left out");
                continue;
            }
            let holding = self.rebuild(&mut known, &capability);
            match self.find(&capability.holder) {
                Some(process) => process.hold(holding),
                None => absent.push(holding),
            }
        }
        // Set only here, and a kernel is restored once.
        let _ = self.absent().set(absent);
    }

    /// The holding of the last of the hands that a capability went through; those before it are shared.
    fn rebuild(
        &self,
        known: &mut HashMap<(CapabilityKey, Origin, Vec<Address>), HoldingRef>,
        stored: &StoredCapability,
    ) -> HoldingRef {
        let Lineage { origin, path } = &stored.lineage;
        let holder = Address::new(self.node().clone(), stored.holder.clone());
        let mut hands = Vec::with_capacity(path.len() + 1);
        let mut last: Option<HoldingRef> = None;
        let mut through = |hand: &Address| {
            hands.push(hand.clone());
            let place = known.entry((stored.capability.key().clone(), *origin, hands.clone()));
            let holding = place.or_insert_with(|| match &last {
                Some(giver) => self.holdings().handed_on(giver, hand.clone()),
                None => self.holdings().first(Arc::clone(&stored.capability), hand.clone(), *origin),
            });
            last = Some(Arc::clone(holding));
            Arc::clone(holding)
        };
        for hand in path {
            through(hand);
        }
        through(&holder)
    }
}
