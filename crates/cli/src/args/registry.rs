//! Arguments of the commands about registries.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wharf_registry::{PackageRef, Reference};
use wharf_types::PackageId;

use super::ConsentArgs;

/// Where the user's settings about registries are.
#[derive(Debug, ClapArgs)]
pub(crate) struct RegistriesArgs {
    /// Your settings about registries [default: `wharf/registries.toml` in your configuration folder]
    #[arg(long, env = "WHARF_REGISTRIES", value_name = "FILE")]
    pub(crate) registries: Option<PathBuf>,
}

/// Which registry.
#[derive(Debug, ClapArgs)]
pub(crate) struct FromArgs {
    /// The registry: a folder, `https://...`, or `oci://host[:port][/prefix]` [default: that of your settings]
    #[arg(long, env = "WHARF_REGISTRY", value_name = "REGISTRY")]
    pub(crate) from: Option<String>,

    #[command(flatten)]
    pub(crate) settings: RegistriesArgs,
}

pub(super) const PUBLISH_EXAMPLES: &str = "\
Examples:
  wharf publish chat --to /srv/packages                  what `wharf build` made of the folder `chat`
  wharf publish chat:alice.os.zip --to oci://ghcr.io/alice
  wharf publish chat --to oci://127.0.0.1:5000 --json
  wharf publish chat --to /srv/packages --dry-run        what would be published, and whether it could be

The version is that of the package's `metadata.json`. One that is published stays as it is: another content needs another
version. A zip that was signed is published as it is signed; sign before you publish.

A registry that is a folder can be served by any web server, and others install from its address. With `default` in your
settings, `--to` may be left out: see docs/registries.md.";

/// Arguments of `wharf publish`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Publish {
    /// A zip, or a package folder that was built
    #[arg(value_name = "ZIP|DIR", default_value = ".")]
    pub(crate) source: PathBuf,

    /// The registry: a folder, or `oci://host[:port][/prefix]` [default: that of your settings]
    #[arg(long, env = "WHARF_REGISTRY", value_name = "REGISTRY")]
    pub(crate) to: Option<String>,

    /// Show what would be published, and where to, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) settings: RegistriesArgs,
}

pub(super) const REGISTRY_EXAMPLES: &str = "\
Examples:
  wharf registry list --from https://packages.example
  wharf registry show alice.os/chat --from /srv/packages
  wharf registry show alice.os/chat --json | jq -r '.versions[]'";

/// Arguments of `wharf registry`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Registry {
    #[command(subcommand)]
    pub(crate) command: RegistryCommand,
}

/// What `wharf registry` does.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// List the packages of a registry, or those whose name has a word in it
    #[command(
        after_help = "Examples:\n  wharf registry list\n  wharf registry list chat --from https://packages.example"
    )]
    List {
        /// A part of the name
        word: Option<String>,

        #[command(flatten)]
        from: FromArgs,
    },
    /// Show the versions of a package, and one of them more closely
    #[command(
        after_help = "Examples:\n  wharf registry show alice.os/chat\n  wharf registry show alice.os/chat@0.1.0 --json"
    )]
    Show {
        /// The package, `publisher/name`, or `publisher/name@version`
        package: Reference,

        #[command(flatten)]
        from: FromArgs,
    },
}

pub(super) const UPDATE_EXAMPLES: &str = "\
Examples:
  wharf update --check                  what could be updated
  wharf update chat:alice.os
  wharf update --all --yes              everything, without asking

What was installed from a registry is looked for there again; `--from` names another. The newest version that is not a
pre-release is taken, if it is newer than the installed one. You are asked before an update that would be able to do more
than the package can now, as `wharf install` asks.";

/// Arguments of `wharf update`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Update {
    /// The packages, `package:publisher`
    #[arg(value_name = "PACKAGE", required_unless_present_any = ["all", "check"])]
    pub(crate) packages: Vec<PackageId>,

    /// All packages that were installed from registries
    #[arg(long, conflicts_with = "packages")]
    pub(crate) all: bool,

    /// Show what there is, and change nothing
    #[arg(long)]
    pub(crate) check: bool,

    #[command(flatten)]
    pub(crate) from: FromArgs,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

/// What `wharf install` is told.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A file or folder.
    Path(PathBuf),
    /// A package of a registry.
    Reference(Reference),
}

impl Wanted {
    /// What is there on this machine is meant, and else a package of a registry, if it looks like one.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        match text.parse::<Reference>() {
            Ok(reference) if !path.exists() => Ok(Self::Reference(reference)),
            // Somebody who writes a version means a registry, and wants to know what is wrong with it.
            Err(error) if !path.exists() && text.split_once('@').is_some_and(|(name, _)| is_package(name)) => {
                Err(error.to_string())
            }
            _ => Ok(Self::Path(path)),
        }
    }
}

fn is_package(name: &str) -> bool {
    name.parse::<PackageRef>().is_ok()
}
