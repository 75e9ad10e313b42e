//! Arguments of the commands that watch a node at work.

use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use crate::names::ProcessName;

pub(super) const TOP_EXAMPLES: &str = "\
Examples:
  wharf top                           until q or Ctrl-C
  wharf top --sort memory
  wharf top --once --interval 0.5     one look, over half a second
  wharf top --once --json | jq '.processes[] | select(.in_per_s > 1000)'

CPU is of one processor. With --json, each look is one document.";

/// Arguments of `wharf top`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Top {
    /// Look once and end
    #[arg(long)]
    pub(crate) once: bool,

    /// Time between two looks, which rates are an average over
    #[arg(short, long, value_name = "SECONDS", default_value = "2", value_parser = interval)]
    pub(crate) interval: Duration,

    /// What the highest of stands first
    #[arg(short, long, value_enum, default_value_t = SortBy::Messages)]
    pub(crate) sort: SortBy,
}

/// What processes are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortBy {
    /// Messages a second, in and out
    Messages,
    /// Messages waiting
    Mailbox,
    /// Processor time
    Cpu,
    /// Linear memory
    Memory,
    /// How often it was started again
    Restarts,
    /// The id
    Name,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("choose from 0.1 to 3600 seconds".to_owned())
    }
}

pub(super) const TRACE_EXAMPLES: &str = "\
Examples:
  wharf trace echo                         who, what, how long; until Ctrl-C
  wharf trace echo --bodies 200            with the first 200 bytes of each body
  wharf trace echo --count 10 --json
  wharf trace echo --json | jq 'select(.took_us > 1000)'

The id in each line is the same in every process that a request is passed on to, in `wharf logs`, and in the header
`x-request-id` of answers to the owner. Tracing costs nothing when nobody watches.";

/// Arguments of `wharf trace`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Trace {
    /// The process: its id, or the first part of it where that is enough
    pub(crate) process: ProcessName,

    /// Show so many bytes of each body; the node has a bound on that
    #[arg(short, long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) bodies: u64,

    /// End after so many messages
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
}
