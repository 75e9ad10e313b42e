//! What one process holds, and what it received lately.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use wharf_types::CapabilityKey;

use super::HoldingRef;

/// What one process holds.
#[derive(Default, Debug)]
pub(crate) struct Held {
    by_key: HashMap<CapabilityKey, HoldingRef>,
}

impl Held {
    pub(crate) fn get(&self, key: &CapabilityKey) -> Option<&HoldingRef> {
        self.by_key.get(key)
    }

    /// Adds, in place of one of the same capability.
    pub(crate) fn put(&mut self, holding: HoldingRef) {
        self.by_key.insert(holding.key().clone(), holding);
    }

    pub(crate) fn remove(&mut self, key: &CapabilityKey) -> Option<HoldingRef> {
        self.by_key.remove(key)
    }

    /// Removes this very holding; another of the same capability stays.
    pub(crate) fn remove_exactly(&mut self, holding: &HoldingRef) -> Option<HoldingRef> {
        let is_it = self.get(holding.key()).is_some_and(|held| Arc::ptr_eq(held, holding));
        if is_it { self.remove(holding.key()) } else { None }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn all(&self) -> Vec<HoldingRef> {
        self.by_key.values().cloned().collect()
    }
}

/// The capabilities a process received lately with messages: what `save-capabilities` may take.
///
/// Bounded: beyond [`Received::KEPT`] the oldest are forgotten. A guest that wants to keep one saves it while it
/// handles the message that brought it.
#[derive(Default, Debug)]
pub(crate) struct Received {
    recent: VecDeque<HoldingRef>,
}

impl Received {
    pub(crate) const KEPT: usize = 1_024;

    /// Takes out of `attached` what was revoked on the way, and notes the rest.
    pub(crate) fn take_in(&mut self, attached: &mut Vec<HoldingRef>) {
        // Most messages have none.
        if attached.is_empty() {
            return;
        }
        attached.retain(|holding| holding.is_valid());
        for holding in attached.iter() {
            if self.recent.len() == Self::KEPT {
                self.recent.pop_front();
            }
            self.recent.push_back(Arc::clone(holding));
        }
    }

    /// The giver's holding of what was received, unless it was revoked since. Of several the one through the fewest
    /// hands, which others can take away least.
    pub(crate) fn find(&self, key: &CapabilityKey) -> Option<HoldingRef> {
        let received = self.recent.iter().filter(|holding| holding.key() == key && holding.is_valid());
        received.min_by_key(|holding| holding.depth()).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use wharf_types::{Address, Capability};

    use super::super::{Authority, Holdings, Origin};
    use super::*;

    fn issue(all: &Arc<Holdings>, params: &str) -> HoldingRef {
        let issuer: Address = "a.os@main:chess:sys".parse().unwrap();
        let signed = Authority::from_seed(&[1; 32]).unwrap().sign(Capability::new(issuer.clone(), params)).unwrap();
        all.first(signed, issuer, Origin::Issued)
    }

    /// S17: the signature that travels is the issuer node's, so a capability that comes home verifies there.
    #[test]
    fn s17_a_capability_that_comes_home_verifies() {
        let all = Arc::new(Holdings::default());
        let issued = issue(&all, "\"move\"");
        let abroad = all.handed_on(&issued, "b.os@x:y:z".parse().unwrap());
        let further = all.handed_on(&abroad, "c.os@x:y:z".parse().unwrap());
        let mut held = Held::default();
        held.put(Arc::clone(&further));
        let home = Authority::from_seed(&[1; 32]).unwrap();
        assert!(home.verifies(held.get(further.key()).unwrap().signed()));
        assert_eq!(further.signature(), issued.signature());
    }

    #[test]
    fn what_was_received_is_forgotten_from_the_oldest() {
        let all = Arc::new(Holdings::default());
        let mut received = Received::default();
        let first = issue(&all, "0");
        received.take_in(&mut vec![Arc::clone(&first)]);
        assert!(received.find(first.key()).is_some());
        received.take_in(&mut vec![issue(&all, "1"); Received::KEPT]);
        assert!(received.find(first.key()).is_none());
    }

    #[test]
    fn what_was_revoked_is_neither_taken_in_nor_found() {
        let all = Arc::new(Holdings::default());
        let mut received = Received::default();
        let (kept, revoked) = (issue(&all, "0"), issue(&all, "1"));
        let mut attached = vec![Arc::clone(&kept), Arc::clone(&revoked)];
        received.take_in(&mut attached);
        revoked.revoke();
        assert!(received.find(kept.key()).is_some() && received.find(revoked.key()).is_none());
        received.take_in(&mut attached);
        assert_eq!(attached.len(), 1);
    }

    #[test]
    fn nothing_is_remembered_of_what_nobody_holds_any_more() {
        let all = Arc::new(Holdings::default());
        let first = issue(&all, "0");
        let second = all.handed_on(&first, "a.os@x:y:z".parse().unwrap());
        drop(first);
        assert_eq!(all.of_capability(second.key()).len(), 2, "the giver is there for as long as its heir");
        drop(second);
        assert!(all.is_empty());
    }
}
