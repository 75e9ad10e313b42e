//! One holder's hold on a capability, and through whose hands it came.

use std::fmt;
use std::sync::Arc;

use wharf_types::{Address, Capability, CapabilityKey};

use super::{CapabilityRef, Holdings, Signature};
use crate::sync::atomic::{AtomicBool, Ordering};

/// How the first holder of a capability came by it.
pub use wharf_types::kernel::CapabilityOrigin as Origin;

/// Where a holding comes from, in the form that is stored and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// How the first holder came by it.
    pub origin: Origin,
    /// Through whose hands it came: the first holder first, who gave it to the present one last. Empty when the present
    /// holder is the first.
    pub path: Vec<Address>,
}

/// That somebody holds a capability: because it issued it, because the kernel granted it, or because of a giver, who
/// holds it too or did once.
///
/// A message carries its sender's holding, so what is revoked while the message is under way is known to be revoked
/// when it is received. Giving a capability up does not touch what was handed on before; revoking it does.
pub struct Holding {
    capability: CapabilityRef,
    holder: Address,
    origin: Origin,
    giver: Option<HoldingRef>,
    /// Hands it went through before.
    depth: usize,
    revoked: AtomicBool,
    number: u64,
    /// Knows every holding, for as long as it is there.
    all: Arc<Holdings>,
}

/// A shared holding.
pub type HoldingRef = Arc<Holding>;

impl Holding {
    /// The first of a capability. Only [`Holdings`] makes these, and knows all of them.
    pub(super) fn first(
        all: &Arc<Holdings>,
        number: u64,
        capability: CapabilityRef,
        holder: Address,
        origin: Origin,
    ) -> Self {
        let (giver, depth, revoked) = (None, 0, AtomicBool::new(false));
        Self { capability, holder, origin, giver, depth, revoked, number, all: Arc::clone(all) }
    }

    /// One that comes from another.
    pub(super) fn handed_on(all: &Arc<Holdings>, number: u64, giver: &HoldingRef, holder: Address) -> Self {
        Self {
            capability: Arc::clone(&giver.capability),
            holder,
            origin: giver.origin,
            giver: Some(Arc::clone(giver)),
            depth: giver.depth + 1,
            revoked: AtomicBool::new(false),
            number,
            all: Arc::clone(all),
        }
    }

    /// The capability as its issuer wrote it.
    pub fn capability(&self) -> &Capability {
        self.capability.capability()
    }

    /// Its normal form.
    pub fn key(&self) -> &CapabilityKey {
        self.capability.key()
    }

    /// The issuer node's signature.
    pub fn signature(&self) -> Signature {
        self.capability.signature()
    }

    /// The capability with its signature.
    pub fn signed(&self) -> &CapabilityRef {
        &self.capability
    }

    /// Who holds it.
    pub fn holder(&self) -> &Address {
        &self.holder
    }

    /// Through whose hands it came.
    pub fn lineage(&self) -> Lineage {
        let mut path = Vec::with_capacity(self.depth);
        let mut giver = self.giver.as_deref();
        while let Some(holding) = giver {
            path.push(holding.holder.clone());
            giver = holding.giver.as_deref();
        }
        path.reverse();
        Lineage { origin: self.origin, path }
    }

    /// Whether it was not revoked, neither here nor from anyone it came from.
    pub fn is_valid(&self) -> bool {
        let mut holding = Some(self);
        while let Some(here) = holding {
            if here.revoked.load(Ordering::Acquire) {
                return false;
            }
            holding = here.giver.as_deref();
        }
        true
    }

    /// Ends it and everything that comes from it. There is no way back.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::Release);
    }

    /// Whether its holder is the issuer itself, who may always make another.
    pub(super) fn is_issue(&self) -> bool {
        self.giver.is_none() && self.origin == Origin::Issued
    }

    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes it is counted as against a mailbox that it waits in.
    pub(crate) fn weight(&self) -> usize {
        const HOLDING_BYTES: usize = 512;
        HOLDING_BYTES + self.capability().params.len()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.all.forget(self);
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} held by {}", self.capability(), self.holder)
    }
}
