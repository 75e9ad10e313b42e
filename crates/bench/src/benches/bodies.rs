//! Long bodies through a guest, piece by piece, beside plain axum. The client is a socket that counts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::Bench;
use super::http::check_page;
use crate::compare::Sides;
use crate::node::Node;
use crate::peers;
use crate::report::{Findings, Row, Unit};

const BYTES: usize = 100 << 20;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Down,
    Up,
}

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let mut findings = Findings::default();
    let node = Node::with_guests(&bench.tools)?;
    let axum = peers::http::start(&bench.tools)?;
    let ours = format!("{}/http:bench:wharf.os/bytes", node.url());
    let theirs = format!("{}bytes", axum.ready.trim());
    for url in [&ours, &theirs] {
        check_page(&format!("{url}?give=2"), "xx")?;
    }
    for (way, id, what) in [
        (Way::Down, "download", "HTTP, 100 MiB downloaded from a guest"),
        (Way::Up, "upload", "HTTP, 100 MiB uploaded to a guest"),
    ] {
        let sides =
            Sides { wharf: Box::new(|| pass(way, &ours)), native: Some(Box::new(|| pass(way, &theirs))), erlang: None };
        let best = sides.compare(bench.effort.rounds, |rate| -rate)?;
        findings.rows.push(Row::new(id, what, Unit::MebibytesPerSecond, best));
    }
    Ok(findings)
}

/// MiB in a second.
fn pass(way: Way, url: &str) -> Result<f64> {
    let start = Instant::now();
    let rest = url.strip_prefix("http://").context("a URL")?;
    let (host, path) = rest.split_once('/').context("a path")?;
    let mut stream = TcpStream::connect(host).with_context(|| format!("connecting to {host}"))?;
    let head = |method: &str, query: &str, more: &str| {
        format!("{method} /{path}{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
    };
    let mut piece = vec![b'x'; 256 << 10];
    match way {
        Way::Down => {
            stream.write_all(head("GET", &format!("?give={BYTES}"), "").as_bytes())?;
            let mut came = 0;
            loop {
                match stream.read(&mut piece)? {
                    0 => break,
                    read => came += read,
                }
            }
            ensure!(came > BYTES, "{url} gave {came} bytes");
        }
        Way::Up => {
            stream.write_all(head("POST", "", &format!("Content-Length: {BYTES}\r\n")).as_bytes())?;
            for _ in 0..BYTES / piece.len() {
                stream.write_all(&piece)?;
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            ensure!(answer.contains(&BYTES.to_string()), "{url} answered {answer}");
        }
    }
    Ok(BYTES as f64 / f64::from(1 << 20) / start.elapsed().as_secs_f64())
}
