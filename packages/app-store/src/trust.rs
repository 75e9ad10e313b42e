//! Whose word is needed for a package, and whether it is there.
//!
//! Trust on first use: the first package of a publisher that is installed with a signature brings the publisher's key.
//! From then on, packages of that publisher are taken with signatures of that key only. Of a publisher that never signed,
//! unsigned packages are taken. A signature that is not right is refused in any case.
//!
//! The check is here, on the one way that every package takes, whoever sends it; `wharf` makes it beforehand to tell why.

use sha2::{Digest, Sha256};
use wharf_package::{PackageSignature, Unsigned, signature};
use wharf_process_lib::{CallError, kernel};
use wharf_types::app_store::TrustedPublisher;
use wharf_types::{NodeName, PackageId};

use crate::error::StoreError;
use crate::record::Record;

const KEY_DIGITS: usize = 64;

/// The key that signed a zip, if any did. A signature that is not right is an error.
pub(crate) fn signer(package: &PackageId, zip: &[u8]) -> Result<Option<String>, StoreError> {
    let unsigned = signature::split(zip)?;
    if let Some(signature) = &unsigned.signature {
        verify(package, &unsigned, signature)?;
    }
    Ok(unsigned.signature.map(|signature| signature.public_key().to_owned()))
}

/// Checks that a package with this signer may be installed.
pub(crate) fn check(record: &Record, package: &PackageId, signer: Option<&str>) -> Result<(), StoreError> {
    let publisher = package.publisher_node.as_str();
    demand(publisher, record.key_of(publisher), signer)
}

/// Whether what is known of a publisher goes with the key of a package.
fn demand(publisher: &str, known: Option<&str>, found: Option<&str>) -> Result<(), StoreError> {
    match (known, found) {
        (None, _) => Ok(()),
        (Some(known), Some(found)) if known == found => Ok(()),
        (Some(known), None) => Err(StoreError::Unsigned { publisher: publisher.to_owned(), known: known.to_owned() }),
        (Some(known), Some(found)) => Err(StoreError::OtherKey {
            publisher: publisher.to_owned(),
            known: known.to_owned(),
            found: found.to_owned(),
        }),
    }
}

fn verify(package: &PackageId, unsigned: &Unsigned, by: &PackageSignature) -> Result<(), StoreError> {
    let hash: String = Sha256::digest(&unsigned.zip).iter().map(|byte| format!("{byte:02x}")).collect();
    let message = signature::message(package, &hash);
    match kernel::verify_signature(by.public_key(), by.signature(), message) {
        Err(CallError::Refused { .. }) => Err(StoreError::Forged),
        other => Ok(other?),
    }
}

/// The owner says what the key of a publisher is.
pub(crate) fn add(record: &mut Record, publisher: String, public_key: &str) -> Result<(), StoreError> {
    if publisher == "sys" || NodeName::new(&publisher).is_err() {
        return Err(StoreError::Publisher(publisher));
    }
    if public_key.len() != KEY_DIGITS || !public_key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(StoreError::Key);
    }
    record.trust(TrustedPublisher { publisher, public_key: public_key.to_ascii_lowercase(), first_seen_with: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publisher_that_signed_once_has_to_sign_with_the_same_key() {
        assert!(demand("a.os", None, None).is_ok());
        assert!(demand("a.os", None, Some("k")).is_ok());
        assert!(demand("a.os", Some("k"), Some("k")).is_ok());
        assert!(matches!(demand("a.os", Some("k"), None), Err(StoreError::Unsigned { .. })));
        assert!(matches!(demand("a.os", Some("k"), Some("l")), Err(StoreError::OtherKey { .. })));
    }
}
