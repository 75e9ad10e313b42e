//! What is measured. Each benchmark has a node of its own, so that none finds what another left.

mod blob;
mod bodies;
mod boot;
mod crowd;
mod databases;
mod files;
mod http;
mod memory;
mod neighbours;
mod pairs;
mod permission;
mod pipelined;
mod round_trip;
mod slow;
mod start;
mod state;
mod std_fs;
mod tools;
mod wasi_http;

use anyhow::Result;
use clap::ValueEnum;

use crate::args::Args;
use crate::compare::{Compared, Side};
use crate::peers::erlang::Erlang;
use crate::report::Findings;
use crate::tools::Tools;

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// Round trips of 64 B and 64 KiB
    RoundTrip,
    /// Requests with 64 of them on the way
    Pipelined,
    /// 1,000 pairs at once
    Pairs,
    /// A blob of 1 MiB there and back
    Blob,
    /// Whether a request may be sent
    Permission,
    /// Start of a process, warm and cold
    Start,
    /// Round trips beside processes that flood, compute, crash and never read
    Neighbours,
    /// Boot of a node with 20 processes
    Boot,
    /// Memory of a process that waits
    Memory,
    /// HTTP GET answered by a guest
    Http,
    /// Long HTTP bodies through a guest
    Bodies,
    /// A component for wasi:http, beside `wasmtime serve`
    WasiHttp,
    /// HTTP beside 10,000 connections that send a byte at a time; only when it is asked for
    Slow,
    /// Durable writes of state, by 1 and by 100 processes
    State,
    /// Files: 1 MiB read and appended, and a small one made
    Files,
    /// `std::fs` in a guest, blocks of 64 KiB
    StdFs,
    /// Keys and values: set and get, and durable sets by 1 and by 100 processes
    Kv,
    /// SQL: a row by its key
    Sqlite,
    /// What authors and owners wait for: build, install, ps, watch; only when it is asked for
    Tools,
    /// Memory of 10,000 processes that wait, and boot of a node that has them; only when it is asked for
    Crowd,
}

impl Name {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 20] = [
        Self::RoundTrip,
        Self::Pipelined,
        Self::Pairs,
        Self::Blob,
        Self::Permission,
        Self::Start,
        Self::Neighbours,
        Self::Boot,
        Self::Memory,
        Self::Http,
        Self::Bodies,
        Self::WasiHttp,
        Self::Slow,
        Self::State,
        Self::Files,
        Self::StdFs,
        Self::Kv,
        Self::Sqlite,
        Self::Tools,
        Self::Crowd,
    ];

    /// Whether it is measured when nothing is asked for by name: what takes minutes is not.
    pub(crate) fn is_usual(self) -> bool {
        !matches!(self, Self::Crowd | Self::Slow | Self::Tools)
    }

    /// For people who wait.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::RoundTrip => "round trips",
            Self::Pipelined => "pipelined requests",
            Self::Pairs => "pairs at once",
            Self::Blob => "blobs",
            Self::Permission => "capability checks",
            Self::Start => "starts of processes",
            Self::Neighbours => "bad neighbours",
            Self::Boot => "boots of a node",
            Self::Memory => "memory of waiting processes",
            Self::Http => "HTTP",
            Self::Bodies => "long bodies",
            Self::WasiHttp => "wasi:http",
            Self::Slow => "slow clients",
            Self::State => "durable writes",
            Self::Files => "files",
            Self::StdFs => "std::fs in a guest",
            Self::Kv => "keys and values",
            Self::Sqlite => "SQL",
            Self::Tools => "build, install, ps, watch",
            Self::Crowd => "10,000 processes",
        }
    }

    /// Measures it.
    pub(crate) fn run(self, bench: &Bench) -> Result<Findings> {
        match self {
            Self::RoundTrip => round_trip::run(bench),
            Self::Pipelined => pipelined::run(bench),
            Self::Pairs => pairs::run(bench),
            Self::Blob => blob::run(bench),
            Self::Permission => permission::run(bench),
            Self::Start => start::run(bench),
            Self::Neighbours => neighbours::run(bench),
            Self::Boot => boot::run(bench),
            Self::Memory => memory::run(bench),
            Self::Http => http::run(bench),
            Self::Bodies => bodies::run(bench),
            Self::WasiHttp => wasi_http::run(bench),
            Self::Slow => slow::run(bench),
            Self::State => state::run(bench),
            Self::Files => files::run(bench),
            Self::StdFs => std_fs::run(bench),
            Self::Kv => databases::kv(bench),
            Self::Sqlite => databases::sqlite(bench),
            Self::Tools => tools::run(bench),
            Self::Crowd => crowd::run(bench),
        }
    }
}

/// What every benchmark is given.
pub(crate) struct Bench {
    /// The programs that take part.
    pub(crate) tools: Tools,
    /// Erlang, where it is installed.
    pub(crate) erlang: Option<Erlang>,
    /// How much is done.
    pub(crate) effort: Effort,
}

/// How much is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often everyone takes a turn.
    pub(crate) rounds: usize,
    /// What a full measurement does is divided by this.
    divisor: usize,
}

impl Effort {
    /// This much of what a full measurement does.
    pub(crate) fn of(self, full: usize) -> usize {
        (full / self.divisor).max(1)
    }
}

impl Bench {
    /// Finds and prepares everything.
    pub(crate) fn new(args: &Args) -> Result<Self> {
        let tools = Tools::find()?;
        let erlang = Erlang::compile(&tools)?;
        let effort = if args.quick { Effort { rounds: 1, divisor: 20 } } else { Effort { rounds: 3, divisor: 1 } };
        Ok(Self { tools, erlang, effort })
    }

    /// What Erlang does, where it is installed.
    pub(crate) fn erlang<'a, T: 'a>(&'a self, work: impl Fn(&Erlang) -> Result<T> + 'a) -> Option<Side<'a, T>> {
        let erlang = self.erlang.as_ref()?;
        Some(Box::new(move || work(erlang)))
    }
}

/// Nanoseconds in microseconds.
fn us(ns: Compared<f64>) -> Compared<f64> {
    ns.map(|ns| ns / 1e3)
}
