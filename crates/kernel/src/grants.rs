//! How a process comes to hold something: the kernel grants it, it keeps what it received or issues, or its parent hands
//! it on. And how it gives something up.

use std::sync::Arc;

use wharf_types::events::Happening;
use wharf_types::{Capability, ProcessId};

use crate::capability::{CapabilityRef, HoldingRef, Origin};
use crate::doubt::Doubt;
use crate::events::written;
use crate::kernel::Kernel;
use crate::limit_hits::Limit;
use crate::persistence::{Change, StoreError, StoredCapability};
use crate::process::Process;

/// Something that a process is to hold.
pub(crate) enum Gift {
    /// The kernel says so.
    Granted(CapabilityRef),
    /// It issued it itself.
    Issued(CapabilityRef),
    /// It keeps what came with a message.
    Received(HoldingRef),
    /// Somebody hands on what it holds.
    HandedOn(HoldingRef),
    /// The same, and the process has not asked for it.
    Offered(HoldingRef),
}

impl Gift {
    fn signed(&self) -> &CapabilityRef {
        match self {
            Self::Granted(signed) | Self::Issued(signed) => signed,
            Self::Received(giver) | Self::HandedOn(giver) | Self::Offered(giver) => giver.signed(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Granted(_) | Self::Issued(_) => 0,
            Self::Received(giver) | Self::HandedOn(giver) | Self::Offered(giver) => giver.depth() + 1,
        }
    }

    fn is_valid(&self) -> bool {
        match self {
            Self::Granted(_) | Self::Issued(_) => true,
            Self::Received(giver) | Self::HandedOn(giver) | Self::Offered(giver) => giver.is_valid(),
        }
    }

    /// What is told when the process has it.
    fn happening(&self) -> Happening {
        let shown = written(self.signed().capability());
        match self {
            Self::Issued(_) | Self::Received(_) => Happening::CapabilitySaved(shown),
            Self::Granted(_) | Self::HandedOn(_) | Self::Offered(_) => Happening::CapabilityGranted(shown),
        }
    }

    /// What nobody asked for may fill half of the room, so that nobody can keep a process from holding what it needs.
    fn room(&self, capabilities_max: usize) -> usize {
        match self {
            Self::Offered(_) => capabilities_max / 2,
            _ => capabilities_max,
        }
    }
}

/// Why a process was not given something.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NotGiven {
    #[error("{0} may hold no more than {1} capabilities, and it does already")]
    Full(ProcessId, usize),
    #[error("{0:?} went through {1} hands before, and {2} are the most it may")]
    TooManyHands(Capability, usize, usize),
    #[error("{0:?} was revoked")]
    Revoked(Capability),
    #[error("{0} does not hold {1:?}, nor issues it")]
    NotHeld(ProcessId, Capability),
}

impl NotGiven {
    /// As the failure of a change that is made whole or not at all.
    pub(crate) fn while_giving_to(self, holder: &ProcessId) -> StoreError {
        StoreError { action: format!("giving capabilities to {holder}"), reason: self.to_string() }
    }
}

/// What a process was given in memory, so that it can be taken back when the store fails.
pub(crate) struct Given {
    holding: HoldingRef,
    before: Option<HoldingRef>,
}

impl Given {
    pub(crate) fn change(&self) -> Change {
        Change::PutCapability(StoredCapability::from(&self.holding))
    }

    /// What was not acknowledged must not be usable either. Only called in [`Kernel::in_order`].
    fn take_back(self, process: &Process) {
        self.holding.revoke();
        let was_there = process.lose(&self.holding);
        match self.before.filter(|before| was_there && before.is_valid()) {
            Some(before) => process.hold(before),
            None if was_there => process.tell(Happening::CapabilityDropped(written(self.holding.capability()))),
            None => {}
        }
    }
}

impl Kernel {
    /// What `process` may hand on of a capability: its own, if it issues it, else the one it holds.
    pub(crate) fn attachable(&self, process: &Process, capability: Capability) -> Option<HoldingRef> {
        if capability.issuer == *process.address() {
            self.holdings().issue(process, capability, self.authority())
        } else {
            process.held(&capability.key()?)
        }
    }

    /// Gives a process or module capabilities, signed by this node; all or none, durable when it returns. Those whose
    /// params are not JSON are left out. An unknown holder gets nothing. A holder that may not hold that many is an
    /// error.
    pub async fn grant(&self, holder: &ProcessId, capabilities: Vec<Capability>) -> Result<(), StoreError> {
        let Some(process) = self.find(holder) else { return Ok(()) };
        let signed = capabilities.into_iter().filter_map(|capability| self.authority().sign(capability));
        self.give_all(&process, signed.map(Gift::Granted).collect()).await
    }

    /// Gives a process capabilities that `giver` holds or issues, which come from it then; all or none. The process has
    /// not asked for them.
    pub(crate) async fn offer(
        &self,
        giver: &Process,
        holder: &ProcessId,
        capabilities: Vec<Capability>,
    ) -> Result<(), StoreError> {
        let Some(process) = self.find(holder) else { return Ok(()) };
        let attach = |capability: Capability| {
            let attached = self.attachable(giver, capability.clone()).map(Gift::Offered);
            attached.ok_or_else(|| NotGiven::NotHeld(giver.id().clone(), capability).while_giving_to(holder))
        };
        let gifts = capabilities.into_iter().map(attach).collect::<Result<_, _>>()?;
        self.give_all(&process, gifts).await
    }

    async fn give_all(&self, process: &Arc<Process>, gifts: Vec<Gift>) -> Result<(), StoreError> {
        self.give_each(process, gifts, |refused| Err(refused.while_giving_to(process.id()))).await
    }

    /// Gives what may be given; durable when it returns. `refused` hears of the rest, and may call everything off.
    pub(crate) async fn give_each(
        &self,
        process: &Arc<Process>,
        gifts: Vec<Gift>,
        mut refused: impl FnMut(NotGiven) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut given = Vec::new();
        let stored = self
            .commit(|| {
                // What somebody who was killed meanwhile holds must not come back with the next boot.
                if !self.is_current(process) {
                    return Ok(Vec::new());
                }
                for gift in gifts {
                    match self.give(process, gift) {
                        Ok(new) => given.extend(new),
                        Err(why) => refused(why)?,
                    }
                }
                Ok(given.iter().map(Given::change).collect())
            })
            .await;
        if stored.is_err() {
            self.take_back(process, given).await;
        }
        stored
    }

    /// Takes back what was given and is not stored, also from those it was handed on to since.
    pub(crate) async fn take_back(&self, process: &Process, given: Vec<Given>) {
        if given.is_empty() {
            return;
        }
        let mut touched = Vec::new();
        self.in_order(|_| {
            for given in given {
                let key = given.holding.key().clone();
                given.take_back(process);
                let mut lost = Vec::new();
                self.remove_revoked(&self.holdings().of_capability(&key), &mut lost);
                touched.extend(lost.iter().map(Doubt::of));
                // Somebody else's change may have settled this doubt while the capability was still held.
                touched.push(Doubt::Capability { holder: process.id().clone(), key });
            }
        });
        let taken =
            self.commit(|| Ok::<_, StoreError>(touched.iter().filter_map(|doubt| self.settle(doubt)).collect()));
        if let Err(error) = taken.await {
            tracing::error!(process = %process.id(), "what it was given is taken back, and may be in the store until the next change: {error}");
        }
    }

    /// Gives in memory. `None` when the process holds it already, through as few hands.
    ///
    /// Only called in [`Kernel::commit`], as revoking is: what was not revoked here is known to whoever revokes later.
    pub(crate) fn give(&self, process: &Process, gift: Gift) -> Result<Option<Given>, NotGiven> {
        let signed = gift.signed();
        if !gift.is_valid() {
            return Err(NotGiven::Revoked(signed.capability().clone()));
        }
        let before = process.held(signed.key());
        // Of two ways to the same, the shorter one counts: fewer others can take it away.
        if before.as_ref().is_some_and(|before| before.depth() <= gift.depth()) {
            return Ok(None);
        }
        let limits = process.limits();
        let room = gift.room(limits.capabilities_max);
        if before.is_none() && process.held_count() >= room {
            process.hit(Limit::Capabilities);
            return Err(NotGiven::Full(process.id().clone(), room));
        }
        if gift.depth() > limits.capability_path_max {
            let capability = signed.capability().clone();
            return Err(NotGiven::TooManyHands(capability, gift.depth(), limits.capability_path_max));
        }
        process.tell(gift.happening());
        let holder = process.address().clone();
        let holding = match gift {
            Gift::Granted(signed) => self.holdings().first(signed, holder, Origin::Granted),
            Gift::Issued(signed) => self.holdings().first(signed, holder, Origin::Issued),
            Gift::Received(giver) | Gift::HandedOn(giver) | Gift::Offered(giver) => {
                self.holdings().handed_on(&giver, holder)
            }
        };
        process.hold(Arc::clone(&holding));
        Ok(Some(Given { holding, before }))
    }

    /// Takes capabilities from one process and nobody else; durable when it returns. Tells whether there is such a
    /// process.
    pub async fn drop_capabilities(&self, holder: &ProcessId, capabilities: &[Capability]) -> Result<bool, StoreError> {
        let Some(process) = self.find(holder) else { return Ok(false) };
        let keys: Vec<_> = capabilities.iter().filter_map(Capability::key).collect();
        self.commit(|| {
            let removed: Vec<_> = keys.into_iter().filter_map(|key| process.give_up(&key)).collect();
            // Of somebody who was killed meanwhile nothing is stored or told any more.
            if !self.is_current(&process) {
                return Ok::<_, StoreError>(Vec::new());
            }
            let change = |holding: HoldingRef| {
                process.tell(Happening::CapabilityDropped(written(holding.capability())));
                Change::RemoveCapability { holder: holder.clone(), key: holding.key().clone() }
            };
            Ok(removed.into_iter().map(change).collect())
        })
        .await?;
        Ok(true)
    }
}
