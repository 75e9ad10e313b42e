//! Requests of 64 B with 64 of them on the way: what one costs when nobody waits for a single one.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::peers::native;
use crate::protocol::{Command, Style};
use crate::report::{Findings, Row, Unit};

const BODY_BYTES: usize = 64;
const WINDOW: usize = 64;
const COUNT: usize = 300_000;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let count = bench.effort.of(COUNT);
    let mut findings = Findings::default();
    let styles = [
        ("pipelined-64", "pipelined, window 64, request+response", "echo", Style::Library),
        ("pipelined-64-bare", "pipelined, window 64, bare bindings", "bare", Style::Bare),
    ];
    for (id, what, target, style) in styles {
        let command =
            Command::Pipelined { target: target.to_owned(), style, body_bytes: BODY_BYTES, window: WINDOW, count };
        let sides = Sides {
            wharf: Box::new(|| driver::elapsed_ns(&node, &command)),
            native: Some(Box::new(|| native::pipelined(BODY_BYTES, WINDOW, count))),
            erlang: bench.erlang(move |erlang| erlang.pipelined(BODY_BYTES, WINDOW, count)),
        };
        let best = sides.compare(bench.effort.rounds, |elapsed| *elapsed)?;
        let each = us(best.map(|elapsed| elapsed / count as f64));
        findings.rows.push(Row::new(id, what, Unit::Microseconds, each));
    }
    Ok(findings)
}
