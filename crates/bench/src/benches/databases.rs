//! Databases through a guest, beside the same calls of SQLite in native code.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::{Compared, Sides};
use crate::driver;
use crate::node::Node;
use crate::peers::databases;
use crate::protocol::{Command, DATABASE_VALUE_BYTES, DatabaseWork};
use crate::report::{Findings, Row, Unit};

const BATCHES: usize = 100;
const PER_BATCH: usize = 100;
const WRITERS: usize = 100;
const WRITES: usize = 2_000;

/// Calls of one kind: the node's, and native ones.
fn calls(bench: &Bench, node: &Node<'_>, work: DatabaseWork) -> Result<Compared<f64>> {
    let batches = bench.effort.of(BATCHES);
    let command = Command::Databases { work, batches, per_batch: PER_BATCH };
    let sides = Sides {
        wharf: Box::new(|| driver::summary(node, &command)),
        native: Some(Box::new(|| databases::timed(work, batches, PER_BATCH))),
        erlang: None,
    };
    Ok(sides.compare(bench.effort.rounds, |round| round.p50_ns)?.map(|best| best.p50_ns))
}

fn ratio(compared: Compared<f64>) -> f64 {
    compared.native.map_or(f64::NAN, |native| compared.wharf / native)
}

pub(super) fn kv(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let (set, get) = (calls(bench, &node, DatabaseWork::KvSet)?, calls(bench, &node, DatabaseWork::KvGet)?);
    let per_second = |processes: usize, writes: usize| {
        let command = Command::RunSetters { processes, per_process: (writes / processes).max(1) };
        let done = (writes / processes).max(1) * processes;
        let node = &node;
        let wharf = Box::new(move || Ok(done as f64 * 1e9 / driver::elapsed_ns(node, &command)?));
        Sides { wharf, native: None, erlang: None }.compare(bench.effort.rounds, |per_second: &f64| -per_second)
    };
    let writes = bench.effort.of(WRITES);
    let (one, many) = (per_second(1, writes / 4)?, per_second(WRITERS, writes * 10)?);
    Ok(Findings {
        rows: vec![
            Row::new("kv-set", "kv set of 100 B, p50", Unit::Microseconds, us(set)),
            Row::new("kv-get", "kv get of 100 B, p50", Unit::Microseconds, us(get)),
            Row::new("kv-power-1", "kv set, durable, 1 process", Unit::PerSecond, one),
            Row::new("kv-power-100", "kv set, durable, 100 processes", Unit::PerSecond, many),
        ],
        notes: vec![format!(
            "kv: values of {DATABASE_VALUE_BYTES} B; a set takes {:.2} times, a get {:.2} times as long as the call of SQLite in \
             native code with the same durability; {WRITERS} processes make {:.1} times as many durable sets as one",
            ratio(set),
            ratio(get),
            many.wharf / one.wharf,
        )],
    })
}

pub(super) fn sqlite(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let read = calls(bench, &node, DatabaseWork::SqlRead)?;
    let more = read.native.map_or(f64::NAN, |native| (read.wharf - native) / 1e3);
    Ok(Findings {
        rows: vec![Row::new("sqlite-read", "SQL, a row by its key, p50", Unit::Microseconds, us(read))],
        notes: vec![format!("sqlite: a row by its key takes {more:.1} us more than in native code")],
    })
}
