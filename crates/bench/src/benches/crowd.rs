//! A node with 10,000 processes that wait: what they cost in memory, and how long it takes to boot with them.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::Bench;
use crate::compare::Compared;
use crate::driver;
use crate::node::{Node, Stop};
use crate::protocol::{Command, Lifetime};
use crate::report::{Findings, Row, Unit};

const PROCESSES: usize = 10_000;

/// Whoever starts so many processes holds a capability for each.
const SETTINGS: &str = "[limits]\ncapabilities_max = 30000\n";

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let processes = bench.effort.of(PROCESSES);
    let mut node = Node::with_settings(&bench.tools, SETTINGS)?;
    let (others, before) = (node.processes()?, node.resident_bytes()?);
    let began = Instant::now();
    driver::done(&node, &Command::MakeIdle { count: processes, lifetime: Lifetime::Kept })?;
    let made = began.elapsed();
    let resident = node.resident_bytes()? - before;
    let mut findings = Findings::default();
    let alone = |wharf| Compared { wharf, native: None, erlang: None };
    let kib = resident / processes as f64 / 1024.0;
    findings.rows.push(Row::new(
        "crowd-memory",
        &format!("{processes} idle processes, each"),
        Unit::Kibibytes,
        alone(kib),
    ));
    let stops = [
        ("crowd-boot-clean", "boot with them, after a clean stop", Stop::Cleanly),
        ("crowd-boot-killed", "boot with them, after kill -9", Stop::Kill),
    ];
    for (id, what, stop) in stops {
        let boot = node.restart(stop)?;
        ensure!(node.processes()? == others + processes as u64, "not all of {processes} processes came back");
        // All of them answer: boot is not over before they have come up.
        let began = Instant::now();
        driver::done(&node, &Command::MakeIdle { count: processes, lifetime: Lifetime::Kept })?;
        let answered = began.elapsed();
        findings.rows.push(Row::new(id, what, Unit::Milliseconds, alone(boot.as_secs_f64() * 1e3)));
        findings.notes.push(format!("{what}: all had answered a message {:.1} s later", answered.as_secs_f64()));
    }
    findings.notes.push(format!(
        "{processes} processes were started and stored, one after the other, in {:.1} s; resident afterwards: {:.0} MiB",
        made.as_secs_f64(),
        node.resident_bytes()? / 1024.0 / 1024.0
    ));
    Ok(findings)
}
