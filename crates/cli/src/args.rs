//! The command line's grammar and its help.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use wharf_types::PackageId;

use crate::names::{ProcessName, Target};
use crate::output::Format;
use crate::prompt::Consent;

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked
  1  the node refused, or a process did not answer in time
  2  the command line is wrong
  3  no node answers
  4  something on this side is bad: a file, a package, an ambiguous name
  5  you said no, or were not there to say yes

Examples:
  wharf status
  wharf install target/echo:wharf.os.zip
  wharf send echo '\"hello\"'
  wharf logs -f echo
  wharf --home /srv/node ps --json";

/// Watches and steers a Wharf node.
///
/// The node is the daemon `wharfd` that runs with the same home folder on this machine.
#[derive(Debug, Parser)]
#[command(name = "wharf", version, after_help = EXIT_CODES)]
pub(crate) struct Args {
    /// Home folder of the node [default: the one in your data folder, as for `wharfd`]
    #[arg(long, global = true, env = "WHARF_HOME", value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,

    /// Print JSON, for programs
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Args {
    /// What the user wants to read.
    pub(crate) fn format(&self) -> Format {
        if self.json { Format::Json } else { Format::Text }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the node itself: name, version, time since start
    #[command(after_help = "Examples:\n  wharf status\n  wharf status --json | jq .uptime_ms")]
    Status,
    /// Check a package, show what it asks for, and install it
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(Install),
    /// Stop a package's processes and remove it
    #[command(after_help = "Examples:\n  wharf uninstall echo:wharf.os\n  wharf uninstall echo:wharf.os --yes")]
    Uninstall(Uninstall),
    /// List the installed packages
    #[command(after_help = "Examples:\n  wharf list\n  wharf list --json | jq -r '.[].version_hash'")]
    List,
    /// List the processes
    #[command(after_help = "Examples:\n  wharf ps\n  wharf ps --json | jq '.[] | select(.phase == \"Failed\")'")]
    Ps,
    /// Send a message to a process and print its response
    #[command(after_help = SEND_EXAMPLES)]
    Send(Send),
    /// Show what the node and its processes logged; works without a running node
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(Logs),
    /// End a process and revoke what it gave out; its on-exit behaviour does not run
    #[command(after_help = "Examples:\n  wharf kill echo\n  wharf kill echo:echo:wharf.os")]
    Kill(Kill),
}

/// The flag of commands that ask before they do something.
#[derive(Debug, ClapArgs)]
pub(crate) struct ConsentArgs {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl ConsentArgs {
    /// Whether the user agreed beforehand.
    pub(crate) fn given(&self) -> Consent {
        if self.yes { Consent::Given } else { Consent::Ask }
    }
}

const INSTALL_EXAMPLES: &str = "\
Examples:
  wharf install target/echo:wharf.os.zip   a built package
  wharf install ./echo                     a package folder, with `pkg/` and `metadata.json` in it
  wharf install ./echo --yes               without asking, for scripts

The id of the package comes from its `metadata.json`, else from the name of the zip, `<package>:<publisher>.zip`.";

/// Arguments of `wharf install`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Install {
    /// A zip, a package folder, or the `pkg` folder in one
    #[arg(value_name = "ZIP|DIR")]
    pub(crate) source: PathBuf,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

/// Arguments of `wharf uninstall`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Uninstall {
    /// The package, `package:publisher`
    pub(crate) package: PackageId,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

const SEND_EXAMPLES: &str = "\
Examples:
  wharf send echo '\"hello\"'                            the only process whose id begins with `echo:`
  wharf send kernel:distro:sys '\"Processes\"'
  wharf send bob.os@echo:echo:wharf.os '\"hello\"'       a process on another node
  wharf send vfs:distro:sys '{\"path\":\"/a:b/pkg/x\",\"action\":\"Read\"}' --blob-out x
  wharf send echo '\"work\"' --no-wait                   return as soon as it is delivered";

/// Arguments of `wharf send`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Send {
    /// Who gets it: `process:package:publisher`, `node@process:package:publisher`, or the first part of a local id
    #[arg(value_name = "PROCESS")]
    pub(crate) target: Target,

    /// The message's body, usually JSON
    #[arg(allow_hyphen_values = true)]
    pub(crate) body: String,

    /// Send this file along as the message's blob
    #[arg(long, value_name = "FILE")]
    pub(crate) blob: Option<PathBuf>,

    /// Media type of the blob
    #[arg(long, value_name = "TYPE", requires = "blob")]
    pub(crate) mime: Option<String>,

    /// Wait this long for the response
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,

    /// Do not wait for a response
    #[arg(long, conflicts_with_all = ["timeout", "blob_out"])]
    pub(crate) no_wait: bool,

    /// Save the response's blob to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_out: Option<PathBuf>,
}

const LOGS_EXAMPLES: &str = "\
Examples:
  wharf logs                    everything, also from before the last restart
  wharf logs -n 50              the last 50 lines
  wharf logs -f echo            what `echo` says, as it says it
  wharf logs --json | jq 'select(.level == \"ERROR\")'";

/// Arguments of `wharf logs`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// Only lines about this process: its id, or the first part of it
    #[arg(value_name = "PROCESS")]
    pub(crate) process: Option<ProcessName>,

    /// Go on with new lines until interrupted
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Begin with the last N matching lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<usize>,
}

/// Arguments of `wharf kill`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Kill {
    /// The process: its id, or the first part of it where that is enough
    pub(crate) process: ProcessName,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }
}
