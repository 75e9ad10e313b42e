//! Arguments of the commands of package authors.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use wharf_types::NodeName;

use crate::authoring::template::{Language, Template};

pub(crate) const NEW_EXAMPLES: &str = "\
Examples:
  wharf new hello                                    a process that does nothing yet
  wharf new my-counter --template counter            a page that counts
  wharf new my-chat --template chat --publisher ann.os
  wharf new my-counter --lang python --template counter

The package is named after its folder. Then: cd hello, wharf build, wharf install . --yes";

/// Arguments of `wharf new`.
#[derive(Debug, ClapArgs)]
pub(crate) struct New {
    /// Folder for it, which must not be there yet or be empty
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// What it does
    #[arg(short, long, value_enum, default_value_t = Template::Blank)]
    pub(crate) template: Template,

    /// What it is written in
    #[arg(short, long, value_enum, default_value_t = Language::Rust)]
    pub(crate) lang: Language,

    /// Who publishes it
    #[arg(long, value_name = "NODE", default_value = "local.os")]
    pub(crate) publisher: NodeName,

    /// Folder of the guest library `wharf-process-lib` [default: the one that this program was built with, if it is still
    /// there, or else the published one]
    #[arg(long, value_name = "DIR")]
    pub(crate) library: Option<PathBuf>,
}

pub(crate) const BUILD_EXAMPLES: &str = "\
Examples:
  wharf build                       the package in this folder
  wharf build ./hello --json | jq -r .zip
  wharf build && wharf install . --yes

Builds the processes, makes components of them, builds `ui/` if it has a package.json, and packs all of it. What did not \
change is not built again. Components that are in `pkg/` already are taken as they are.

The same source gives the same zip, wherever it lies, if it is Rust or C. JavaScript's and Python's tools keep the memory of \
an interpreter that ran the code once, and in it the keys of hash tables, which are random each time: a process in these comes out \
with other bytes when it is built anew. Keep the zip that you publish.

A folder is code by what is in it: Cargo.toml (Rust), package.json (JavaScript, by npm's componentize-qjs), pyproject.toml \
(Python, by PyPI's componentize-py), or src/*.c (C, by zig or clang). A package may have several, each in a folder of its own.

With WHARF_TOOLS=DIR, packages share the tools that come from PyPI; else each has its own in `target/`.";

/// Arguments of `wharf build`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// Folder of the package
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,

    /// Where the zip goes [default: `target/<package>:<publisher>.zip` in the folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

pub(crate) const CHECK_EXAMPLES: &str = "\
Examples:
  wharf check                                    the package built in this folder
  wharf check chat:ann.os.zip
  wharf check chat:ann.os.zip --json | jq .asks

Makes every check that a node makes before it installs, without one: names, sizes, manifest, metadata, components.";

/// Arguments of `wharf check`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// A zip, a package folder, or the `pkg` folder in one
    #[arg(value_name = "ZIP|DIR", default_value = ".")]
    pub(crate) source: PathBuf,
}
