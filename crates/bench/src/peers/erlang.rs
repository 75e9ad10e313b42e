//! The same work by Erlang, in a virtual machine started anew for each round.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::protocol::Summary;
use crate::subprocess::Subprocess;
use crate::tools::{Tools, output_of};

const MODULE: &str = "wharf_bench";
const SOURCE: &str = include_str!("wharf_bench.erl");

/// Erlang with our module compiled.
pub(crate) struct Erlang {
    erl: PathBuf,
    folder: TempDir,
}

impl Erlang {
    /// Compiles the module. `None` where Erlang is not installed.
    pub(crate) fn compile(tools: &Tools) -> Result<Option<Self>> {
        let Some((erl, erlc)) = &tools.erlang else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("wharf-bench-erlang-").tempdir()?;
        let source = folder.path().join(format!("{MODULE}.erl"));
        fs::write(&source, SOURCE).with_context(|| format!("writing {}", source.display()))?;
        output_of(Command::new(erlc).arg("-o").arg(folder.path()).arg(&source))?;
        Ok(Some(Self { erl: erl.clone(), folder }))
    }

    /// Times batches of round trips.
    pub(crate) fn round_trips(&self, body_bytes: usize, batches: usize, per_batch: usize) -> Result<Summary> {
        self.summary("round_trips", &[body_bytes, batches, per_batch])
    }

    /// Nanoseconds for `count` requests with `window` of them on the way.
    pub(crate) fn pipelined(&self, body_bytes: usize, window: usize, count: usize) -> Result<f64> {
        self.number("pipelined", &[body_bytes, window, count])
    }

    /// Nanoseconds until all pairs have done their round trips.
    pub(crate) fn pairs(&self, pairs: usize, body_bytes: usize, per_pair: usize) -> Result<f64> {
        self.number("pairs", &[pairs, body_bytes, per_pair])
    }

    /// Times starts of processes, each until its hello is here.
    pub(crate) fn starts(&self, count: usize) -> Result<Summary> {
        self.summary("starts", &[count])
    }

    /// Bytes of one process that waits, as the virtual machine counts them.
    pub(crate) fn idle_bytes(&self, count: usize) -> Result<f64> {
        self.number("idle", &[count])
    }

    /// Milliseconds from `exec` until so many processes wait.
    pub(crate) fn boot_ms(&self, processes: usize) -> Result<f64> {
        let started = Subprocess::start(&mut self.command("ready", &[processes]))?;
        match started.ready.trim() {
            "ready" => Ok(started.boot.as_secs_f64() * 1e3),
            other => bail!("Erlang said {other:?} instead of ready"),
        }
    }

    fn command(&self, what: &str, arguments: &[usize]) -> Command {
        let mut command = Command::new(&self.erl);
        command.arg("-noshell").arg("-pa").arg(self.folder.path()).args(["-run", MODULE, "main", what]);
        command.args(arguments.iter().map(usize::to_string));
        command
    }

    fn numbers(&self, what: &str, arguments: &[usize]) -> Result<Vec<f64>> {
        let text = output_of(&mut self.command(what, arguments))?;
        let numbers: Result<_, _> = text.split_whitespace().map(str::parse).collect();
        numbers.with_context(|| format!("Erlang printed {text:?} for {what}"))
    }

    fn number(&self, what: &str, arguments: &[usize]) -> Result<f64> {
        match self.numbers(what, arguments)?.as_slice() {
            [number] => Ok(*number),
            other => bail!("Erlang printed {other:?} for {what}"),
        }
    }

    fn summary(&self, what: &str, arguments: &[usize]) -> Result<Summary> {
        match *self.numbers(what, arguments)?.as_slice() {
            [p50_ns, p99_ns] => Ok(Summary { p50_ns, p99_ns }),
            ref other => bail!("Erlang printed {other:?} for {what}"),
        }
    }
}
