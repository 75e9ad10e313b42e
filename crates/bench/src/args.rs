//! The command line.

use clap::{Parser, Subcommand};

use crate::benches::Name;

/// Measures a Wharf node with real guests, beside native code and Erlang doing the same work.
#[derive(Debug, Parser)]
#[command(
    name = "wharf-bench",
    version,
    after_help = "\
Needs `wharfd` beside it and the guests:
  cargo build --release -p wharf-node
  scripts/guests
Uses `wrk` (apt-get install wrk) and `erl` (apt-get install erlang-base) where they are installed."
)]
pub(crate) struct Args {
    /// Print JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Measure this only; may be given more than once
    #[arg(long, value_name = "NAME", value_enum)]
    only: Vec<Name>,

    /// One short round of everything: shows that it works, not how fast
    #[arg(long)]
    pub(crate) quick: bool,

    #[command(subcommand)]
    pub(crate) part: Option<Part>,
}

impl Args {
    /// What is measured, in the order of the table.
    pub(crate) fn wanted(&self) -> Vec<Name> {
        let is_wanted = |name: &Name| if self.only.is_empty() { name.is_usual() } else { self.only.contains(name) };
        Name::ALL.into_iter().filter(is_wanted).collect()
    }
}

/// What this program starts itself as, so that a peer has a process of its own.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Serve HTTP with plain axum until killed
    #[command(hide = true)]
    ServeHttp,
    /// Print the resident bytes of one waiting task
    #[command(hide = true)]
    IdleTasks {
        /// How many tasks
        count: usize,
    },
}
