//! A blob of 1 MiB there and back: handed on unread, and taken in and sent anew.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::peers::native;
use crate::protocol::{Command, Load, Style};
use crate::report::{Findings, Row, Unit};

const BLOB_BYTES: usize = 1 << 20;
const BATCHES: usize = 100;
const PER_BATCH: usize = 10;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let batches = bench.effort.of(BATCHES);
    let mut findings = Findings::default();
    let ways = [
        ("blob-1mib", "1 MiB blob there and back, read by both", "blob"),
        ("blob-1mib-unread", "1 MiB blob there and back, handed on unread", "echo"),
    ];
    for (id, what, target) in ways {
        let command = Command::RoundTrips {
            target: target.to_owned(),
            style: Style::Library,
            load: Load::Blob(BLOB_BYTES),
            batches,
            per_batch: PER_BATCH,
        };
        let sides = Sides {
            wharf: Box::new(|| driver::summary(&node, &command)),
            native: Some(Box::new(|| native::round_trips(BLOB_BYTES, batches, PER_BATCH))),
            erlang: bench.erlang(move |erlang| erlang.round_trips(BLOB_BYTES, batches, PER_BATCH)),
        };
        let best = sides.compare(bench.effort.rounds, |round| round.p50_ns)?;
        findings.rows.push(Row::new(id, what, Unit::Microseconds, us(best.map(|best| best.p50_ns))));
    }
    findings.notes.push(
        "native and Erlang copy a body once for each hop, as sharing no memory takes; otherwise they would hand over \
         a pointer"
            .to_owned(),
    );
    Ok(findings)
}
