//! Whose word is needed for a package, and whether it is there.
//!
//! The rule is [`wharf_package::trust`]'s. It is applied here, on the one way that every package takes, whoever sends it;
//! `wharf` applies it beforehand to tell why.

use wharf_package::PackageSignature;
use wharf_package::trust::{self, Crypto, Distrusted, SignerError, Standing, Verdict};
use wharf_process_lib::{CallError, kernel};
use wharf_types::app_store::TrustedPublisher;
use wharf_types::{NodeName, PackageId};

use crate::error::StoreError;
use crate::paths::sha256_hex;
use crate::record::Record;

const KEY_DIGITS: usize = 64;

/// What the kernel says.
struct ByKernel;

impl Crypto for ByKernel {
    type Error = kernel::Error;

    fn sha256(&self, bytes: &[u8]) -> String {
        sha256_hex(bytes)
    }

    fn verify(&self, by: &PackageSignature, message: Vec<u8>) -> Result<Verdict, kernel::Error> {
        match kernel::verify_signature(by.public_key(), by.signature(), message) {
            Ok(()) => Ok(Verdict::Genuine),
            Err(CallError::Refused { .. }) => Ok(Verdict::Forged),
            Err(error) => Err(error),
        }
    }
}

/// The key that signed a zip, if any did. A signature that is not right is an error.
pub(crate) fn signer(package: &PackageId, zip: &[u8]) -> Result<Option<String>, StoreError> {
    trust::signer(package, zip, &ByKernel).map_err(|error| match error {
        SignerError::Form(error) => StoreError::Signature(error),
        SignerError::Forged => StoreError::Forged,
        SignerError::Crypto(error) => StoreError::Kernel(error),
    })
}

/// Checks that a package with this signer may be installed, and says whose word there is for it.
pub(crate) fn check(record: &Record, package: &PackageId, signer: Option<&str>) -> Result<Standing, StoreError> {
    let publisher = package.publisher_node.as_str();
    trust::judge(publisher, record.key_of(publisher), signer).map_err(|error| match error {
        Distrusted::Unsigned { publisher, known } => StoreError::Unsigned { publisher, known },
        Distrusted::OtherKey { publisher, known, found } => StoreError::OtherKey { publisher, known, found },
    })
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
