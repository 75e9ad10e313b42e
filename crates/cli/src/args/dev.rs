//! Arguments of the commands that go on while a package's author works.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use wharf_types::NodeName;

pub(super) const WATCH_EXAMPLES: &str = "\
Examples:
  wharf watch                      the package in this folder, into the node that runs
  wharf watch ./hello
  wharf --home ./node watch --json | jq 'select(.event)'

At each change of a file the package is built and installed, and what it logs is shown; Ctrl-C ends it. What fails is shown, \
and watching goes on. Files in `target`, `node_modules`, `.git` and their like do not count, nor does a file that is saved as \
it was. Building runs the package's own code as you, so nobody is asked before it is installed.";

/// Arguments of `wharf watch`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Watch {
    /// Folder of the package
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

pub(super) const DEV_EXAMPLES: &str = "\
Examples:
  wharf dev                                the package in this folder, on a node of its own
  wharf dev ./hello --http 127.0.0.1:8090
  wharf dev --settings ./small.toml        with the settings of that file

The node has a home among the temporary files; all of it is removed at the end. What it compiled is kept in your cache folder, \
for the next one. Builds and installs at each change, as \
`wharf watch` does. Other commands reach it with `--home` and the home that is printed.";

/// Arguments of `wharf dev`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dev {
    /// Folder of the package
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// Where the node serves [default: a free port of this machine]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) http: Option<SocketAddr>,

    /// Name of the node
    #[arg(long, value_name = "NODE", default_value = "dev.os")]
    pub(crate) node: NodeName,

    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
}

/// How throw-away nodes are started.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct DaemonArgs {
    /// Settings of the node, a file like `wharf.toml`
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// Folder with the node's own packages [default: beside `wharfd`]
    #[arg(long, value_name = "DIR")]
    pub(crate) packages: Option<PathBuf>,
}

pub(super) const TEST_EXAMPLES: &str = "\
Examples:
  wharf test                        every test of the package in this folder
  wharf test ./hello --only count   those with `count` in their name or their file's
  wharf test --json | jq '.tests[] | select(.passed | not)'
  wharf test --junit results.xml

Tests are in `test/*.toml`. Each runs on nodes of its own, with the package installed, which are removed afterwards:

  [[test]]
  name = \"counts\"
  nodes = [\"ann.os\", \"bob.os\"]         # default: one
  packages = [\"other.zip\"]             # installed first; seen from this file

  [[test.step]]
  send = \"counter\"                     # a message; its body as TOML, or as it is with `text`
  body = { Add = 2 }
  expect.body = { count = 2 }          # there may be more in it; also expect.text, .contains, .failure

  [[test.step]]
  get = \"/counter:counter:ann.os/api\"  # or post, put, delete; by = \"owner\" comes with the node's token
  expect.status = 200
  within_s = 5                         # tried again until it is so

  [[test.step]]
  log = \"is up\"                        # waits until the package has logged this

  [[test.step]]
  do = \"restart\"                       # the node; or \"install\": the package, again
  node = \"bob.os\"                      # default: the first

Exit code 1 when a test failed. Files of Kinode's `kit run-tests` (`tests.toml`) are not read.";

/// Arguments of `wharf test`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    /// Folder of the package
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// Only tests with this in their name or their file's
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,

    /// Test this zip instead of building the package
    #[arg(long, value_name = "ZIP")]
    pub(crate) zip: Option<PathBuf>,

    /// Write the results as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
}
