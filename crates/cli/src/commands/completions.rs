//! `wharf completions`: what a shell needs to complete commands.

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::errors::CliResult;
use crate::output::Output;

/// Prints it.
pub(crate) fn run(args: &Completions, output: &mut Output) -> CliResult<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "wharf", &mut script);
    output.raw(&script)
}
