//! `wharfd`, the node daemon.

use std::process::ExitCode;

use clap::Parser;
use wharf_node::args::Args;

fn main() -> ExitCode {
    match wharf_node::boot::run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.print();
            error.exit_code()
        }
    }
}
