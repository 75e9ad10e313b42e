//! Checking Ed25519 signatures for guests: they bring keys and bytes, and no cryptography of their own.

use ring::signature::{ED25519, UnparsedPublicKey};
use wharf_types::hex;

const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;
/// Longest message, so that no worker is held up. Who has more to sign, signs its hash.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("the key is not 64 hex digits")]
    Key,
    #[error("the signature is not 128 hex digits")]
    Signature,
    #[error("the message is longer than {MESSAGE_BYTES_MAX} bytes; sign its hash")]
    TooLong,
    #[error("the signature is not of this key and these bytes")]
    Wrong,
}

/// Checks the signature of `message`; key and signature are hex.
pub(crate) fn verify(public_key: &str, signature: &str, message: &[u8]) -> Result<(), SignatureError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(SignatureError::TooLong);
    }
    let key: [u8; KEY_BYTES] = hex::decode(public_key).ok_or(SignatureError::Key)?;
    let signature: [u8; SIGNATURE_BYTES] = hex::decode(signature).ok_or(SignatureError::Signature)?;
    UnparsedPublicKey::new(&ED25519, key).verify(message, &signature).map_err(|_| SignatureError::Wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2: one byte is signed.
    const KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn a_signature_counts_for_its_key_and_its_bytes_only() {
        assert_eq!(verify(KEY, SIGNATURE, &[0x72]), Ok(()));
        assert_eq!(verify(KEY, SIGNATURE, &[0x73]), Err(SignatureError::Wrong));
        assert_eq!(verify(&KEY.replacen("3d", "3e", 1), SIGNATURE, &[0x72]), Err(SignatureError::Wrong));
    }

    #[test]
    fn what_is_no_key_or_signature_is_refused() {
        for key in ["", "3d", "zz", &format!("{KEY}00"), &KEY.replacen("3d", "+1", 1), &"é".repeat(32)] {
            assert_eq!(verify(key, SIGNATURE, b""), Err(SignatureError::Key), "{key}");
        }
        assert_eq!(verify(KEY, "00", b""), Err(SignatureError::Signature));
        let long = vec![0; MESSAGE_BYTES_MAX + 1];
        assert_eq!(verify(KEY, SIGNATURE, &long), Err(SignatureError::TooLong));
    }
}
