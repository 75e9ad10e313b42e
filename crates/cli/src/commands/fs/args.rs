//! Arguments of `wharf fs`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::args::ConsentArgs;

pub(crate) const EXAMPLES: &str = "\
Examples:
  wharf fs ls                                       packages that have files
  wharf fs ls -l /chess:alice.os/games
  wharf fs cat /chess:alice.os/games/1.pgn
  wharf fs get /chess:alice.os/games/1.pgn          into the current folder
  wharf fs put movie.mp4 /player:alice.os/tmp/
  wharf fs rm -r /player:alice.os/tmp/cache
  wharf fs du /player:alice.os/tmp
  wharf fs ls --json -l /chess:alice.os/games | jq -r '.[].path'

A path is `/package:publisher/drive/...`; every package has the drives `pkg`, its code, and `tmp`.";

/// What to do with the files of packages.
#[derive(Debug, Subcommand)]
pub(crate) enum Fs {
    /// List a folder, or the packages that have files
    #[command(after_help = "Examples:\n  wharf fs ls\n  wharf fs ls -l /chess:alice.os/games")]
    Ls(Ls),
    /// Print a file
    #[command(
        after_help = "Examples:\n  wharf fs cat /chess:alice.os/games/1.pgn\n  wharf fs cat /chess:alice.os/games/1.pgn | less"
    )]
    Cat(Cat),
    /// Copy a file of this machine into a drive
    #[command(
        after_help = "Examples:\n  wharf fs put movie.mp4 /player:alice.os/tmp/\n  wharf fs put movie.mp4 /player:alice.os/tmp/first.mp4"
    )]
    Put(Put),
    /// Copy a file from a drive to this machine
    #[command(
        after_help = "Examples:\n  wharf fs get /chess:alice.os/games/1.pgn\n  wharf fs get /chess:alice.os/games/1.pgn /tmp/game.pgn"
    )]
    Get(Get),
    /// Remove a file, or a folder with all in it
    #[command(
        after_help = "Examples:\n  wharf fs rm /player:alice.os/tmp/movie.mp4\n  wharf fs rm -r /player:alice.os/tmp/cache --yes"
    )]
    Rm(Rm),
    /// Tell how much a folder has, with all below it
    #[command(after_help = "Examples:\n  wharf fs du /player:alice.os/tmp\n  wharf fs du /player:alice.os --json")]
    Du(Du),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ls {
    /// The folder [default: /, the packages]
    #[arg(default_value = "/")]
    pub(crate) path: String,

    /// Also tell sizes
    #[arg(short, long)]
    pub(crate) long: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cat {
    /// The file
    pub(crate) path: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Put {
    /// A file of this machine
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Where it goes; with a `/` at the end, a folder that it goes into under its own name
    pub(crate) path: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Get {
    /// The file in the drive
    pub(crate) path: String,

    /// Where it goes on this machine [default: the current folder, under its own name]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rm {
    /// The file or folder
    pub(crate) path: String,

    /// A folder, with all in it
    #[arg(short, long)]
    pub(crate) recursive: bool,

    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Du {
    /// The folder
    pub(crate) path: String,
}
