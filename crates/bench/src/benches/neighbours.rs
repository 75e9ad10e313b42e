//! What a pair that has nothing to do with them feels of processes that flood, compute, crash and never read.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::protocol::{Command, Load, Style};
use crate::report::{Findings, Row, Unit};

const BODY_BYTES: usize = 64;
const ROUND_TRIPS: usize = 200_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let one_by_one = Command::RoundTrips {
        target: "echo".to_owned(),
        style: Style::Library,
        load: Load::Body(BODY_BYTES),
        batches: bench.effort.of(ROUND_TRIPS),
        per_batch: 1,
    };
    let measure = || {
        let sides = Sides { wharf: Box::new(|| driver::summary(&node, &one_by_one)), native: None, erlang: None };
        sides.compare(bench.effort.rounds, |round| round.p99_ns)
    };
    let quiet = measure()?;
    driver::done(&node, &Command::BadNeighbours)?;
    let beside = measure()?;
    let mut findings = Findings::default();
    for (id, what, figures) in [
        ("quiet-p50", "round trip 64 B, quiet node, p50", quiet.map(|quiet| quiet.p50_ns)),
        ("quiet-p99", "round trip 64 B, quiet node, p99", quiet.map(|quiet| quiet.p99_ns)),
        ("beside-p50", "the same beside bad neighbours, p50", beside.map(|beside| beside.p50_ns)),
        ("beside-p99", "the same beside bad neighbours, p99", beside.map(|beside| beside.p99_ns)),
    ] {
        findings.rows.push(Row::new(id, what, Unit::Microseconds, us(figures)));
    }
    findings.notes.push(
        "neighbours: one process that never reads, one that computes for ever, one that floods five others, one that \
         crashes whenever it is started; each round trip timed alone"
            .to_owned(),
    );
    Ok(findings)
}
