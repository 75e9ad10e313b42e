//! Arguments of the commands that set a machine up.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use clap_complete::Shell;

pub(super) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  wharf completions bash > ~/.local/share/bash-completion/completions/wharf
  wharf completions zsh > ~/.zfunc/_wharf          with ~/.zfunc in fpath
  wharf completions fish > ~/.config/fish/completions/wharf.fish";

/// Arguments of `wharf completions`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// Which shell
    pub(crate) shell: Shell,
}

pub(super) const MAN_EXAMPLES: &str = "\
Examples:
  wharf man ~/.local/share/man/man1        then: man wharf-install
  wharf man docs --markdown                all in one page, docs/commands.md";

/// Arguments of `wharf man`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// Folder for the pages; it is made if it is not there
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,

    /// Write one page in Markdown, `commands.md`, instead
    #[arg(long)]
    pub(crate) markdown: bool,
}

pub(super) const DOCTOR_EXAMPLES: &str = "\
Examples:
  wharf doctor
  wharf --home /srv/node doctor
  wharf doctor --json | jq -r '.[] | select(.state == \"problem\") | .mend'

Looks at what building packages takes on this machine and at the node with this home, which need not run, and changes nothing. \
Exit code 1 if there is a problem. What only some people need, like a compiler, is no problem when it is missing.";

pub(super) const SERVICE_EXAMPLES: &str = "\
Examples:
  wharf service install                              start the node when you log in, and now
  sudo wharf service install --system --run-as ann --home /srv/node
  wharf service install --print                      show the unit and do nothing
  wharf service status --json
  wharf service uninstall

A service of yours ends when you log out, unless `loginctl enable-linger` is set.";

const INSTALL_EXAMPLES: &str = "\
Examples:
  wharf service install
  wharf service install --print > wharf.service
  sudo wharf service install --system --run-as ann --home /srv/node";

/// What `wharf service` does.
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Have systemd start the node, watch over it, and start it again when it fails
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(ServiceInstall),
    /// Stop it and remove it from systemd; the node's home stays
    #[command(after_help = "Examples:\n  wharf service uninstall\n  sudo wharf service uninstall --system")]
    Uninstall(ServiceOf),
    /// Show whether it is installed, and whether it runs; exit code 3 if it does not
    #[command(after_help = "Examples:\n  wharf service status\n  wharf service status --json | jq -r .active")]
    Status(ServiceOf),
}

/// Arguments of `wharf service install`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServiceInstall {
    #[command(flatten)]
    pub(crate) of: ServiceOf,

    /// The account that it runs as, with `--system`
    #[arg(long, value_name = "USER", requires = "system")]
    pub(crate) run_as: Option<String>,

    /// Print the unit and do nothing
    #[arg(long)]
    pub(crate) print: bool,
}

/// Whose service.
#[derive(Debug, ClapArgs)]
pub(crate) struct ServiceOf {
    /// The machine's, not yours: for this you have to be root
    #[arg(long)]
    pub(crate) system: bool,
}
