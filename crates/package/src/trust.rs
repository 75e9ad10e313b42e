//! Whose word a package needs, as a rule and nothing else: trust on first use.
//!
//! The first package of a publisher that is installed with a signature brings the publisher's key. From then on, packages
//! of that publisher are taken with signatures of that key only. Of a publisher that never signed, unsigned packages are
//! taken. The app store decides by this, where every package passes; the command line says beforehand what it will decide.

use wharf_types::PackageId;

use crate::error::SignatureError;
use crate::signature::{self, PackageSignature};

/// Whose word there is for a package that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody's, and nobody's is needed.
    Nobody,
    /// The publisher's, whose key is known.
    Known,
    /// Somebody's, whose key will be the publisher's from now on.
    FirstSeen,
}

/// Why a package may not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Distrusted {
    /// The publisher signs, and this is not signed.
    #[error("it is not signed, and {publisher} is known to sign with the key {known}")]
    Unsigned {
        /// Who signs.
        publisher: String,
        /// With which key.
        known: String,
    },
    /// Signed with another key.
    #[error("it is signed with the key {found}, and the key of {publisher} is {known}")]
    OtherKey {
        /// Whose key.
        publisher: String,
        /// The key that is known.
        known: String,
        /// The key of this package.
        found: String,
    },
}

/// Whether what is known of a publisher goes with the key that a package is signed with.
pub fn judge(publisher: &str, known: Option<&str>, found: Option<&str>) -> Result<Standing, Distrusted> {
    match (known, found) {
        (None, None) => Ok(Standing::Nobody),
        (None, Some(_)) => Ok(Standing::FirstSeen),
        (Some(known), Some(found)) if known == found => Ok(Standing::Known),
        (Some(known), None) => Err(Distrusted::Unsigned { publisher: publisher.to_owned(), known: known.to_owned() }),
        (Some(known), Some(found)) => Err(Distrusted::OtherKey {
            publisher: publisher.to_owned(),
            known: known.to_owned(),
            found: found.to_owned(),
        }),
    }
}

/// Who knows the mathematics: a library on the host, the kernel for a guest.
pub trait Crypto {
    /// Why nothing could be said.
    type Error;

    /// SHA-256, in lower-case hex.
    fn sha256(&self, bytes: &[u8]) -> String;

    /// Whether the signature is that of the message.
    fn verify(&self, by: &PackageSignature, message: Vec<u8>) -> Result<Verdict, Self::Error>;
}

/// What was found out about a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is that of the message.
    Genuine,
    /// It is not.
    Forged,
}

/// Why it is not known who signed a package.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError<E> {
    /// There is no sense in its signature, or it is no zip.
    #[error(transparent)]
    Form(SignatureError),
    /// Its signature is that of something else.
    #[error("its signature is not that of its content: it was changed after it was signed, or it is another package")]
    Forged,
    /// Nothing could be said.
    #[error(transparent)]
    Crypto(E),
}

/// The key that signed a package, if any did. A signature that is not right is an error, never nothing.
pub fn signer<C: Crypto>(package: &PackageId, zip: &[u8], crypto: &C) -> Result<Option<String>, SignerError<C::Error>> {
    let unsigned = signature::split(zip).map_err(SignerError::Form)?;
    let Some(by) = &unsigned.signature else { return Ok(None) };
    let message = signature::message(package, &crypto.sha256(&unsigned.zip));
    match crypto.verify(by, message).map_err(SignerError::Crypto)? {
        Verdict::Genuine => Ok(Some(by.public_key().to_owned())),
        Verdict::Forged => Err(SignerError::Forged),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;
    use crate::pack::Tree;

    #[test]
    fn a_publisher_that_signed_once_has_to_sign_with_the_same_key() {
        assert_eq!(judge("a.os", None, None), Ok(Standing::Nobody));
        assert_eq!(judge("a.os", None, Some("k")), Ok(Standing::FirstSeen));
        assert_eq!(judge("a.os", Some("k"), Some("k")), Ok(Standing::Known));
        assert!(matches!(judge("a.os", Some("k"), None), Err(Distrusted::Unsigned { .. })));
        assert!(matches!(judge("a.os", Some("k"), Some("l")), Err(Distrusted::OtherKey { .. })));
    }

    /// Says the same of every signature.
    struct Says(Result<Verdict, ()>);

    impl Crypto for Says {
        type Error = ();

        fn sha256(&self, _: &[u8]) -> String {
            "ab".repeat(32)
        }

        fn verify(&self, _: &PackageSignature, message: Vec<u8>) -> Result<Verdict, ()> {
            assert!(String::from_utf8(message).unwrap().contains("chat:alice.os\nabab"));
            self.0
        }
    }

    #[test]
    fn a_signature_that_is_not_right_is_never_none() {
        let chat = PackageId::new("chat", "alice.os").unwrap();
        let mut tree = Tree::default();
        tree.add_file("manifest.json", b"[]".to_vec()).unwrap();
        let zip = tree.to_zip().unwrap();
        assert_eq!(signer(&chat, &zip, &Says(Err(()))), Ok(None));
        let by = PackageSignature::new(&"a".repeat(64), &"b".repeat(128)).unwrap();
        let signed = signature::attach(&zip, &by).unwrap();
        assert_eq!(signer(&chat, &signed, &Says(Ok(Verdict::Genuine))), Ok(Some("a".repeat(64))));
        assert_eq!(signer(&chat, &signed, &Says(Ok(Verdict::Forged))), Err(SignerError::Forged));
        assert_eq!(signer(&chat, &signed, &Says(Err(()))), Err(SignerError::Crypto(())));
        assert!(matches!(signer(&chat, b"no zip", &Says(Err(()))), Err(SignerError::Form(_))));
    }
}
