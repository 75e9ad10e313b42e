//! A part of a body: `Range`, [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-14), one range of bytes.

use std::ops::Range;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: what is not understood is ignored, and several ranges are.
    Whole,
    /// These bytes.
    Part(Range<usize>),
    /// Bytes that there are none of.
    Nothing,
}

/// Reads the value of `Range` for a body of `len` bytes.
pub(super) fn read(value: &str, len: usize) -> Wanted {
    let Some((unit, ranges)) = value.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = ranges.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match (number(first), number(last)) {
        (Number::None, Number::Is(suffix)) => part(len.saturating_sub(suffix), len, len),
        (Number::Is(first), Number::None) => part(first, len, len),
        (Number::Is(first), Number::Is(last)) if first <= last => part(first, last.saturating_add(1), len),
        _ => Wanted::Whole,
    }
}

fn part(start: usize, end: usize, len: usize) -> Wanted {
    if start >= len { Wanted::Nothing } else { Wanted::Part(start..end.min(len)) }
}

enum Number {
    None,
    Is(usize),
    Bad,
}

fn number(text: &str) -> Number {
    match text {
        "" => Number::None,
        // More digits than fit are beyond every body.
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => Number::Is(digits.parse().unwrap_or(usize::MAX)),
        _ => Number::Bad,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (value, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-4", Wanted::Part(2..5)),
            ("Bytes = 2-4", Wanted::Part(2..5)),
            ("bytes=2-", Wanted::Part(2..10)),
            ("bytes=2-99999999999999999999999", Wanted::Part(2..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-99", Wanted::Part(0..10)),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(read(value, 10), wanted, "{value}");
        }
        assert_eq!(read("bytes=0-", 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_is_within_the_body(value in "bytes=[0-9]{0,20}-[0-9]{0,20}", len in 0_usize..1_000) {
            if let Wanted::Part(range) = read(&value, len) {
                prop_assert!(range.start < range.end && range.end <= len);
            }
        }
    }
}
