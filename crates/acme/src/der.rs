//! As much of DER as it takes to find out until when a certificate is good (RFC 5280, 4.1): the fields before `validity` are
//! stepped over. Everything else about certificates is rustls's.

use crate::certificate::Validity;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Reads the validity of a certificate. `None`: it is none.
pub(crate) fn validity(certificate: &[u8]) -> Option<Validity> {
    let mut certificate = Reader(certificate).element(SEQUENCE)?;
    let mut to_be_signed = certificate.element(SEQUENCE)?;
    if to_be_signed.0.first() == Some(&VERSION) {
        to_be_signed.element(VERSION)?;
    }
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        // Serial number, algorithm, issuer.
        to_be_signed.element(tag)?;
    }
    let mut validity = to_be_signed.element(SEQUENCE)?;
    Some(Validity { not_before: validity.time()?, not_after: validity.time()? })
}

/// What is left to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// The contents of the next element, which has this tag.
    fn element(&mut self, tag: u8) -> Option<Self> {
        if self.byte()? != tag {
            return None;
        }
        let length = match self.byte()? {
            short @ 0..0x80 => usize::from(short),
            long => {
                let digits = self.take(usize::from(long & 0x7f)).filter(|digits| (1..=4).contains(&digits.len()))?;
                digits
                    .iter()
                    .try_fold(0_usize, |length, digit| length.checked_mul(256)?.checked_add((*digit).into()))?
            }
        };
        self.take(length).map(Self)
    }

    /// A time, in seconds since 1970: `YYMMDDHHMMSSZ`, or with four digits of a year.
    fn time(&mut self) -> Option<i64> {
        let (mut text, year) = match self.0.first()? {
            &UTC_TIME => {
                let mut text = self.element(UTC_TIME)?;
                let year = text.number(2)?;
                (text, if year < 50 { 2_000 + year } else { 1_900 + year })
            }
            _ => {
                let mut text = self.element(GENERALIZED_TIME)?;
                let year = text.number(4)?;
                (text, year)
            }
        };
        let [month, day] = [text.number(2)?, text.number(2)?];
        let [hour, minute, second] = [text.number(2)?, text.number(2)?, text.number(2)?];
        let is_time = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        if !is_time || text.0 != b"Z" {
            return None;
        }
        Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        let text = self.take(digits).filter(|text| text.iter().all(u8::is_ascii_digit))?;
        std::str::from_utf8(text).ok()?.parse().ok()
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar, whose years are counted from March here, so that the leap day is
/// the last one of a year. All numbers have at most four digits.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use proptest::prelude::{any, proptest};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn days_are_counted_as_in_the_calendar() {
        for ((year, month, day), count) in [
            ((1970, 1, 1), 0),
            ((2000, 2, 29), 11_016),
            ((2000, 3, 1), 11_017),
            ((2026, 11, 21), 20_778),
            ((2100, 3, 1), 47_541),
            ((1950, 1, 1), -7_305),
        ] {
            assert_eq!(days(year, month, day), count, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_certificate_says_when_it_is_good() {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        // The first is written with two digits of a year, the second with four.
        for (from, to) in [((1975, 1, 1), (2049, 12, 31)), ((2026, 2, 28), (2051, 3, 1))] {
            params.not_before = date_time_ymd(from.0, from.1, from.2);
            params.not_after = date_time_ymd(to.0, to.1, to.2);
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let at = |date: (i32, u8, u8)| days(date.0.into(), date.1.into(), date.2.into()) * 86_400;
            let expected = Validity { not_before: at(from), not_after: at(to) };
            assert_eq!(validity(made.der()), Some(expected));
            for end in 0..60 {
                assert_eq!(validity(made.der().get(..end).unwrap()), None, "cut off at {end}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_is_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = validity(&bytes);
        }

        /// What is nearly one.
        #[test]
        fn damaged_ones_are_read_or_not(at in 0_usize..120, byte in any::<u8>()) {
            let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
            let mut der = made.cert.der().to_vec();
            *der.get_mut(at).unwrap() = byte;
            let _ = validity(&der);
        }
    }
}
