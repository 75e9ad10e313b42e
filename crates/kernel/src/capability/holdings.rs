//! Every holding of the node: found by its capability, by its issuer, and by its holder.
//!
//! Ending a process or revoking a capability costs what it reaches, not what there is.
//!
//! **Invariant:** no holding is dropped while the lock is held, for dropping one takes the lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};

use wharf_types::{Address, Capability, CapabilityKey};

use super::{Authority, CapabilityRef, Holding, HoldingRef, Origin};
use crate::process::Process;
use crate::sync::{Mutex, MutexGuard};

/// See the module.
#[derive(Default)]
pub(crate) struct Holdings {
    known: Mutex<Known>,
    next: AtomicU64,
}

/// Holdings by number: one that goes is found without looking at the others.
type Numbered = HashMap<u64, Weak<Holding>>;

#[derive(Default)]
struct Known {
    by_issuer: HashMap<Address, HashMap<String, OfCapability>>,
    by_holder: HashMap<Address, Numbered>,
}

#[derive(Default)]
struct OfCapability {
    /// The issuer's own, which it attaches again.
    issue: Weak<Holding>,
    all: Numbered,
}

impl Known {
    fn add(&mut self, holding: &HoldingRef) {
        let (number, key) = (holding.number(), holding.key());
        let of_issuer = self.by_issuer.entry(key.issuer().clone()).or_default();
        let of_capability = match of_issuer.get_mut(key.params()) {
            Some(known) => known,
            None => of_issuer.entry(key.params().to_owned()).or_default(),
        };
        if holding.is_issue() {
            of_capability.issue = Arc::downgrade(holding);
        }
        of_capability.all.insert(number, Arc::downgrade(holding));
        self.by_holder.entry(holding.holder().clone()).or_default().insert(number, Arc::downgrade(holding));
    }

    fn remove(&mut self, holding: &Holding) {
        let (number, key) = (holding.number(), holding.key());
        if let Some(of_issuer) = self.by_issuer.get_mut(key.issuer()) {
            if let Some(of_capability) = of_issuer.get_mut(key.params()) {
                of_capability.all.remove(&number);
                if of_capability.all.is_empty() {
                    of_issuer.remove(key.params());
                }
            }
            if of_issuer.is_empty() {
                self.by_issuer.remove(key.issuer());
            }
        }
        if let Some(of_holder) = self.by_holder.get_mut(holding.holder()) {
            of_holder.remove(&number);
            if of_holder.is_empty() {
                self.by_holder.remove(holding.holder());
            }
        }
    }
}

fn living(of: &Numbered) -> impl Iterator<Item = HoldingRef> {
    of.values().filter_map(Weak::upgrade)
}

impl Holdings {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn known(&self, holding: Holding) -> HoldingRef {
        let holding = Arc::new(holding);
        self.lock().add(&holding);
        holding
    }

    /// The first holding of a capability.
    pub(crate) fn first(self: &Arc<Self>, capability: CapabilityRef, holder: Address, origin: Origin) -> HoldingRef {
        self.known(Holding::first(self, self.number(), capability, holder, origin))
    }

    /// A holding that comes from another.
    pub(crate) fn handed_on(self: &Arc<Self>, giver: &HoldingRef, holder: Address) -> HoldingRef {
        self.known(Holding::handed_on(self, self.number(), giver, holder))
    }

    /// What `issuer` attaches when it issues a capability. Nothing when the capability is none, or when the issuer has
    /// ended: what it issued is being revoked, and this must not come after.
    pub(crate) fn issue(
        self: &Arc<Self>,
        issuer: &Process,
        capability: Capability,
        authority: &Authority,
    ) -> Option<HoldingRef> {
        let key = capability.key()?;
        let before = self.issued_before(&key);
        if let Some(issue) = before.filter(|issue| issue.is_valid() && issue.capability().params == capability.params) {
            return (!issuer.has_ended()).then_some(issue);
        }
        let signed = authority.sign(capability)?;
        let address = issuer.address().clone();
        let issue = Arc::new(Holding::first(self, self.number(), signed, address, Origin::Issued));
        {
            let mut known = self.lock();
            if issuer.has_ended() {
                drop(known);
                return None;
            }
            known.add(&issue);
        }
        Some(issue)
    }

    fn issued_before(&self, key: &CapabilityKey) -> Option<HoldingRef> {
        self.lock().by_issuer.get(key.issuer())?.get(key.params())?.issue.upgrade()
    }

    /// Every holding of a capability, also those in messages under way and those that were given up.
    pub(crate) fn of_capability(&self, key: &CapabilityKey) -> Vec<HoldingRef> {
        let known = self.lock();
        let of_capability = known.by_issuer.get(key.issuer()).and_then(|of_issuer| of_issuer.get(key.params()));
        of_capability.map(|of_capability| living(&of_capability.all).collect()).unwrap_or_default()
    }

    /// The same of everything that `issuer` issued.
    pub(crate) fn of_issuer(&self, issuer: &Address) -> Vec<HoldingRef> {
        let known = self.lock();
        let of_issuer = known.by_issuer.get(issuer);
        of_issuer.map(|keys| keys.values().flat_map(|key| living(&key.all)).collect()).unwrap_or_default()
    }

    /// Everything that somebody of whom `is_one` is true holds, held, or issued.
    pub(crate) fn around(&self, is_one: impl Fn(&Address) -> bool) -> Vec<HoldingRef> {
        let known = self.lock();
        let held = known.by_holder.iter().filter(|(holder, _)| is_one(holder)).flat_map(|(_, of)| living(of));
        let issued = known.by_issuer.iter().filter(|(issuer, _)| is_one(issuer));
        held.chain(issued.flat_map(|(_, keys)| keys.values().flat_map(|key| living(&key.all)))).collect()
    }

    /// Whether a capability has no holding that anybody knows of.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let known = self.lock();
        known.by_issuer.is_empty() && known.by_holder.is_empty()
    }

    pub(super) fn forget(&self, holding: &Holding) {
        self.lock().remove(holding);
    }
}
