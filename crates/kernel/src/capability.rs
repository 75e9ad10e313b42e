//! Signed capabilities: who may issue, hold and attach them.
//!
//! A process holds a capability only because it issued it itself, because the kernel granted it, or because another
//! holder handed it on. The signature is the issuer node's own and stays with the capability, so one that comes home
//! can be verified.
//!
//! * `holding`: one holder's hold on a capability, and through whose hands it came.
//! * `holdings`: every holding of the node, found by what it is of and whose it is. Revoking begins here.
//! * `held`: what one process holds, and what it received lately.

mod held;
mod holding;
mod holdings;

use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{self, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use wharf_types::{Capability, CapabilityKey};

pub(crate) use held::{Held, Received};
pub use holding::{Holding, HoldingRef, Lineage, Origin};
pub(crate) use holdings::Holdings;

/// Ed25519 signature over the MessagePack array `[issuer, params]`, params as written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(…)")
    }
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

    /// S18: params that are not JSON never become a capability.
    #[test]
    fn params_that_are_not_json_are_not_signed() {
        assert!(authority(1).sign(cap("not json")).is_none());
    }
}
