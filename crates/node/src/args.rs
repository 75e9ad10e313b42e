//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

use crate::exit::EXIT_CODES;

/// The Wharf node daemon: runs WebAssembly components as isolated processes.
///
/// Prints `ready node=<name> http=<url>` when it serves, with ` https=<url>` behind it if it speaks TLS. Stop it with SIGTERM or Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "wharfd", version, after_help = help())]
pub struct Args {
    /// Folder of the node [default: wharf in the user's data folder]
    #[arg(long, env = "WHARF_HOME", value_name = "DIR")]
    pub home: Option<PathBuf>,

    /// Name of the node; settled when the home is made [default: local.os]
    #[arg(long)]
    pub node: Option<String>,

    /// Where to serve HTTP; port 0 takes any that is free [default: 127.0.0.1:8080, or the next that is free]
    #[arg(long, value_name = "ADDR:PORT")]
    pub http: Option<SocketAddr>,

    /// Let tools on this machine use the RPC endpoint without the control token, as Kinode's `kit` does. Whoever has an
    /// account on the machine can then do everything
    #[arg(long)]
    pub kit_compat: bool,

    /// Stop when stdin, which has to be a pipe, is closed: for a program that starts a node and must not leave it behind
    #[arg(long)]
    pub until_eof: bool,

    /// Settings; without it `<home>/wharf.toml`, if there is one
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder with the node's own packages [default: beside the program]
    #[arg(long, value_name = "DIR")]
    pub packages: Option<PathBuf>,
}

fn help() -> String {
    format!(
        "\
Examples:
  wharfd
  wharfd --home ./node --http 127.0.0.1:0
  wharfd --kit-compat       for `kit inject-message` and `kit start-package`
  wharfd --home /var/lib/wharf --node alice.os --http 0.0.0.0:8080

Settings (TOML; what the command line says wins; docs/settings.md has all of them):
  node = \"alice.os\"
  http = \"127.0.0.1:8080\"
  packages_folder = \"/usr/share/wharf/packages\"
  hosts = [\"node.example\"]  # names the node goes by, for browsers
  tls = \"self-signed\"       # or \"acme\", or {{ certificate = \"FILE\", key = \"FILE\" }}
  trusted_proxies = [\"10.0.0.1\"]
  [login]                   # of passwords and sessions
  session_s_max = 2592000
  [log]
  level = \"info\"            # error, warn, info, debug, trace; WHARF_LOG wins
  file_bytes_max = 16777216
  files_max = 4
  [limits]                  # of each process, and of the node
  mailbox_messages_max = 1024
  [runtime]                 # of each guest
  memory_bytes_max = 536870912
  [packages.\"chess:sys\".limits]   # for one package; also .runtime
  mailbox_messages_max = 64
  [http_limits]             # of the web server
  body_bytes_max = 16777216
  metrics_processes_max = 1000  # shown one by one at /metrics
  [vfs_limits]              # of files and zips
  zip_entries_max = 20000

{EXIT_CODES}"
    )
}
