//! The command line's grammar and its help.

mod authoring;
mod auto_update;
mod databases;
mod dev;
mod live;
mod login;
mod registry;
mod setup;
mod shell;
mod trust;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};
use wharf_types::PackageId;

use self::authoring::{BUILD_EXAMPLES, CHECK_EXAMPLES, NEW_EXAMPLES};
pub(crate) use self::authoring::{Build, Check, New};
use self::auto_update::AUTO_UPDATE_EXAMPLES;
pub(crate) use self::auto_update::{AutoUpdate, AutoUpdateCommand, Interval};
pub(crate) use self::databases::{DatabaseArgs, KeyForm, Kv, KvCommand, KvGet, KvScan, KvSet, Sql};
use self::databases::{KV_EXAMPLES, SQL_EXAMPLES};
use self::dev::{DEV_EXAMPLES, TEST_EXAMPLES, WATCH_EXAMPLES};
pub(crate) use self::dev::{DaemonArgs, Dev, Test, Watch};
pub(crate) use self::live::{SortBy, Top, Trace};
use self::live::{TOP_EXAMPLES, TRACE_EXAMPLES};
pub(crate) use self::login::{EndSessions, LoginLink, Passwd, Sessions, SessionsCommand};
use self::login::{LOGIN_LINK_EXAMPLES, PASSWD_EXAMPLES, SESSIONS_EXAMPLES};
pub(crate) use self::registry::{FromArgs, Publish, RegistriesArgs, Registry, RegistryCommand, Update, Wanted};
use self::registry::{PUBLISH_EXAMPLES, REGISTRY_EXAMPLES, UPDATE_EXAMPLES};
use self::setup::{COMPLETIONS_EXAMPLES, DOCTOR_EXAMPLES, MAN_EXAMPLES, SERVICE_EXAMPLES};
pub(crate) use self::setup::{Completions, Man, Service, ServiceInstall, ServiceOf};
use self::shell::SHELL_EXAMPLES;
pub(crate) use self::shell::Shell;
use self::trust::{KEY_EXAMPLES, ROLLBACK_EXAMPLES, SIGN_EXAMPLES, TRUST_EXAMPLES};
pub(crate) use self::trust::{Key, KeyCommand, KeysArgs, Rollback, Sign, Trust, TrustCommand};
use crate::client::WAIT_S_MAX;
use crate::commands::fs::{self, Fs};
use crate::names::{ProcessName, Target};
use crate::output::Format;
use crate::prompt::Consent;

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked
  1  the node refused, a process did not answer in time, a test failed, or the doctor found a problem
  2  the command line is wrong
  3  no node answers, or the service does not run
  4  something on this side is bad: a file, a package, a registry, an ambiguous name
  5  you said no, were not there to say yes, or interrupted it

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
    /// Begin a package
    #[command(after_help = NEW_EXAMPLES)]
    New(New),
    /// Build a package: compile its processes and pack them
    #[command(after_help = BUILD_EXAMPLES)]
    Build(Build),
    /// Look at a package as a node would, without one
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Build and install a package whenever it changes, and show what it logs
    #[command(after_help = WATCH_EXAMPLES)]
    Watch(Watch),
    /// Work on a package on a throw-away node: build, install and show logs at each change
    #[command(after_help = DEV_EXAMPLES)]
    Dev(Dev),
    /// Run the tests of a package against throw-away nodes
    #[command(after_help = TEST_EXAMPLES)]
    Test(Test),
    /// Check a package, show what it asks for, and install it
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(Install),
    /// Bring packages from registries to their newest versions
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Have the node bring packages to their newest versions by itself
    #[command(after_help = AUTO_UPDATE_EXAMPLES)]
    AutoUpdate(AutoUpdate),
    /// Put the version of a package from before in place of the present one
    #[command(after_help = ROLLBACK_EXAMPLES)]
    Rollback(Rollback),
    /// Stop a package's processes and remove it; what it stored stays, or goes with `--purge`
    #[command(after_help = UNINSTALL_EXAMPLES)]
    Uninstall(Uninstall),
    /// Put a package into a registry, for others to install
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(Publish),
    /// Look at what a registry has
    #[command(after_help = REGISTRY_EXAMPLES)]
    Registry(Registry),
    /// Sign a package with your key
    #[command(after_help = SIGN_EXAMPLES)]
    Sign(Sign),
    /// Make, list and show the keys with which you sign packages
    #[command(after_help = KEY_EXAMPLES)]
    Key(Key),
    /// List, add and remove the publishers whose signatures this node demands
    #[command(after_help = TRUST_EXAMPLES)]
    Trust(Trust),
    /// List the installed packages
    #[command(after_help = "Examples:\n  wharf list\n  wharf list --json | jq -r '.[].version_hash'")]
    List,
    /// List the processes, or those that are gone and how they ended
    #[command(after_help = PS_EXAMPLES)]
    Ps(Ps),
    /// Show what a process holds and gave out, and through whose hands it went; or revoke it
    #[command(after_help = CAPS_EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
    Caps(Caps),
    /// Send a message to a process and print its response
    #[command(after_help = SEND_EXAMPLES)]
    Send(Send),
    /// Run scripts in the node's terminal
    #[command(after_help = SHELL_EXAMPLES)]
    Shell(Shell),
    /// Show what the node and its processes logged; works without a running node
    #[command(after_help = LOGS_EXAMPLES)]
    Logs(Logs),
    /// End a process and revoke what it gave out; its on-exit behaviour does not run
    #[command(after_help = "Examples:\n  wharf kill echo\n  wharf kill echo:echo:wharf.os")]
    Kill(Kill),
    /// Look at the files of packages, and copy them to and from this machine
    #[command(after_help = fs::EXAMPLES, subcommand)]
    Fs(Fs),
    /// Read and change keys and values of a package
    #[command(after_help = KV_EXAMPLES)]
    Kv(Kv),
    /// Run a statement of SQL in a database of a package
    #[command(after_help = SQL_EXAMPLES)]
    Sql(Sql),
    /// Set the password that browsers log in with
    #[command(after_help = PASSWD_EXAMPLES)]
    Passwd(Passwd),
    /// List the browsers that are logged in, or log them out
    #[command(after_help = SESSIONS_EXAMPLES)]
    Sessions(Sessions),
    /// Print a link that logs a browser in, once
    #[command(after_help = LOGIN_LINK_EXAMPLES)]
    LoginLink(LoginLink),
    /// Write everything that the running node is to one file
    #[command(after_help = BACKUP_EXAMPLES)]
    Backup(Backup),
    /// Make a node's home out of a backup; the node must not run
    #[command(after_help = RESTORE_EXAMPLES)]
    Restore(Restore),
    /// Watch what the processes do: messages, mailboxes, memory, restarts
    #[command(after_help = TOP_EXAMPLES)]
    Top(Top),
    /// Watch the messages of one process as they come and go
    #[command(after_help = TRACE_EXAMPLES)]
    Trace(Trace),
    /// Find out what is missing on this machine or wrong with the node, and what mends it
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor,
    /// Run the node as a service of systemd
    #[command(after_help = SERVICE_EXAMPLES, subcommand)]
    Service(Service),
    /// Print what a shell needs to complete commands
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Completions),
    /// Write the manual pages
    #[command(after_help = MAN_EXAMPLES)]
    Man(Man),
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
  wharf install alice.os/chat              the newest version in the registry of your settings
  wharf install alice.os/chat@0.1.0 --from https://packages.example
  wharf install ./echo --yes               without asking, for scripts
  wharf install ./echo --dry-run --json | jq '.new[] | select(.weight == \"danger\")'

Lines with `!` are about power over the node or over what other packages keep, lines with `*` lead out of the node or to what
belongs to others. Of a package that is installed, the difference is shown. You are asked before a package is installed
for the first time, and before an upgrade that asks for anything that it was not given or that you took from it since, or that
brings a key that this node does not know; any other upgrade goes ahead.

An install that fails, whatever the reason, leaves the version from before running. `wharf rollback` goes back later.

The id of the package comes from its `metadata.json`, else from the name of the zip, `<package>:<publisher>.zip`.

What is installed from a registry is remembered with its hash, in `packages.lock` in the node's home: the same version with \
other content is refused later. A registry is a folder, `https://...`, or `oci://host[:port][/prefix]`; see docs/registries.md.";

/// Arguments of `wharf install`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Install {
    /// A zip, a package folder, the `pkg` folder in one, or a package of a registry, `publisher/name[@version]`
    #[arg(value_name = "ZIP|DIR|PACKAGE", value_parser = Wanted::parse)]
    pub(crate) source: Wanted,

    #[command(flatten)]
    pub(crate) from: FromArgs,

    /// Take a version of a registry although it had other content when it was installed before
    #[arg(long)]
    pub(crate) accept_changed: bool,

    /// Show what it asks for and what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

const UNINSTALL_EXAMPLES: &str = "\
Examples:
  wharf uninstall echo:wharf.os                  its files, databases and saved state stay, for when it is installed again
  wharf uninstall echo:wharf.os --yes
  wharf uninstall echo:wharf.os --purge          all of it goes; also after an uninstall without

Whom you trust stays in any case: see `wharf trust`.";

/// Arguments of `wharf uninstall`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Uninstall {
    /// The package, `package:publisher`
    pub(crate) package: PackageId,

    /// Remove everything that it stored, too: drives, databases, saved state, and its zips
    #[arg(long)]
    pub(crate) purge: bool,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

const PS_EXAMPLES: &str = "\
Examples:
  wharf ps
  wharf ps --ended                                            what ended for good, and why
  wharf ps --json | jq '.[] | select(.phase == \"Failed\")'
  wharf ps --json | jq '.[] | select(.exit.exit.OutOfMemory)'   what last ran out of memory

A process that ended and starts again is in the first list, with its last exit. The whole reason is in `wharf logs`.";

/// Arguments of `wharf ps`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Ps {
    /// List the processes that are gone, the last to end at the bottom; the node remembers some hundreds
    #[arg(long)]
    pub(crate) ended: bool,
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

    /// Wait this long for the response, at most 900
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=WAIT_S_MAX))]
    pub(crate) timeout: u64,

    /// Do not wait for a response
    #[arg(long, conflicts_with_all = ["timeout", "blob_out"])]
    pub(crate) no_wait: bool,

    /// Save the response's blob to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) blob_out: Option<PathBuf>,
}

const CAPS_EXAMPLES: &str = "\
Examples:
  wharf caps echo                                        what `echo` holds, and who holds what of it
  wharf caps echo --json | jq '.held[].capability'
  wharf caps revoke echo timer messaging                 `echo` may not message `timer` any more
  wharf caps revoke --everyone vfs '{\"root\":true}' --yes";

/// Arguments of `wharf caps`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Caps {
    /// The process: its id, or the first part of it where that is enough
    #[arg(value_name = "PROCESS", required = true)]
    pub(crate) process: Option<ProcessName>,

    #[command(subcommand)]
    pub(crate) command: Option<CapsCommand>,
}

/// What `wharf caps` does besides showing.
#[derive(Debug, Subcommand)]
pub(crate) enum CapsCommand {
    /// Take a capability from a process, and from everyone who has it through that process
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(Revoke),
}

const REVOKE_EXAMPLES: &str = "\
Examples:
  wharf caps revoke echo timer messaging
  wharf caps revoke bob:chat:bob.os vfs '{\"kind\":\"read\",\"drive\":\"/chat:bob.os/files\"}'
  wharf caps revoke --everyone vfs '{\"root\":true}' --yes

PARAMS is the JSON text that the issuer wrote. What is no JSON is taken as a word: messaging means \"messaging\".";

/// Arguments of `wharf caps revoke`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Revoke {
    /// Who holds it (not with `--everyone`), who issued it, and its params
    #[arg(value_name = "[HOLDER] ISSUER PARAMS", num_args = 2..=3, required = true)]
    pub(crate) what: Vec<String>,

    /// From all who hold it
    #[arg(long)]
    pub(crate) everyone: bool,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
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

const BACKUP_EXAMPLES: &str = "\
Examples:
  wharf backup node.zip
  wharf backup /backups/node-$(date +%F).zip --json

The file has the node's key, `wharf.toml`, each database as it is at one moment, and the files of all packages. It is \
secret: whoever has it can be the node, so only you may read it. Files that are written while they are copied may be in \
it half: stop the packages that write them, where that matters.";

/// Arguments of `wharf backup`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Backup {
    /// Where to; there must not be such a file yet
    pub(crate) file: PathBuf,
}

const RESTORE_EXAMPLES: &str = "\
Examples:
  wharf restore node.zip --home ./restored      into a new folder
  wharf restore node.zip --yes                  in place of the home, without asking

Everything is unpacked and checked beside the home before the home is touched. The home that was there is kept, and its new \
name is printed. A restored node has the key and the name of the one that was backed up: do not run both.";

/// Arguments of `wharf restore`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Restore {
    /// What `wharf backup` wrote
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn nobody_waits_longer_than_the_node_lets_them() {
        let waits = |s: &str| Args::try_parse_from(["wharf", "send", "a", "1", "--timeout", s]).is_ok();
        assert!(waits("1") && waits("900"));
        assert!(!waits("0") && !waits("901") && !waits("9999999999999999999"));
    }
}
