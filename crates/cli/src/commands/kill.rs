//! `wharf kill`: ends a process.

use wharf_types::kernel::{KernelCommand, KernelResponse};

use crate::args::Kill;
use crate::client::{Client, unexpected};
use crate::errors::CliResult;
use crate::output::{Format, Output};

/// Ends the process that was named.
pub(crate) fn run(args: &Kill, client: &Client, output: &mut Output) -> CliResult<()> {
    // Looked up even when the whole id was given: for the protocol, an unknown process is no reason to answer.
    let process = client.resolve(&args.process)?;
    let answer = client.kernel(&KernelCommand::KillProcess(process))?;
    let KernelResponse::KilledProcess(killed) = &answer else { return Err(unexpected("the kernel", &answer)) };
    match output.format() {
        Format::Json => output.json(&answer),
        Format::Text => output.line(&format!("killed {killed}")),
    }
}
