//! When a cron expression comes true, in UTC.

use std::fmt;

use chrono::{DateTime, Utc};
use croner::parser::CronParser;

/// Longest accepted expression, in bytes.
const EXPRESSION_BYTES_MAX: usize = 256;

/// A cron expression for a time to come.
#[derive(Clone, Debug)]
pub(crate) struct Cron {
    text: String,
    cron: croner::Cron,
}

impl Cron {
    /// Reads an expression. The reason of a refusal is for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > EXPRESSION_BYTES_MAX {
            return Err(format!("it has more than {EXPRESSION_BYTES_MAX} bytes"));
        }
        let cron = CronParser::new().parse(text).map_err(|error| error.to_string())?;
        Ok(Self { text: text.to_owned(), cron })
    }

    /// The first time after `unix_ms` at which it is true, in milliseconds since 1970.
    pub(crate) fn after(&self, unix_ms: u64) -> Option<u64> {
        let now: DateTime<Utc> = DateTime::from_timestamp_millis(i64::try_from(unix_ms).ok()?)?;
        let next = self.cron.find_next_occurrence(&now, false).ok()?;
        u64::try_from(next.timestamp_millis()).ok().filter(|next| *next > unix_ms)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z
    const NEW_YEAR: u64 = 1_767_225_600_000;
    const HOUR: u64 = 3_600_000;

    #[test]
    fn the_next_time_is_after_now_and_in_utc() {
        let at = |text: &str, from: u64| Cron::parse(text).unwrap().after(from);
        assert_eq!(at("0 6 * * *", NEW_YEAR), Some(NEW_YEAR + 6 * HOUR));
        assert_eq!(at("0 6 * * *", NEW_YEAR + 6 * HOUR), Some(NEW_YEAR + 30 * HOUR));
        assert_eq!(at("0 6 * * *", NEW_YEAR + 6 * HOUR - 1), Some(NEW_YEAR + 6 * HOUR));
        assert_eq!(at("*/2 * * * * *", NEW_YEAR + 1), Some(NEW_YEAR + 2_000));
        assert_eq!(at("@hourly", NEW_YEAR), Some(NEW_YEAR + HOUR));
        assert_eq!(at("0 0 1 1 *", NEW_YEAR), Some(NEW_YEAR + 365 * 24 * HOUR));
    }

    #[test]
    fn what_is_no_expression_or_never_comes_is_refused() {
        for text in ["", "x", "* * *", "61 * * * *", "* * * * * * * * *", &"1,".repeat(1_000)] {
            assert!(Cron::parse(text).is_err(), "{text}");
        }
        assert_eq!(Cron::parse("0 0 30 2 *").ok().and_then(|cron| cron.after(NEW_YEAR)), None);
        assert_eq!(Cron::parse("* * * * *").unwrap().after(u64::MAX), None);
        assert_eq!(Cron::parse("* * * * *").unwrap().after(i64::MAX.unsigned_abs()), None);
    }
}
