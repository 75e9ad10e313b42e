//! What normal HTTP feels of clients that send their requests a byte at a time (slowloris).

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Bench;
use super::http::{Served, check_page, load};
use crate::compare::Compared;
use crate::node::Node;
use crate::protocol::PAGE;
use crate::report::{Findings, Row, Unit};

const SLOW: usize = 10_000;
/// Descriptors for everything else.
const SPARE: u64 = 500;
/// How long each slow client waits before its next byte.
const BYTE_EVERY: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 16;
const SECONDS: usize = 4;
const SETTINGS: &str = "[http_limits]\nconnections_max = 16384\n";

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let mut findings = Findings::default();
    let Some(wrk) = &bench.tools.wrk else {
        findings.notes.push("slow clients were not measured: wrk is not installed (apt-get install wrk)".to_owned());
        return Ok(findings);
    };
    // The daemon inherits it.
    let descriptors = raise_descriptors()?;
    let count = bench.effort.of(SLOW).min(usize::try_from(descriptors.saturating_sub(SPARE))?);
    let node = Node::with_settings(&bench.tools, SETTINGS)?;
    let url = format!("{}/http:bench:wharf.os/", node.url());
    check_page(&url, PAGE)?;
    let address: SocketAddr = node.url().trim_start_matches("http://").parse().context("where the node is")?;
    let measure = || load(wrk, &url, CONNECTIONS, bench.effort.of(SECONDS));
    let (mut quiet, mut beside, mut begun_anew) = (measure()?, None, 0);
    for round in 0..bench.effort.rounds {
        if round > 0 {
            better(&mut quiet, measure()?);
        }
        let slow = Slow::start(address, count)?;
        let now = measure()?;
        begun_anew += slow.stop()?;
        better(beside.get_or_insert(now), now);
    }
    let beside = beside.unwrap_or(quiet);
    for (id, what, unit, figure) in [
        ("slow-quiet-p99", "HTTP GET, 16 connections, p99", Unit::Microseconds, quiet.p99_us),
        ("slow-beside-p99", "the same beside slow clients, p99", Unit::Microseconds, beside.p99_us),
        ("slow-p99-ratio", "the one by the other", Unit::Times, beside.p99_us / quiet.p99_us),
        ("slow-quiet", "HTTP GET, 16 connections", Unit::ThousandsPerSecond, quiet.per_second / 1e3),
        ("slow-beside", "the same beside slow clients", Unit::ThousandsPerSecond, beside.per_second / 1e3),
    ] {
        findings.rows.push(Row::new(id, what, unit, Compared { wharf: figure, native: None, erlang: None }));
    }
    findings.notes.push(format!(
        "slow clients: {count} connections that send a byte of a header each {} s, {begun_anew} begun anew after the node \
         let them go; connections_max = 16384",
        BYTE_EVERY.as_secs()
    ));
    Ok(findings)
}

fn better(best: &mut Served, again: Served) {
    if again.p99_us < best.p99_us {
        *best = again;
    }
}

/// As many descriptors as may be had.
fn raise_descriptors() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).context("raising the bound of open files")?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Clients that are slow, until they are stopped.
struct Slow {
    stop: Arc<AtomicBool>,
    begun_anew: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Slow {
    /// Returns when all are connected.
    fn start(address: SocketAddr, count: usize) -> Result<Self> {
        let connected: Result<Vec<_>> = (0..count).map(|_| connect(address)).collect();
        let mut clients = connected.with_context(|| format!("connecting {count} slow clients"))?;
        let (stop, begun_anew) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (is_over, anew) = (Arc::clone(&stop), Arc::clone(&begun_anew));
        let thread = spawn(move || {
            // A few at a time, so that each has its turn in `BYTE_EVERY`.
            let pause = Duration::from_millis(10);
            let turns = usize::try_from(BYTE_EVERY.as_millis() / pause.as_millis()).unwrap_or(1);
            loop {
                for few in clients.chunks_mut(count.div_ceil(turns).max(1)) {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    for client in few {
                        if client.write_all(b"x").is_err()
                            && let Ok(another) = connect(address)
                        {
                            *client = another;
                            anew.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    sleep(pause);
                }
            }
        });
        Ok(Self { stop, begun_anew, thread })
    }

    /// Returns how many were let go and came again.
    fn stop(self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the slow clients ended with a panic"))?;
        Ok(self.begun_anew.load(Ordering::Relaxed))
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")?;
    Ok(stream)
}
