//! `wharf-bench`: benchmarks of a node with real guests, beside native code and Erlang doing the same work.
//!
//! ```text
//! benches/   one file for each thing that is measured
//! peers/     who does the same work: native tasks, plain axum, Erlang
//! author     somebody who builds packages, with what is installed here
//! node       a real `wharfd` in a home of its own, with the package `bench:wharf.os`
//! driver     speaks with the guest that measures
//! compare    rounds, taken in turns so that a noisy moment hits everyone
//! report     one table, or JSON
//! ```

mod args;
mod author;
mod benches;
#[path = "../../../packages/bench/src/blocks.rs"]
mod blocks;
mod compare;
mod driver;
mod machine;
mod node;
mod peers;
#[path = "../../../packages/bench/src/protocol.rs"]
mod protocol;
mod report;
mod rpc;
mod subprocess;
mod tools;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use crate::args::{Args, Part};
use crate::benches::Bench;
use crate::report::Report;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match &args.part {
        Some(part) => play(part),
        None => measure(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wharf-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does what another run of this program started this one for.
fn play(part: &Part) -> Result<()> {
    match part {
        Part::ServeHttp => peers::http::serve(),
        Part::IdleTasks { count } => peers::native::print_idle_task_bytes(*count),
    }
}

fn measure(args: &Args) -> Result<()> {
    let bench = Bench::new(args)?;
    let machine = machine::Machine::look(&bench.tools);
    let mut report = Report::new(machine, bench.effort.rounds);
    if !args.json {
        report.print_head();
    }
    for name in args.wanted() {
        eprintln!("{} ...", name.describe());
        report.add(name.run(&bench)?);
    }
    if args.json { report.print_json() } else { report.print_table() }
}
