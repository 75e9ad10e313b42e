//! Durable writes of saved state: by one process, and by a hundred at the same time.

use anyhow::Result;

use super::Bench;
use crate::compare::{Compared, Sides};
use crate::driver;
use crate::node::Node;
use crate::protocol::Command;
use crate::report::{Findings, Row, Unit};

const WRITERS: usize = 100;
const WRITES: usize = 1_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let writes = bench.effort.of(WRITES).max(WRITERS);
    let per_second = |processes: usize| {
        let command = Command::RunSavers { processes, per_process: writes / processes };
        let node = &node;
        let sides = Sides {
            wharf: Box::new(move || Ok(writes as f64 * 1e9 / driver::elapsed_ns(node, &command)?)),
            native: None,
            erlang: None,
        };
        sides.compare(bench.effort.rounds, |per_second| -per_second)
    };
    let (one, many): (Compared<f64>, Compared<f64>) = (per_second(1)?, per_second(WRITERS)?);
    let note = format!(
        "durable writes: {writes} of 8 bytes, each synced to the disk before it is acknowledged; {WRITERS} processes make \
         {:.1} times as many as one",
        many.wharf / one.wharf
    );
    Ok(Findings {
        rows: vec![
            Row::new("state-1", "durable state writes, 1 process", Unit::PerSecond, one),
            Row::new("state-100", "durable state writes, 100 processes", Unit::PerSecond, many),
        ],
        notes: vec![note],
    })
}
