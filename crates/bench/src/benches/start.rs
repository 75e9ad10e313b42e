//! How long it takes until a new process has said something.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::peers::native;
use crate::protocol::{Command, Content};
use crate::report::{Findings, Row, Unit};

const WARM_COUNT: usize = 2_000;
const COLD_COUNT: usize = 20;
const PARENTS: usize = 8;
const SPAWNED_PER_PARENT: usize = 500;
const PEER_COUNT: usize = 20_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let mut findings = Findings::default();
    let command = Command::Starts { content: Content::Known, count: bench.effort.of(WARM_COUNT) };
    let count = bench.effort.of(PEER_COUNT);
    let sides = Sides {
        wharf: Box::new(|| driver::summary(&node, &command)),
        native: Some(Box::new(|| native::starts(count))),
        erlang: bench.erlang(move |erlang| erlang.starts(count)),
    };
    let warm = sides.compare(bench.effort.rounds, |round| round.p50_ns)?;
    for (id, what, figures) in [
        ("start-warm-p50", "process start, warm, p50", warm.map(|warm| warm.p50_ns)),
        ("start-warm-p99", "process start, warm, p99", warm.map(|warm| warm.p99_ns)),
    ] {
        findings.rows.push(Row::new(id, what, Unit::Microseconds, us(figures)));
    }
    let command = Command::Starts { content: Content::New, count: bench.effort.of(COLD_COUNT) };
    let sides = Sides { wharf: Box::new(|| driver::summary(&node, &command)), native: None, erlang: None };
    let cold = sides.compare(bench.effort.rounds, |round| round.p50_ns)?;
    let cold = cold.map(|cold| cold.p50_ns / 1e6);
    findings.rows.push(Row::new("start-cold-p50", "process start, cold, p50", Unit::Milliseconds, cold));
    let (parents, per_parent) = (PARENTS, bench.effort.of(SPAWNED_PER_PARENT));
    let command = Command::SpawnMany { parents, per_parent };
    let spawned = parents * per_parent;
    let sides = Sides { wharf: Box::new(|| driver::elapsed_ns(&node, &command)), native: None, erlang: None };
    let rate = sides.compare(bench.effort.rounds, |elapsed| *elapsed)?.map(|elapsed| spawned as f64 / elapsed * 1e6);
    findings.rows.push(Row::new("spawn-rate", "spawns in 8 parents at once", Unit::ThousandsPerSecond, rate));
    findings.notes.push(
        "a start is timed in the parent, from `spawn` until the child's first message is there: with the component \
         read from the vfs and hashed, and capabilities given; cold, it has never been seen and is compiled"
            .to_owned(),
    );
    Ok(findings)
}
