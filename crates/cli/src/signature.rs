//! Signing packages, and verifying signatures before a package goes to the node, which verifies them again.

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use wharf_package::{PackageSignature, SignatureError, Unsigned, signature};
use wharf_types::{PackageId, hex};

/// Why a signature does not count, or cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untrue {
    /// The zip.
    #[error(transparent)]
    Form(#[from] SignatureError),
    /// It is that of something else.
    #[error("its signature is not that of its content: it was changed after it was signed, or it is another package")]
    Forged,
}

/// The key that signed a package, if any did.
pub(crate) fn signer(package: &PackageId, zip: &[u8]) -> Result<Option<String>, Untrue> {
    let unsigned = signature::split(zip)?;
    let Some(by) = &unsigned.signature else { return Ok(None) };
    let malformed = || Untrue::Form(SignatureError::Malformed);
    let key: [u8; 32] = hex::decode(by.public_key()).ok_or_else(malformed)?;
    let signature: [u8; 64] = hex::decode(by.signature()).ok_or_else(malformed)?;
    let verified = UnparsedPublicKey::new(&ED25519, key).verify(&message(package, &unsigned), &signature);
    verified.map_err(|_| Untrue::Forged)?;
    Ok(Some(by.public_key().to_owned()))
}

/// The package with a signature of this key.
pub(crate) fn sign(package: &PackageId, zip: &[u8], key: &Ed25519KeyPair) -> Result<Vec<u8>, SignatureError> {
    let unsigned = signature::split(zip)?;
    let proof = hex::encode(key.sign(&message(package, &unsigned)).as_ref());
    signature::attach(zip, &PackageSignature::new(&hex::encode(key.public_key().as_ref()), &proof)?)
}

fn message(package: &PackageId, unsigned: &Unsigned) -> Vec<u8> {
    signature::message(package, &hex::encode(digest(&SHA256, &unsigned.zip).as_ref()))
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
        assert!(matches!(signer(&other, &signed), Err(Untrue::Forged)));
        let mut changed = signed;
        if let Some(byte) = changed.get_mut(40) {
            *byte ^= 1;
        }
        assert!(matches!(signer(&chat, &changed), Err(Untrue::Forged)));
    }
}
