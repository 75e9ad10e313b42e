//! Arguments of the commands about logging in.

use clap::{Args as ClapArgs, Subcommand};

use super::ConsentArgs;
use crate::names::ProcessName;

pub(super) const PASSWD_EXAMPLES: &str = "\
Examples:
  wharf passwd                                   asks for it twice, without showing it
  wharf passwd --stdin < password.txt            the first line, for scripts

Setting a password logs every browser out.";

/// Arguments of `wharf passwd`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Passwd {
    /// Read the password from the first line of stdin
    #[arg(long)]
    pub(crate) stdin: bool,
}

pub(super) const SESSIONS_EXAMPLES: &str = "\
Examples:
  wharf sessions
  wharf sessions --json | jq -r '.[].from'
  wharf sessions end 3f9a0c12be77                log that browser out
  wharf sessions end --all --yes                 log everybody out";

/// Arguments of `wharf sessions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sessions {
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
}

/// What `wharf sessions` does besides listing.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// End a session, and those on subdomains that were made from it
    #[command(after_help = "Examples:\n  wharf sessions end 3f9a0c12be77\n  wharf sessions end --all --yes")]
    End(EndSessions),
}

/// Arguments of `wharf sessions end`.
#[derive(Debug, ClapArgs)]
pub(crate) struct EndSessions {
    /// The id that `wharf sessions` shows
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,

    /// End all of them
    #[arg(long)]
    pub(crate) all: bool,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

pub(super) const LOGIN_LINK_EXAMPLES: &str = "\
Examples:
  wharf login-link                               open it in a browser: it logs in, once
  wharf login-link counter                       leads to the process, on an origin of its own
  wharf login-link --url https://node.example    for a browser on another machine

The link is good for some minutes. Whoever has it first is logged in as you, so do not send it around. On a node without \
a password, its page asks for a new one.";

/// Arguments of `wharf login-link`.
#[derive(Debug, ClapArgs)]
pub(crate) struct LoginLink {
    /// The process to go on to: its id, or the first part of it where that is enough
    pub(crate) process: Option<ProcessName>,

    /// URL by which the browser reaches the node [default: the one of this machine]
    #[arg(long)]
    pub(crate) url: Option<String>,
}
