//! Signing packages, and verifying signatures before a package goes to the node, which verifies them again.

use std::convert::Infallible;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use wharf_package::trust::{self, Crypto, SignerError, Verdict};
use wharf_package::{PackageSignature, SignatureError, Unsigned, signature};
use wharf_types::{PackageId, hex};

/// What the library says.
pub(crate) struct Ring;

impl Crypto for Ring {
    type Error = Infallible;

    fn sha256(&self, bytes: &[u8]) -> String {
        hex::encode(digest(&SHA256, bytes).as_ref())
    }

    fn verify(&self, by: &PackageSignature, message: Vec<u8>) -> Result<Verdict, Infallible> {
        let key: Option<[u8; 32]> = hex::decode(by.public_key());
        let proof: Option<[u8; 64]> = hex::decode(by.signature());
        let is_genuine = key
            .zip(proof)
            .is_some_and(|(key, proof)| UnparsedPublicKey::new(&ED25519, key).verify(&message, &proof).is_ok());
        Ok(if is_genuine { Verdict::Genuine } else { Verdict::Forged })
    }
}

/// The key that signed a package, if any did.
pub(crate) fn signer(package: &PackageId, zip: &[u8]) -> Result<Option<String>, SignerError<Infallible>> {
    trust::signer(package, zip, &Ring)
}

/// The package with a signature of this key.
pub(crate) fn sign(package: &PackageId, zip: &[u8], key: &Ed25519KeyPair) -> Result<Vec<u8>, SignatureError> {
    let unsigned = signature::split(zip)?;
    let proof = hex::encode(key.sign(&message(package, &unsigned)).as_ref());
    signature::attach(zip, &PackageSignature::new(&hex::encode(key.public_key().as_ref()), &proof)?)
}

fn message(package: &PackageId, unsigned: &Unsigned) -> Vec<u8> {
    signature::message(package, &Ring.sha256(&unsigned.zip))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use ring::rand::SystemRandom;
    use wharf_package::pack::Tree;

    use super::*;

    #[test]
    fn a_signature_is_good_for_its_package_and_its_content() {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let chat = PackageId::new("chat", "alice.os").unwrap();
        let mut tree = Tree::default();
        tree.add_file("manifest.json", b"[]".to_vec()).unwrap();
        let zip = tree.to_zip().unwrap();
        let signed = sign(&chat, &zip, &key).unwrap();
        let by = Some(hex::encode(key.public_key().as_ref()));
        assert_eq!(signer(&chat, &zip).unwrap(), None);
        assert_eq!(signer(&chat, &signed).unwrap(), by);
        assert_eq!(signer(&chat, &sign(&chat, &signed, &key).unwrap()).unwrap(), by);
        let other = PackageId::new("chat", "mallory.os").unwrap();
        assert!(matches!(signer(&other, &signed), Err(SignerError::Forged)));
        let mut changed = signed;
        if let Some(byte) = changed.get_mut(40) {
            *byte ^= 1;
        }
        assert!(matches!(signer(&chat, &changed), Err(SignerError::Forged)));
    }
}
