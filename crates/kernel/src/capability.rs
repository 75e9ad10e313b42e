//! Signed capabilities: who may issue, hold and attach them.
//!
//! A process holds a capability only because it issued it itself, because the kernel granted it, or because it was
//! attached to a message it received. The signature is the issuer node's own and stays with the capability, so one
//! that comes home can be verified.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use wharf_types::{Address, Capability, CapabilityKey};

/// Ed25519 signature over the MessagePack array `[issuer, params]`, params as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// How a process came to hold a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It issued the capability itself.
    Issued,
    /// The kernel gave it.
    Granted,
    /// It was attached to a message from this address.
    Received(Address),
}

/// A capability with its signature. Immutable and shared: attaching one copies nothing.
#[derive(Debug)]
pub struct SignedCapability {
    capability: Capability,
    key: CapabilityKey,
    signature: Signature,
}

/// A shared signed capability.
pub type CapabilityRef = Arc<SignedCapability>;

/// Longest params that a capability may have. Holders keep what they are given, so what they keep has to have a bound.
pub const PARAMS_BYTES_MAX: usize = 16 << 10;

impl SignedCapability {
    /// Puts a stored capability and its signature together again. `None` when the params are not JSON.
    pub fn from_parts(capability: Capability, signature: Signature) -> Option<Self> {
        let key = capability.key()?;
        Some(Self { capability, key, signature })
    }

    /// The capability as its issuer wrote it.
    pub fn capability(&self) -> &Capability {
        &self.capability
    }

    /// Its normal form.
    pub fn key(&self) -> &CapabilityKey {
        &self.key
    }

    /// Bytes it is counted as against a mailbox that it waits in.
    pub(crate) fn weight(&self) -> usize {
        const SIGNED_BYTES: usize = 128;
        SIGNED_BYTES + self.capability.params.len()
    }

    /// The issuer node's signature.
    pub fn signature(&self) -> Signature {
        self.signature
    }
}

/// The node's key is not usable.
#[derive(Debug, thiserror::Error)]
#[error("the node key is not an Ed25519 seed of 32 bytes")]
pub struct BadNodeKey;

/// The node's signing key.
pub struct Authority {
    pair: Ed25519KeyPair,
}

impl Authority {
    /// Length of a seed in bytes.
    pub const SEED_BYTES: usize = 32;

    /// Makes the key pair of a seed.
    pub fn from_seed(seed: &[u8]) -> Result<Self, BadNodeKey> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(|pair| Self { pair }).map_err(|_| BadNodeKey)
    }

    /// A fresh random seed.
    pub fn new_seed() -> Result<[u8; Self::SEED_BYTES], BadNodeKey> {
        let mut seed = [0; Self::SEED_BYTES];
        ring::rand::SecureRandom::fill(&SystemRandom::new(), &mut seed).map_err(|_| BadNodeKey)?;
        Ok(seed)
    }

    /// The public half.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// Signs a capability. `None` when its params are not JSON: such a capability is equal to nothing, so it is not
    /// made. Neither is one whose params are longer than [`PARAMS_BYTES_MAX`].
    pub fn sign(&self, capability: Capability) -> Option<CapabilityRef> {
        if capability.params.len() > PARAMS_BYTES_MAX {
            return None;
        }
        let bytes = signed_bytes(&capability)?;
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(&bytes).as_ref());
        SignedCapability::from_parts(capability, Signature(signature)).map(Arc::new)
    }

    /// Whether this node made the signature.
    pub fn verifies(&self, signed: &SignedCapability) -> bool {
        verifies(self.public_key(), signed)
    }
}

/// Whether the holder of the private half of `public_key` signed the capability.
pub fn verifies(public_key: &[u8], signed: &SignedCapability) -> bool {
    signed_bytes(&signed.capability).is_some_and(|bytes| {
        UnparsedPublicKey::new(&signature::ED25519, public_key).verify(&bytes, &signed.signature.0).is_ok()
    })
}

fn signed_bytes(capability: &Capability) -> Option<Vec<u8>> {
    rmp_serde::to_vec(&(capability.issuer.to_string(), &capability.params)).ok()
}

/// What one process holds.
#[derive(Default, Debug)]
pub(crate) struct Held {
    by_key: HashMap<CapabilityKey, (CapabilityRef, Origin)>,
}

impl Held {
    pub(crate) fn get(&self, key: &CapabilityKey) -> Option<&CapabilityRef> {
        self.by_key.get(key).map(|(capability, _)| capability)
    }

    /// Adds; the one that was there first stays. Returns whether it was new.
    pub(crate) fn insert(&mut self, capability: CapabilityRef, origin: Origin) -> bool {
        match self.by_key.entry(capability.key().clone()) {
            std::collections::hash_map::Entry::Occupied(_) => false,
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert((capability, origin));
                true
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &CapabilityKey) -> bool {
        self.by_key.remove(key).is_some()
    }

    /// Removes all that `issuer` issued and returns their keys.
    pub(crate) fn remove_issued_by(&mut self, issuer: &Address) -> Vec<CapabilityKey> {
        let keys: Vec<_> = self.by_key.keys().filter(|key| key.issuer() == issuer).cloned().collect();
        for key in &keys {
            self.by_key.remove(key);
        }
        keys
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn all(&self) -> Vec<CapabilityRef> {
        self.by_key.values().map(|(capability, _)| Arc::clone(capability)).collect()
    }

    /// Everything, with how it came to be held.
    pub(crate) fn all_with_origin(&self) -> Vec<(CapabilityRef, Origin)> {
        self.by_key.values().cloned().collect()
    }
}

/// The capabilities a process received lately with messages: what `save-capabilities` may take.
///
/// Bounded: beyond [`Received::KEPT`] the oldest are forgotten. A guest that wants to keep one saves it while it
/// handles the message that brought it.
#[derive(Default, Debug)]
pub(crate) struct Received {
    recent: VecDeque<(CapabilityRef, Address)>,
}

impl Received {
    pub(crate) const KEPT: usize = 1_024;

    pub(crate) fn note(&mut self, capabilities: &[CapabilityRef], from: &Address) {
        for capability in capabilities {
            if self.recent.len() == Self::KEPT {
                self.recent.pop_front();
            }
            self.recent.push_back((Arc::clone(capability), from.clone()));
        }
    }

    pub(crate) fn find(&self, key: &CapabilityKey) -> Option<(CapabilityRef, Address)> {
        self.recent.iter().rev().find(|(capability, _)| capability.key() == key).cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn authority(byte: u8) -> Authority {
        Authority::from_seed(&[byte; 32]).unwrap()
    }

    fn cap(params: &str) -> Capability {
        Capability::new("a.os@main:chess:sys".parse().unwrap(), params)
    }

    #[test]
    fn a_signature_covers_issuer_and_params() {
        let ours = authority(1);
        let signed = ours.sign(cap("\"move\"")).unwrap();
        assert!(ours.verifies(&signed));
        let forged = SignedCapability::from_parts(cap("\"win\""), signed.signature()).unwrap();
        assert!(!ours.verifies(&forged));
        assert!(!verifies(authority(2).public_key(), &signed));
    }

    /// S17: the signature that travels is the issuer node's, so a capability that comes home verifies there.
    #[test]
    fn a_capability_that_comes_home_verifies() {
        let home = authority(1);
        let mut abroad = Held::default();
        let issued = home.sign(cap("\"move\"")).unwrap();
        let key = issued.key().clone();
        abroad.insert(issued, Origin::Received("a.os@main:chess:sys".parse().unwrap()));
        assert!(home.verifies(abroad.get(&key).unwrap()));
    }

    /// S18: params that are not JSON never become a capability.
    #[test]
    fn params_that_are_not_json_are_not_signed() {
        assert!(authority(1).sign(cap("not json")).is_none());
    }

    #[test]
    fn what_was_received_is_forgotten_from_the_oldest() {
        let ours = authority(1);
        let from: Address = "a.os@x:y:z".parse().unwrap();
        let mut received = Received::default();
        let first = ours.sign(cap("0")).unwrap();
        received.note(std::slice::from_ref(&first), &from);
        assert!(received.find(first.key()).is_some());
        let filler = ours.sign(cap("1")).unwrap();
        received.note(&vec![filler; Received::KEPT], &from);
        assert!(received.find(first.key()).is_none());
    }
}
