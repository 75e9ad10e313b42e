//! Files through a guest, beside `std::fs` doing the same on the same disk.

use anyhow::Result;

use super::{Bench, us};
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::peers::files;
use crate::protocol::{Command, FileWork};
use crate::report::{Findings, Row, Unit};

const BATCHES: usize = 40;
/// What is appended in a batch is at most so many MiB.
const PER_BATCH: usize = 8;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    // Beside the node's home, so on the same disk.
    let folder = tempfile::Builder::new().prefix("wharf-bench-").tempdir()?;
    let batches = bench.effort.of(BATCHES);
    let mut findings = Findings::default();
    let works = [
        ("file-read-1mib", "file of 1 MiB read", FileWork::Read),
        ("file-append-1mib", "1 MiB appended to a file", FileWork::Append),
        ("file-small", "file of 100 B created, written, read", FileWork::Small),
    ];
    for (id, what, work) in works {
        let command = Command::Files { work, batches, per_batch: PER_BATCH };
        let sides = Sides {
            wharf: Box::new(|| driver::summary(&node, &command)),
            native: Some(Box::new(|| files::timed(folder.path(), work, batches, PER_BATCH))),
            erlang: None,
        };
        let best = us(sides.compare(bench.effort.rounds, |round| round.p50_ns)?.map(|best| best.p50_ns));
        if let (FileWork::Small, Some(native)) = (work, best.native) {
            findings.notes.push(format!("a small file takes {:.0} us more than natively", best.wharf - native));
        }
        findings.rows.push(Row::new(id, what, Unit::Microseconds, best));
    }
    Ok(findings)
}
