//! Facts about the machine: figures mean nothing without them.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use serde::Serialize;

use crate::tools::{Tools, output_of};

/// What the figures were taken on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    /// Cores this program may use; also the worker threads of the daemon and of the native peers.
    pub(crate) cores: usize,
    /// Model of the processor.
    pub(crate) processor: String,
    /// Release of the operating system's kernel.
    pub(crate) kernel: String,
    /// Load averages over 1, 5 and 15 minutes, before the first measurement.
    pub(crate) load: String,
    /// Version of the daemon.
    pub(crate) wharfd: String,
    /// Release of Erlang/OTP, if it is installed.
    pub(crate) erlang: Option<String>,
}

impl Machine {
    /// Looks at it.
    pub(crate) fn look(tools: &Tools) -> Self {
        let first_line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        let load = first_line("/proc/loadavg");
        Self {
            cores: available_parallelism().map_or(1, usize::from),
            processor: processor.trim_start_matches([' ', '\t', ':']).to_owned(),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            wharfd: output_of(Command::new(&tools.wharfd).arg("--version")).unwrap_or_default().trim().to_owned(),
            erlang: tools.erlang.as_ref().and_then(|(erl, _)| {
                let release = "io:put_chars(erlang:system_info(otp_release)), halt().";
                output_of(Command::new(erl).args(["-noshell", "-eval", release])).ok()
            }),
        }
    }
}
