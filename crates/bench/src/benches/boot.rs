//! Boot of a node with 20 processes whose code is compiled already, from `exec` to the line `ready`.

use anyhow::{Result, ensure};

use super::Bench;
use crate::compare::Sides;
use crate::driver;
use crate::node::{Node, Stop};
use crate::peers;
use crate::protocol::{Command, Lifetime};
use crate::report::{Findings, Row, Unit};

const PROCESSES: u64 = 20;
/// Boots are few and noisy: each round has this many, for everyone.
const BOOTS: usize = 3;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let mut node = Node::with_guests(&bench.tools)?;
    let missing = PROCESSES.saturating_sub(node.processes()?);
    driver::done(&node, &Command::MakeIdle { count: usize::try_from(missing)?, lifetime: Lifetime::Kept })?;
    node.restart(Stop::Cleanly)?;
    ensure!(node.processes()? == PROCESSES, "not all of {PROCESSES} processes came back with the node");
    let mut findings = Findings::default();
    let stops = [
        ("boot-20-clean", "boot, 20 processes, after a clean stop", Stop::Cleanly),
        ("boot-20-killed", "boot, 20 processes, after kill -9", Stop::Kill),
    ];
    for (id, what, stop) in stops {
        let sides = Sides {
            wharf: Box::new(|| Ok(node.restart(stop)?.as_secs_f64() * 1e3)),
            native: Some(Box::new(|| Ok(peers::http::start(&bench.tools)?.boot.as_secs_f64() * 1e3))),
            erlang: bench.erlang(|erlang| erlang.boot_ms(PROCESSES as usize)),
        };
        let best = sides.compare(bench.effort.rounds * BOOTS, |ms| *ms)?;
        findings.rows.push(Row::new(id, what, Unit::Milliseconds, best));
    }
    findings.notes.push(
        "boot: native is an axum server until its port is bound, Erlang a virtual machine until 20 processes wait; \
         neither restores anything"
            .to_owned(),
    );
    Ok(findings)
}
