//! `std::fs` in a guest, beside the same code run natively on the same disk.

use anyhow::Result;

use super::{Bench, us};
use crate::blocks;
use crate::compare::Sides;
use crate::driver;
use crate::node::Node;
use crate::protocol::{Access, Command};
use crate::report::{Findings, Row, Unit};

const BLOCK_BYTES: usize = 64 << 10;
const BLOCKS: usize = 4_096;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let node = Node::with_guests(&bench.tools)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("blocks");
    let blocks = bench.effort.of(BLOCKS);
    let mut findings = Findings::default();
    let ways = [
        ("std-fs-write", "std::fs, write of 64 KiB", Access::Write),
        ("std-fs-read", "std::fs, read of 64 KiB", Access::Read),
    ];
    for (id, what, access) in ways {
        let command = Command::Blocks { path: "/tmp/blocks".to_owned(), access, block_bytes: BLOCK_BYTES, blocks };
        let native = || match access {
            Access::Write => Ok(blocks::write(&path, BLOCK_BYTES, blocks)?),
            Access::Read => Ok(blocks::read(&path, BLOCK_BYTES, blocks)?),
        };
        let sides = Sides {
            wharf: Box::new(|| driver::summary(&node, &command)),
            native: Some(Box::new(native)),
            erlang: None,
        };
        let best = sides.compare(bench.effort.rounds, |round| round.p50_ns)?;
        if let Some(native) = &best.native {
            let ratio = best.wharf.p50_ns / native.p50_ns;
            findings.notes.push(format!("{what}: a guest takes {ratio:.2} times as long as native code"));
        }
        findings.rows.push(Row::new(id, what, Unit::Microseconds, us(best.map(|best| best.p50_ns))));
    }
    Ok(findings)
}
