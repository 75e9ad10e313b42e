//! The node itself: whether it runs, and how it is.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};

use rustix::fs::{FlockOperation, flock};
use wharf_home::Home;
use wharf_types::kernel::{KernelCommand, KernelResponse, ProcessPhase};

use super::Finding;
use crate::certificate::Certificate;
use crate::client::Client;

pub(super) fn examine(home: &Home, client: Option<&Client>) -> Vec<Finding> {
    let Some(client) = client else { return stopped(home) };
    let status = match client.kernel(&KernelCommand::Status) {
        Ok(KernelResponse::Status(status)) => status,
        Ok(_) => return vec![Finding::problem("running", "the node does not say how it is", restart(home))],
        Err(_) if !is_locked(home) => return stopped(home),
        Err(error) => return vec![Finding::problem("running", error.message(), restart(home))],
    };
    let mut findings = vec![Finding::ok("running", format!("{} at {}", status.node, client.url()))];
    let own = env!("CARGO_PKG_VERSION");
    findings.push(if status.version == own {
        Finding::ok("version", own)
    } else {
        let found = format!("the node is of version {}, `wharf` of {own}", status.version);
        Finding::note("version", found, format!("restart it with the `wharfd` of {own}"))
    });
    findings.extend(certificate(home));
    findings.extend(processes(client));
    findings
}

/// What an authority gives, if one is asked.
fn certificate(home: &Home) -> Option<Finding> {
    let certificate = Certificate::of(home)?;
    let found = certificate.line();
    Some(match certificate.problem() {
        None => Finding::ok("certificate", found),
        Some(_) => {
            let mend = format!(
                "mend what it says, then restart the node to try at once; {} has to reach port 80 of these names",
                certificate.directory()
            );
            if certificate.is_bad() {
                Finding::problem("certificate", found, mend)
            } else {
                Finding::note("certificate", found, mend)
            }
        }
    })
}

fn restart(home: &Home) -> String {
    let root = home.root().display();
    format!("kill $(cat {root}/run/pid); wharfd --home {root}")
}

/// Whether a daemon has the home.
fn is_locked(home: &Home) -> bool {
    // A lock is taken for a moment and given back: nothing is changed.
    File::open(home.lock()).is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
}

fn stopped(home: &Home) -> Vec<Finding> {
    let root = home.root().display();
    if is_locked(home) {
        let found = format!("a daemon has {root}, and does not serve: it starts or stops just now, or hangs");
        return vec![Finding::problem("running", found, "wharf logs -n 20")];
    }
    let mut findings =
        vec![Finding::problem("running", "no node runs with this home", format!("wharfd --home {root}"))];
    findings.extend(port(home));
    findings
}

/// Whether a node could serve where it is to.
fn port(home: &Home) -> Option<Finding> {
    let settings = fs::read_to_string(home.config()).ok()?.parse::<toml::Table>().ok()?;
    let http: SocketAddr = settings.get("http")?.as_str()?.parse().ok()?;
    Some(match TcpListener::bind(http) {
        Ok(_) => Finding::ok("port", format!("{http} is free")),
        Err(error) => {
            let mend =
                format!("stop what uses it (ss -ltnp 'sport = :{}'), or change `http` in wharf.toml", http.port());
            Finding::problem("port", format!("the node is to serve at {http}, and cannot: {error}"), mend)
        }
    })
}

fn processes(client: &Client) -> Vec<Finding> {
    let Ok(processes) = client.processes() else { return Vec::new() };
    let app_store = "main:app-store:sys";
    let mut findings = Vec::new();
    if !processes.iter().any(|process| process.id.to_string() == app_store) {
        let found = format!("{app_store} does not run, so nothing can be installed");
        findings.push(Finding::problem(
            "app-store",
            found,
            "restart `wharfd` with `--packages DIR`, where app-store:sys.zip is",
        ));
    }
    let failed: Vec<_> = processes.iter().filter(|process| process.phase == ProcessPhase::Failed).collect();
    if failed.is_empty() {
        findings.push(Finding::ok("processes", format!("{} processes, none has failed", processes.len())));
    }
    findings.extend(failed.iter().map(|process| {
        Finding::problem("processes", format!("{} has failed", process.id), format!("wharf logs -n 20 {}", process.id))
    }));
    findings
}
