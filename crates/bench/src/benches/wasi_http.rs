//! A component for `wasi:http`, beside `wasmtime serve` with the same component.

use std::fs;
use std::io::{Cursor, Read};

use anyhow::{Context, Result};
use zip::ZipArchive;

use super::Bench;
use super::http::{check_page, load};
use crate::compare::Sides;
use crate::node::Node;
use crate::peers;
use crate::report::{Findings, Row, Unit};

const PACKAGE: (&str, &str) = ("wasi-http", "test.os");
const COMPONENT: &str = "wasi_http.wasm";
const SAYS: &str = "hello";
const CONNECTIONS: [usize; 2] = [1, 64];
const SECONDS: usize = 4;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let mut findings = Findings::default();
    let (Some(wrk), Some(package)) = (&bench.tools.wrk, &bench.tools.wasi_http) else {
        let missing = "wasi:http was not measured: it takes wrk (apt-get install wrk) and `scripts/guests --tests`";
        findings.notes.push(missing.to_owned());
        return Ok(findings);
    };
    let zip = fs::read(package).with_context(|| package.display().to_string())?;
    let node = Node::with_package(&bench.tools, PACKAGE, &zip)?;
    let ours = format!("{}/main:wasi-http:test.os/", node.url());
    check_page(&ours, SAYS)?;
    let folder = tempfile::tempdir().context("making a folder for the component")?;
    let component = folder.path().join(COMPONENT);
    let mut bytes = Vec::new();
    ZipArchive::new(Cursor::new(&zip))?.by_name(COMPONENT)?.read_to_end(&mut bytes)?;
    fs::write(&component, bytes).context("writing the component")?;
    let peer = bench.tools.wasmtime.as_ref().map(|program| peers::wasmtime::serve(program, &component)).transpose()?;
    let theirs = peer.as_ref().map(peers::wasmtime::url).transpose()?;
    if let Some(theirs) = &theirs {
        check_page(theirs, SAYS)?;
    }
    let seconds = bench.effort.of(SECONDS);
    for connections in CONNECTIONS {
        let sides = Sides {
            wharf: Box::new(|| load(wrk, &ours, connections, seconds)),
            native: theirs
                .as_ref()
                .map(|theirs| Box::new(move || load(wrk, theirs, connections, seconds)) as crate::compare::Side<'_, _>),
            erlang: None,
        };
        let best = sides.compare(bench.effort.rounds, |served| -served.per_second)?;
        let what = format!("wasi:http GET, {connections} connection{}", if connections == 1 { "" } else { "s" });
        let rate = best.map(|served| served.per_second / 1e3);
        findings.rows.push(Row::new(&format!("wasi-http-{connections}"), &what, Unit::ThousandsPerSecond, rate));
        let p99 = best.map(|served| served.p99_us);
        let id = format!("wasi-http-{connections}-p99");
        findings.rows.push(Row::new(&id, &format!("{what}, p99"), Unit::Microseconds, p99));
    }
    findings.notes.push(match theirs {
        Some(_) => "wasi:http: native is `wasmtime serve`, a fresh instance for each request".to_owned(),
        None => "wasi:http: `wasmtime serve` was not measured: there is no wasmtime on the PATH".to_owned(),
    });
    Ok(findings)
}
