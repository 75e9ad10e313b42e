//! One request after the other, each sent when the one before was answered.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::{Compared, Sides};
use crate::driver;
use crate::node::Node;
use crate::peers::bare::Bare;
use crate::peers::native;
use crate::protocol::{Command, Load, Style, Summary};
use crate::report::{Findings, Row, Unit};

/// One way to do round trips.
struct Case {
    id: &'static str,
    what: &'static str,
    target: &'static str,
    style: Style,
    body_bytes: usize,
    batches: usize,
    per_batch: usize,
}

const CASES: [Case; 4] = [
    Case {
        id: "round-trip-64b",
        what: "round trip 64 B",
        target: "echo",
        style: Style::Library,
        body_bytes: 64,
        batches: 200,
        per_batch: 1_000,
    },
    Case {
        id: "round-trip-64b-bare",
        what: "round trip 64 B, bare bindings",
        target: "bare",
        style: Style::Bare,
        body_bytes: 64,
        batches: 200,
        per_batch: 1_000,
    },
    Case {
        id: "round-trip-64b-single",
        what: "round trip 64 B, one by one",
        target: "echo",
        style: Style::Library,
        body_bytes: 64,
        batches: 100_000,
        per_batch: 1,
    },
    Case {
        id: "round-trip-64kib",
        what: "round trip 64 KiB",
        target: "echo",
        style: Style::Library,
        body_bytes: 64 << 10,
        batches: 200,
        per_batch: 100,
    },
];

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let mut findings = Findings::default();
    for case in &CASES {
        let best = case.compare(bench, &node)?;
        let row = |percentile: &str, figures: Compared<f64>| {
            let (id, what) = (format!("{}-{percentile}", case.id), format!("{} {percentile}", case.what));
            Row::new(&id, &what, Unit::Microseconds, us(figures))
        };
        findings.rows.push(row("p50", best.map(|best| best.p50_ns)));
        findings.rows.push(row("p99", best.map(|best| best.p99_ns)));
    }
    let without_node = without_node(bench, &node)?;
    findings.notes.push(format!(
        "the same two guests over wasmtime alone, one thread, with queues in place of a kernel: {:.2} us; with the node \
         {:.2} times that, in turns",
        without_node.native.unwrap_or_default() / 1e3,
        without_node.wharf / without_node.native.unwrap_or(f64::NAN),
    ));
    let clock = driver::summary(&node, &Command::Clock { count: 10_000 })?;
    findings.notes.push(format!(
        "round trips are percentiles over means of batches (1,000 of 64 B, 100 of 64 KiB); `one by one` times each \
         alone, and has one reading of the guest's clock in it, {:.2} us",
        clock.p50_ns / 1e3
    ));
    findings.notes.push(
        "guests use the guest library, as packages do; `bare bindings` is what is left without it, with targets and \
         bodies made once"
            .to_owned(),
    );
    Ok(findings)
}

/// The p50 of 64 B through bare bindings, and what is left of it when there is no node.
fn without_node(bench: &Bench, node: &Node<'_>) -> Result<Compared<f64>> {
    let (bare, batches) = (Bare::new(&bench.tools)?, bench.effort.of(200));
    let command = Command::RoundTrips {
        target: "bare".to_owned(),
        style: Style::Bare,
        load: Load::Body(64),
        batches,
        per_batch: 1_000,
    };
    let sides = Sides {
        wharf: Box::new(|| driver::summary(node, &command)),
        native: Some(Box::new(|| bare.round_trips(64, batches, 1_000))),
        erlang: None,
    };
    let best = sides.compare(bench.effort.rounds, |round| round.p50_ns)?;
    Ok(best.map(|best| best.p50_ns))
}

impl Case {
    fn compare(&self, bench: &Bench, node: &Node<'_>) -> Result<Compared<Summary>> {
        let (bytes, batches, per_batch) = (self.body_bytes, bench.effort.of(self.batches), self.per_batch);
        let load = Load::Body(bytes);
        let command =
            Command::RoundTrips { target: self.target.to_owned(), style: self.style, load, batches, per_batch };
        let sides = Sides {
            wharf: Box::new(|| driver::summary(node, &command)),
            native: Some(Box::new(|| native::round_trips(bytes, batches, per_batch))),
            erlang: bench.erlang(move |erlang| erlang.round_trips(bytes, batches, per_batch)),
        };
        sides.compare(bench.effort.rounds, |round| round.p50_ns)
    }
}
