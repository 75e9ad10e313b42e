//! A publisher's signature of a package: in the comment at the end of its zip.
//!
//! Every reader of zips skips the comment, so a signed package is read by whoever reads packages, and a signature is never
//! lost on the way. The comment is one line of ASCII:
//!
//! ```text
//! wharf-signature-1 <Ed25519 public key, 64 hex digits> <signature, 128 hex digits>
//! ```
//!
//! What is signed is [`message`]: the id of the package, and the SHA-256 of the zip as it is without a comment. So a
//! signature is good for one package and one content of it. Nothing is computed here but bytes; who signs and verifies
//! brings the cryptography.

use wharf_types::PackageId;

use crate::end_record;
use crate::error::SignatureError;

/// Begins the comment. A comment that begins so is a signature or an error, never nothing.
const MARK: &str = "wharf-signature-";
/// The only version there is.
const VERSION: &str = "1";
const KEY_DIGITS: usize = 64;
const SIGNATURE_DIGITS: usize = 128;
/// Where the end record has the length of the comment.
const LENGTH_BYTES: usize = 2;

/// Who signed, and the proof. Both are lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSignature {
    public_key: String,
    signature: String,
}

impl PackageSignature {
    /// Checks the form, and nothing else.
    pub fn new(public_key: &str, signature: &str) -> Result<Self, SignatureError> {
        let is_hex = |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex(public_key, KEY_DIGITS) || !is_hex(signature, SIGNATURE_DIGITS) {
            return Err(SignatureError::Malformed);
        }
        Ok(Self { public_key: public_key.to_ascii_lowercase(), signature: signature.to_ascii_lowercase() })
    }

    /// The signer's key.
    pub fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The proof.
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

/// A zip, taken apart into what was signed and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The zip without the signature: the one that was there before it was signed, byte for byte.
    pub zip: Vec<u8>,
    /// The signature, if there is one. Nobody has verified it.
    pub signature: Option<PackageSignature>,
}

/// Takes the signature off a zip.
pub fn split(zip: &[u8]) -> Result<Unsigned, SignatureError> {
    let comment_at = end_record::comment_at(zip).ok_or(SignatureError::NotAZip)?;
    let comment = zip.get(comment_at..).unwrap_or_default();
    let Some(rest) = comment.strip_prefix(MARK.as_bytes()) else {
        return Ok(Unsigned { zip: zip.to_vec(), signature: None });
    };
    let rest = std::str::from_utf8(rest).map_err(|_| SignatureError::Malformed)?;
    let mut parts = rest.split(' ');
    let (version, key, signature) = (parts.next(), parts.next(), parts.next());
    match (version, key, signature, parts.next()) {
        (Some(VERSION), Some(key), Some(signature), None) => {
            let signature = PackageSignature::new(key, signature)?;
            Ok(Unsigned { zip: with_comment(zip, comment_at, "")?, signature: Some(signature) })
        }
        (Some(VERSION), ..) => Err(SignatureError::Malformed),
        (version, ..) => {
            Err(SignatureError::Version { version: version.unwrap_or_default().chars().take(10).collect() })
        }
    }
}

/// Puts a signature onto a zip, in place of one that it has.
pub fn attach(zip: &[u8], signature: &PackageSignature) -> Result<Vec<u8>, SignatureError> {
    let unsigned = split(zip)?.zip;
    let comment_at = end_record::comment_at(&unsigned).ok_or(SignatureError::NotAZip)?;
    if comment_at != unsigned.len() {
        return Err(SignatureError::Comment);
    }
    with_comment(&unsigned, comment_at, &format!("{MARK}{VERSION} {} {}", signature.public_key, signature.signature))
}

/// The bytes that are signed: `zip_sha256` is that of [`Unsigned::zip`], in lower-case hex.
pub fn message(package: &PackageId, zip_sha256: &str) -> Vec<u8> {
    format!("wharf package signature {VERSION}\n{package}\n{zip_sha256}\n").into_bytes()
}

fn with_comment(zip: &[u8], comment_at: usize, comment: &str) -> Result<Vec<u8>, SignatureError> {
    let length = u16::try_from(comment.len()).map_err(|_| SignatureError::Malformed)?;
    let before = comment_at.checked_sub(LENGTH_BYTES).and_then(|end| zip.get(..end)).ok_or(SignatureError::NotAZip)?;
    Ok([before, &length.to_le_bytes(), comment.as_bytes()].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pack::Tree;

    fn zip() -> Vec<u8> {
        let mut tree = Tree::default();
        tree.add_file("manifest.json", b"[]".to_vec()).unwrap();
        tree.to_zip().unwrap()
    }

    fn signature(digit: &str) -> PackageSignature {
        PackageSignature::new(&digit.repeat(KEY_DIGITS), &digit.repeat(SIGNATURE_DIGITS)).unwrap()
    }

    #[test]
    fn a_signature_comes_off_as_it_was_put_on_and_leaves_the_zip_as_it_was() {
        let unsigned = zip();
        assert_eq!(split(&unsigned).unwrap(), Unsigned { zip: unsigned.clone(), signature: None });
        let signed = attach(&unsigned, &signature("a")).unwrap();
        assert_eq!(split(&signed).unwrap(), Unsigned { zip: unsigned.clone(), signature: Some(signature("a")) });
        let again = attach(&signed, &signature("b")).unwrap();
        assert_eq!(split(&again).unwrap(), Unsigned { zip: unsigned, signature: Some(signature("b")) });
    }

    #[test]
    fn readers_of_zips_read_a_signed_one() {
        let signed = attach(&zip(), &signature("a")).unwrap();
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(signed.clone())).unwrap();
        assert_eq!(archive.by_name("manifest.json").unwrap().size(), 2);
        let ours = crate::Archive::open(&signed, &crate::ArchiveLimits::default()).unwrap();
        assert_eq!(ours.read("manifest.json").unwrap(), b"[]");
    }

    #[test]
    fn what_begins_as_a_signature_and_is_none_is_an_error() {
        let with = |comment: &str| {
            let zip = zip();
            with_comment(&zip, zip.len(), comment).unwrap()
        };
        let digits = "a".repeat(KEY_DIGITS);
        for comment in ["wharf-signature-1", "wharf-signature-1 a b", &format!("wharf-signature-1 {digits} {digits} x")]
        {
            assert_eq!(split(&with(comment)), Err(SignatureError::Malformed), "{comment}");
        }
        assert!(
            matches!(split(&with("wharf-signature-2 a b")), Err(SignatureError::Version { version }) if version == "2")
        );
        assert_eq!(split(&with("by hand")).unwrap().signature, None);
        assert_eq!(attach(&with("by hand"), &signature("a")), Err(SignatureError::Comment));
        assert_eq!(split(b"PK"), Err(SignatureError::NotAZip));
    }

    #[test]
    fn what_is_signed_names_the_package_and_its_content() {
        let package = PackageId::new("chat", "alice.os").unwrap();
        assert_eq!(message(&package, "ab"), b"wharf package signature 1\nchat:alice.os\nab\n");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = split(&bytes);
            let mut almost = zip();
            almost.extend(&bytes);
            let _ = split(&almost);
            if let Ok(signed) = attach(&almost, &signature("c")) {
                prop_assert_eq!(split(&signed).unwrap().signature, Some(signature("c")));
            }
        }
    }
}
