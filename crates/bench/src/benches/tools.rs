//! What the author of a package and the owner of a node wait for, each with its goal.

use std::fs::{self, File};
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, ZipArchive};

use super::Bench;
use crate::author::{Author, Language, Work};
use crate::node::Node;
use crate::report::{Findings, Row, Unit};
use crate::tools::installed;

/// How often a command is run that takes moments.
const RUNS: usize = 20;
const PACKAGE_BYTES: usize = 1 << 20;

pub(super) fn run(bench: &Bench) -> Result<Findings> {
    let author = Author::new(&bench.tools)?;
    let mut findings = Findings::default();
    let node = Node::with_guests(&bench.tools)?;
    let ps = best(bench.effort.of(RUNS), || Ok(author.time(&node.home(), &["ps"])?.as_secs_f64()))?;
    findings.rows.push(Row::with_goal("wharf-ps", "`wharf ps`", Unit::Milliseconds, (ps * 1e3, 30.0)));
    installs(bench, &author, &node, &mut findings)?;
    match installed("cargo") {
        Some(_) => rust(bench, &author, &mut findings)?,
        None => findings.notes.push("cargo is missing, so nothing is built of Rust: https://rustup.rs".to_owned()),
    }
    match installed("npm").and(installed("node")) {
        Some(_) => {
            if let Err(error) = javascript(bench, &author, &mut findings) {
                findings.notes.push(format!("JavaScript is not measured: {error:#}"));
            }
        }
        None => findings
            .notes
            .push("npm or node is missing, so nothing is built of JavaScript: apt-get install nodejs npm".to_owned()),
    }
    findings.notes.push(
        "build, install, ps: the whole command, the best of all runs; libraries are built before. watch: from a changed \
         line until the new version waits for messages"
            .to_owned(),
    );
    Ok(findings)
}

fn rust(bench: &Bench, author: &Author<'_>, findings: &mut Findings) -> Result<()> {
    let mut work = author.begin("bench-echo", Language::Rust)?;
    let unchanged = best(bench.effort.of(RUNS), || Ok(work.build()?.as_secs_f64()))?;
    findings.rows.push(Row::with_goal(
        "build-unchanged",
        "`wharf build`, Rust, unchanged",
        Unit::Seconds,
        (unchanged, 0.3),
    ));
    let changed = best(bench.effort.rounds, || {
        work.edit()?;
        Ok(work.build()?.as_secs_f64())
    })?;
    findings.rows.push(Row::with_goal("build-line", "`wharf build`, Rust, one line", Unit::Seconds, (changed, 5.0)));
    let watched = watch(bench, &mut work)?;
    findings.rows.push(Row::with_goal("watch-rust", "`wharf watch`, Rust, one line", Unit::Seconds, (watched, 6.0)));
    Ok(())
}

fn javascript(bench: &Bench, author: &Author<'_>, findings: &mut Findings) -> Result<()> {
    let mut work = author.begin("bench-echo-js", Language::JavaScript)?;
    let built = best(bench.effort.rounds, || {
        work.edit()?;
        Ok(work.build()?.as_secs_f64())
    })?;
    let of_watch = watch(bench, &mut work)?;
    findings.rows.push(Row::with_goal(
        "watch-js",
        "`wharf watch`, JavaScript, one line",
        Unit::Seconds,
        (of_watch, 3.0),
    ));
    findings.notes.push(format!("of `wharf watch` with JavaScript, `wharf build` alone takes {built:.2} s"));
    Ok(())
}

fn watch(bench: &Bench, work: &mut Work<'_>) -> Result<f64> {
    let node = Node::empty(&bench.tools)?;
    let mut watch = work.watch(&node.home())?;
    best(bench.effort.rounds, || {
        let start = Instant::now();
        work.edit()?;
        watch.installed()?;
        Ok(start.elapsed().as_secs_f64())
    })
}

/// Packages of 1 MiB, each with a component that the node has never seen, once small and once most of the package.
fn installs(bench: &Bench, author: &Author<'_>, node: &Node<'_>, findings: &mut Findings) -> Result<()> {
    let folder = bench.tools.package.parent().unwrap_or(Path::new("."));
    let cases = [
        ("install-1mib", "`wharf install` of 1 MiB", folder.join("echo:wharf.os.zip")),
        ("install-1mib-code", "`wharf install` of 1 MiB, a large component", folder.join("file-transfer:wharf.os.zip")),
    ];
    for (id, what, zip) in cases {
        let mut count = 0;
        let took = best(bench.effort.rounds * 3, || {
            count += 1;
            let made = new_package(&zip, count)?;
            let path = made.path().to_str().context("a temporary file has a name that is no text")?;
            Ok(author.time(&node.home(), &["install", "--yes", path])?.as_secs_f64() * 1e3)
        })?;
        findings.rows.push(Row::with_goal(id, what, Unit::Milliseconds, (took, 300.0)));
    }
    Ok(())
}

fn best(runs: usize, mut run: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..runs {
        least = least.min(run()?);
    }
    Ok(least)
}

/// A copy of a package that the node has never seen, with a file that makes it 1 MiB.
fn new_package(zip: &Path, count: usize) -> Result<NamedTempFile> {
    let mut from = ZipArchive::new(File::open(zip).with_context(|| zip.display().to_string())?)?;
    let mut to = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for index in 0..from.len() {
        let mut file = from.by_index(index)?;
        let name = file.name()?.into_owned();
        if file.is_file() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            if name.ends_with(".wasm") {
                bytes.extend(section(count)?);
            }
            to.start_file(name, options)?;
            to.write_all(&bytes)?;
        }
    }
    let filler = PACKAGE_BYTES.saturating_sub(fs::metadata(zip)?.len().try_into()?);
    to.start_file("filler", options.compression_method(CompressionMethod::Stored))?;
    to.write_all(&vec![0xa5; filler])?;
    let mut made = tempfile::Builder::new().suffix(".zip").tempfile()?;
    made.write_all(&to.finish()?.into_inner())?;
    Ok(made)
}

/// A section that nothing reads: to the node the component is one never seen.
fn section(count: usize) -> Result<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
    let mut content = vec![1, b'n'];
    content.extend(now.to_le_bytes());
    content.extend(count.to_le_bytes());
    // A custom section: its id, its length in one byte, a name of one letter, and anything.
    let mut section = vec![0, u8::try_from(content.len())?];
    section.append(&mut content);
    Ok(section)
}
