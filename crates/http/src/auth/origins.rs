//! Names of subdomains: each is an origin of its own in a browser, so that pages of one reach no other.
//!
//! A package has `<package>-<publisher>`. Where another package could have the same, its digest is added (S23): names of
//! letters and digits alone are joined by the only `-`, all others have at least two and differ by 80 bits of SHA-256. A
//! process has 130 bits of a digest with a key of the node, so that nobody outside can name it.

use ring::hmac;
use wharf_types::ProcessId;

use super::secret::sha256;

/// Longest label in the DNS.
const LABEL_BYTES_MAX: usize = 63;
/// Characters of a digest in the label of a package.
const PACKAGE_CHARS: usize = 16;
/// Characters of the label of a process, after the letter.
const PROCESS_CHARS: usize = 26;

/// Five bits a character.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

fn base32(bytes: &[u8], chars: usize) -> String {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8)) & 1);
    let char = |at: usize| (5 * at..5 * at + 5).fold(0, |value, at| value << 1 | bit(at));
    (0..chars).filter_map(|at| ALPHABET.get(char(at)).map(|letter| char::from(*letter))).collect()
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The label of a package's subdomain.
pub(crate) fn of_package(process: &ProcessId) -> String {
    let (package, publisher) = (process.package(), process.publisher());
    let readable = format!("{package}-{publisher}");
    if is_plain(package) && is_plain(publisher) && readable.len() <= LABEL_BYTES_MAX {
        return readable;
    }
    // Words with one dash between them, at least two: other dashes mean something else in the DNS.
    let words = readable.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let readable = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    let readable = if readable.contains('-') { readable } else { format!("x-{readable}") };
    let room = LABEL_BYTES_MAX - 1 - PACKAGE_CHARS;
    let readable = readable.get(..room).unwrap_or(&readable).trim_end_matches('-');
    let readable = if readable.contains('-') { readable } else { "x-x" };
    let digest = sha256(format!("{package}:{publisher}").as_bytes());
    format!("{readable}-{}", base32(&digest, PACKAGE_CHARS))
}

/// The label of the subdomain of one process.
pub(crate) fn of_process(key: &hmac::Key, process: &ProcessId) -> String {
    let digest = hmac::sign(key, process.to_string().as_bytes());
    // One with a dash is a package's.
    format!("p{}", base32(digest.as_ref(), PROCESS_CHARS))
}

/// Whether paths of `process` are served at the subdomain.
pub(crate) fn is_of(label: &str, key: &hmac::Key, process: &ProcessId) -> bool {
    if label.contains('-') { of_package(process) == label } else { of_process(key, process) == label }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> ProcessId {
        text.parse().unwrap()
    }

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    #[test]
    fn plain_names_are_what_other_nodes_make_of_them() {
        assert_eq!(of_package(&id("main:chess:sys")), "chess-sys");
        assert!(of_package(&id("main:app-store:sys")).starts_with("app-store-sys-"));
        assert!(of_package(&id("main:chess:bob.os")).starts_with("chess-bob-os-"));
    }

    #[test]
    fn s23_names_that_look_alike_have_different_subdomains() {
        for (one, other) in
            [("x:a-b:c", "x:a:b-c"), ("x:a:b.c", "x:a:b-c"), ("x:a-b:c", "x:a-b:c.os"), ("x:a-b-c:d", "x:a-b:c-d")]
        {
            assert_ne!(of_package(&id(one)), of_package(&id(other)), "{one} {other}");
        }
        // The digest of one cannot be written as the name of another.
        let label = of_package(&id("x:a-b:c"));
        let (package, publisher) = label.rsplit_once('-').unwrap();
        assert_ne!(of_package(&id(&format!("x:{package}:{publisher}"))), label);
        // All processes of a package share its subdomain, none shares that of a process.
        assert_eq!(of_package(&id("x:a-b:c")), of_package(&id("y:a-b:c")));
        assert_ne!(of_process(&key(), &id("x:a:b")), of_process(&key(), &id("y:a:b")));
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        assert_ne!(of_process(&key(), &id("x:a:b")), of_process(&other, &id("x:a:b")));
    }

    proptest! {
        #[test]
        fn s23_no_two_packages_share_a_subdomain(
            one in "[a-c-]{1,5}:[a-c.-]{1,5}", other in "[a-c-]{1,5}:[a-c.-]{1,5}",
            long in "[a-z0-9-]{1,90}:[a-z0-9.-]{1,90}",
        ) {
            let ids = [one, other, long].map(|package| format!("x:{package}").parse::<ProcessId>());
            for one in ids.iter().flatten() {
                let label = of_package(one);
                prop_assert!((3..=LABEL_BYTES_MAX).contains(&label.len()), "{label}");
                prop_assert!(label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
                prop_assert!(!label.starts_with('-') && label.contains('-') && !label.contains("--"), "{label}");
                prop_assert!(is_of(&label, &key(), one));
                let process = of_process(&key(), one);
                prop_assert!(is_of(&process, &key(), one) && !process.contains('-'));
                for other in ids.iter().flatten() {
                    prop_assert_eq!(of_package(other) == label, other == one);
                }
            }
        }
    }
}
