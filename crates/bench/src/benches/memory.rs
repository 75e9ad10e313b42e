//! Resident memory of a process that has answered one message and waits for the next, with 1,000 of them.

use std::process::Command as Program;

use anyhow::{Context, Result};

use super::Bench;
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::protocol::{Command, Lifetime};
use crate::report::{Findings, Row, Unit};
use crate::tools::output_of;

const PROCESSES: usize = 1_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let sides = Sides {
        wharf: Box::new(|| of_node(bench)),
        native: Some(Box::new(|| {
            let mut program = Program::new(&bench.tools.own);
            let text = output_of(program.arg("idle-tasks").arg(PROCESSES.to_string()))?;
            text.trim().parse().with_context(|| format!("{text:?} is no number of bytes"))
        })),
        erlang: bench.erlang(|erlang| erlang.idle_bytes(PROCESSES)),
    };
    let best = sides.compare(bench.effort.rounds, |bytes| *bytes)?;
    let what = "resident memory of an idle process";
    let row = Row::new("memory-idle", what, Unit::Kibibytes, best.map(|bytes| bytes / 1024.0));
    let note = "memory: growth of VmRSS over 1,000 processes, divided by 1,000; for Erlang, growth of what its \
                virtual machine counts";
    Ok(Findings { rows: vec![row], notes: vec![note.to_owned()] })
}

/// A new node each time: memory that was given back once is not resident, and yet not new.
fn of_node(bench: &Bench) -> Result<f64> {
    let node = Node::with_guests(&bench.tools)?;
    let before = node.resident_bytes()?;
    driver::done(&node, &Command::MakeIdle { count: PROCESSES, lifetime: Lifetime::ThisBoot })?;
    Ok((node.resident_bytes()? - before) / PROCESSES as f64)
}
