//! Arguments of the commands about signatures, and of going back.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wharf_types::{NodeName, PackageId};

use super::ConsentArgs;

/// Where the keys are.
#[derive(Debug, ClapArgs)]
pub(crate) struct KeysArgs {
    /// Folder of your keys [default: `wharf/keys` in your configuration folder]
    #[arg(long, env = "WHARF_KEYS", value_name = "DIR")]
    pub(crate) keys: Option<PathBuf>,
}

pub(super) const KEY_EXAMPLES: &str = "\
Examples:
  wharf key new alice.os        makes a key for packages of alice.os, and prints its public half
  wharf key list
  wharf key show alice.os       what others need for `wharf trust add alice.os ...`

A key is one file that only you may read. Whoever has it can sign in your name, and nobody can make it again: keep a copy.";

/// Arguments of `wharf key`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,

    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}

/// What `wharf key` does.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; one that is there is never replaced
    #[command(after_help = "Examples:\n  wharf key new alice.os")]
    New {
        /// The publisher whose packages it is for
        publisher: NodeName,
    },
    /// List your keys
    #[command(after_help = "Examples:\n  wharf key list\n  wharf key list --json | jq -r '.[].public_key'")]
    List,
    /// Print the public half of a key
    #[command(after_help = "Examples:\n  wharf key show alice.os")]
    Show {
        /// The publisher
        publisher: NodeName,
    },
}

pub(super) const SIGN_EXAMPLES: &str = "\
Examples:
  wharf sign target/chat:alice.os.zip                        with the key of alice.os
  wharf sign target/chat:alice.os.zip --out signed.zip       and leave the zip as it is

The signature is in the comment at the end of the zip, which every other reader skips: Kinode installs a signed zip, too. \
Signing again replaces the signature. A package that is built again has to be signed again.";

/// Arguments of `wharf sign`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Sign {
    /// The package
    #[arg(value_name = "ZIP")]
    pub(crate) zip: PathBuf,

    /// Where to write it [default: in place of the zip]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) keys: KeysArgs,
}

pub(super) const TRUST_EXAMPLES: &str = "\
Examples:
  wharf trust list
  wharf trust add alice.os 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
  wharf trust remove alice.os

The key of a publisher becomes known with the first signed package of it that is installed, or with `add`. From then on \
this node takes packages of that publisher only with signatures of that key, whoever brings them. `remove` ends that: the \
next package may have any key, or none.";

/// Arguments of `wharf trust`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

/// What `wharf trust` does.
#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// List the publishers whose key this node knows
    #[command(after_help = "Examples:\n  wharf trust list\n  wharf trust list --json | jq -r '.[].publisher'")]
    List,
    /// Take packages of a publisher only with signatures of this key; replaces one that was known
    #[command(after_help = "Examples:\n  wharf trust add alice.os \"$(wharf key show alice.os)\"")]
    Add {
        /// The publisher
        publisher: NodeName,
        /// Its public key, 64 hex digits
        public_key: String,
    },
    /// Forget the key of a publisher
    #[command(after_help = "Examples:\n  wharf trust remove alice.os")]
    Remove {
        /// The publisher
        publisher: NodeName,
    },
}

pub(super) const ROLLBACK_EXAMPLES: &str = "\
Examples:
  wharf rollback chat:alice.os
  wharf rollback chat:alice.os --yes

The version that was installed before the present one is kept, and it alone. What the package stored stays as it is: a \
version may not understand what a later one wrote. Rolling back twice leads to where you were.";

/// Arguments of `wharf rollback`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Rollback {
    /// The package, `package:publisher`
    pub(crate) package: PackageId,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}
