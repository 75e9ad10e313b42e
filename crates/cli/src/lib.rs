//! The command line `wharf`.
//!
//! It speaks with the daemon only over the daemon's HTTP endpoint, as any other tool could. Some commands need no
//! running daemon for all they do: `logs` reads the log files, `install` checks a package before anything is sent, and
//! `restore` makes a home that none runs in.
//!
//! What a command reports goes to stdout; questions, progress and errors go to stderr. Text that came from a guest, a
//! package or a log is shown with its control characters made visible: it must not steer the terminal.

mod args;
mod asks;
mod authoring;
mod backup;
mod certificate;
mod chain;
mod client;
mod commands;
mod doctor;
mod download;
mod errors;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod helper;
mod interrupts;
mod keys;
mod log_file;
mod names;
mod output;
mod pins;
mod prompt;
mod publisher_keys;
mod reference;
mod registries;
mod replace;
mod scenario;
mod shell;
mod signature;
mod source;
mod systemd;
mod table;
mod text;
mod throwaway;
mod watching;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Args;
use crate::output::Output;

/// Runs the command of this process's arguments. What its exit codes mean is in `wharf --help`.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let mut output = Output::stdout(args.format());
    let result = commands::run(args, &mut output).and_then(|()| output.flush());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What was already reported stays in front of the error; a closed pipe is handled below.
            let _ = output.flush();
            error.report();
            error.exit_code()
        }
    }
}
