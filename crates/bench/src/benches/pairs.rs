//! 1,000 drivers, each with an echo of its own, all at once: what the whole node can do.

use anyhow::Result;

use super::Bench;
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::peers::native;
use crate::protocol::{Command, Style};
use crate::report::{Findings, Row, Unit};

const PAIRS: usize = 1_000;
const BODY_BYTES: usize = 64;
const PER_PAIR: usize = 1_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let per_pair = bench.effort.of(PER_PAIR);
    let mut findings = Findings::default();
    let styles = [
        ("pairs-1000", "1,000 pairs at once, round trips", Style::Library),
        ("pairs-1000-bare", "1,000 pairs at once, bare bindings", Style::Bare),
    ];
    for (id, what, style) in styles {
        driver::done(&node, &Command::MakePairs { pairs: PAIRS, style })?;
        let command = Command::RunPairs { pairs: PAIRS, style, body_bytes: BODY_BYTES, per_pair };
        let sides = Sides {
            wharf: Box::new(|| driver::elapsed_ns(&node, &command)),
            native: Some(Box::new(|| native::pairs(PAIRS, BODY_BYTES, per_pair))),
            erlang: bench.erlang(move |erlang| erlang.pairs(PAIRS, BODY_BYTES, per_pair)),
        };
        let best = sides.compare(bench.effort.rounds, |elapsed| *elapsed)?;
        let thousands_per_second = best.map(|elapsed_ns| (PAIRS * per_pair) as f64 / elapsed_ns * 1e6);
        findings.rows.push(Row::new(id, what, Unit::ThousandsPerSecond, thousands_per_second));
    }
    Ok(findings)
}
