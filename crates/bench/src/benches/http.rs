//! HTTP GET answered by a guest, as `wrk` sees it, beside plain axum with as many worker threads.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use reqwest::blocking::Client as Http;

use super::Bench;
use crate::compare::Sides;
use crate::node::Node;
use crate::peers;
use crate::protocol::PAGE;
use crate::report::{Findings, Row, Unit};
use crate::tools::output_of;

const CONNECTIONS: [usize; 3] = [1, 16, 64];
const SECONDS: usize = 4;
const BIND_WAIT: Duration = Duration::from_secs(10);

/// What `wrk` found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Served {
    /// Requests.
    pub(super) per_second: f64,
    /// Latency.
    pub(super) p99_us: f64,
}

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let mut findings = Findings::default();
    let Some(wrk) = &bench.tools.wrk else {
        findings.notes.push("HTTP was not measured: wrk is not installed (apt-get install wrk)".to_owned());
        return Ok(findings);
    };
    let node = Node::with_guests(&bench.tools)?;
    let axum = peers::http::start(&bench.tools)?;
    let ours = format!("{}/http:bench:wharf.os/", node.url());
    let theirs = axum.ready.trim();
    for url in [ours.as_str(), theirs] {
        check_page(url, PAGE)?;
    }
    let seconds = bench.effort.of(SECONDS);
    for connections in CONNECTIONS {
        let sides = Sides {
            wharf: Box::new(|| load(wrk, &ours, connections, seconds)),
            native: Some(Box::new(|| load(wrk, theirs, connections, seconds))),
            erlang: None,
        };
        let best = sides.compare(bench.effort.rounds, |served| -served.per_second)?;
        let what = format!("HTTP GET, {connections} connection{}", if connections == 1 { "" } else { "s" });
        let rate = best.map(|served| served.per_second / 1e3);
        findings.rows.push(Row::new(&format!("http-{connections}"), &what, Unit::ThousandsPerSecond, rate));
        let p99 = best.map(|served| served.p99_us);
        findings.rows.push(Row::new(
            &format!("http-{connections}-p99"),
            &format!("{what}, p99"),
            Unit::Microseconds,
            p99,
        ));
    }
    findings.notes.push(format!("HTTP: wrk -t1 for {seconds} s; native is plain axum in a process of its own"));
    Ok(findings)
}

/// What is fast and wrong is no figure either. A guest that was just installed takes a moment to bind its paths.
pub(super) fn check_page(url: &str, expected: &str) -> Result<()> {
    let http = Http::builder().no_proxy().build()?;
    let until = Instant::now() + BIND_WAIT;
    loop {
        let page = http.get(url).send()?.text().with_context(|| format!("reading {url}"))?;
        if page == expected {
            return Ok(());
        }
        ensure!(Instant::now() < until, "{url} says {page:?}");
        sleep(Duration::from_millis(20));
    }
}

/// Loads a page for a while.
pub(super) fn load(wrk: &Path, url: &str, connections: usize, seconds: usize) -> Result<Served> {
    let mut command = Command::new(wrk);
    command.arg("-t1").arg(format!("-c{connections}")).arg(format!("-d{seconds}s")).arg("--latency").arg(url);
    parse(&output_of(&mut command)?).with_context(|| format!("loading {url}"))
}

fn parse(text: &str) -> Result<Served> {
    ensure!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "wrk saw errors:\n{text}");
    let after = |label: &str| text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim);
    let per_second = after("Requests/sec:").and_then(|number| number.parse().ok());
    let p99_us = after("99%").and_then(microseconds);
    let found = per_second.zip(p99_us).map(|(per_second, p99_us)| Served { per_second, p99_us });
    found.ok_or_else(|| anyhow!("wrk said:\n{text}"))
}

/// Reads `310.00us`, `3.51ms` and `1.20s`.
fn microseconds(text: &str) -> Option<f64> {
    [("us", 1.0), ("ms", 1e3), ("s", 1e6)]
        .into_iter()
        .find_map(|(unit, scale)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * scale))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    const OUTPUT: &str = "  Latency Distribution\n     50%    1.63ms\n     99%    3.51ms\n  \
                          117945 requests in 3.00s, 13.5MB read\nRequests/sec:  39300.12\nTransfer/sec:      4.5MB\n";

    #[test]
    fn what_wrk_says_is_read() {
        assert_eq!(parse(OUTPUT).unwrap(), Served { per_second: 39300.12, p99_us: 3510.0 });
        assert_eq!(microseconds("310.00us"), Some(310.0));
        assert_eq!(microseconds("1.20s"), Some(1_200_000.0));
    }

    #[test]
    fn answers_that_are_errors_are_no_figure() {
        assert!(parse(&format!("{OUTPUT}  Non-2xx or 3xx responses: 7\n")).is_err());
        assert!(parse("").is_err());
    }
}
