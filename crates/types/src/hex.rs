//! Bytes as text, two digits each: keys, hashes and signatures are written so.

/// The digits of bytes, in lower case.
///
/// ```
/// assert_eq!(wharf_types::hex::encode(&[0x0a, 0xff]), "0aff");
/// ```
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of exactly `2 * N` digits, in either case.
///
/// ```
/// assert_eq!(wharf_types::hex::decode("0aFF"), Some([0x0a, 0xff]));
/// assert_eq!(wharf_types::hex::decode::<2>("0aff00"), None);
/// ```
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
        *byte = u8::try_from(digit(0)?.checked_mul(16)?.checked_add(digit(1)?)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_digits() {
        for text in ["", "0", "000", "0g", "+1", " 1", "é"] {
            assert_eq!(decode::<1>(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_come_back_as_they_went(bytes: [u8; 8]) {
            proptest::prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
    }
}
