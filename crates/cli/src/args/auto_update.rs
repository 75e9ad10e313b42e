//! Arguments of `wharf auto-update`.

use std::str::FromStr;

use clap::{Args as ClapArgs, Subcommand};
use wharf_registry::chain::{EVERY_S_MAX, EVERY_S_MIN};
use wharf_types::PackageId;

use super::RegistriesArgs;

pub(super) const AUTO_UPDATE_EXAMPLES: &str = "\
Examples:
  wharf auto-update add https://packages.example    the node looks there, every 6 hours
  wharf auto-update on chat:alice.os
  wharf auto-update show
  wharf auto-update every never                     not any more

The node installs a newer version by itself only if you would not be asked about it: it comes from where the package came
from, is signed as it has to be, and asks for nothing that the package cannot do now. Anything else waits for you, in
`wharf auto-update show` and `wharf list`; `wharf update PACKAGE` takes it. The node asks web servers only, and those that are
not public only as far as `private_hosts` of its settings allows it.";

/// Arguments of `wharf auto-update`.
#[derive(Debug, ClapArgs)]
pub(crate) struct AutoUpdate {
    #[command(subcommand)]
    pub(crate) command: AutoUpdateCommand,
}

/// What `wharf auto-update` does.
#[derive(Debug, Subcommand)]
pub(crate) enum AutoUpdateCommand {
    /// Show where the node looks, what it updates by itself, and what waits for you
    #[command(after_help = "Examples:\n  wharf auto-update show\n  wharf auto-update show --json | jq .packages")]
    Show,
    /// Update packages by themselves
    #[command(after_help = "Examples:\n  wharf auto-update on chat:alice.os")]
    On {
        /// The packages, `package:publisher`
        #[arg(value_name = "PACKAGE", required = true)]
        packages: Vec<PackageId>,
    },
    /// Leave packages as they are until you update them
    #[command(after_help = "Examples:\n  wharf auto-update off chat:alice.os")]
    Off {
        /// The packages, `package:publisher`
        #[arg(value_name = "PACKAGE", required = true)]
        packages: Vec<PackageId>,
    },
    /// Look now; what failed before is tried again
    #[command(after_help = "Examples:\n  wharf auto-update look")]
    Look,
    /// Say how often the node looks
    #[command(
        after_help = "Examples:\n  wharf auto-update every 6h\n  wharf auto-update every 30m\n  wharf auto-update every never"
    )]
    Every {
        /// `never`, or a number with `s`, `m`, `h` or `d`
        interval: Interval,
    },
    /// Let the node look at a registry, and ask its host
    #[command(after_help = "Examples:\n  wharf auto-update add https://packages.example")]
    Add {
        /// The registry, `https://...`
        registry: String,

        #[command(flatten)]
        settings: RegistriesArgs,
    },
    /// Let the node not look there any more
    #[command(after_help = "Examples:\n  wharf auto-update remove https://packages.example")]
    Remove {
        /// The registry, `https://...`
        registry: String,
    },
}

/// Time between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval(pub(crate) Option<u64>);

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "never" {
            return Ok(Self(None));
        }
        let refused = || format!("`{text}` is neither `never` nor like `30m`, `6h` or `1d`");
        let unit = text.chars().last().ok_or_else(refused)?;
        let seconds_each: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 24 * 3600,
            _ => return Err(refused()),
        };
        let number = text.strip_suffix(unit).ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_| refused())?;
        let seconds = number.saturating_mul(seconds_each);
        if (EVERY_S_MIN..=EVERY_S_MAX).contains(&seconds) {
            Ok(Self(Some(seconds)))
        } else {
            Err(format!("`{text}` is not between {EVERY_S_MIN} s and ten years"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_people_write_them() {
        for (text, seconds) in
            [("never", None), ("1s", Some(1)), ("30m", Some(1800)), ("6h", Some(21_600)), ("2d", Some(172_800))]
        {
            assert_eq!(text.parse(), Ok(Interval(seconds)), "{text}");
        }
        for text in ["", "6", "h", "1ss", "0s", "-1h", "6 h", "99999999999999999999d", "9999999d", "é"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }
}
