//! One stream of events: for people on stderr, and as one JSON object a line in `<home>/log`.
//!
//! A line about a process has its id in `process`; what a guest printed has the target `guest`.

use std::io::{IsTerminal, Write};

use serde::Deserialize;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use wharf_home::Home;

use crate::exit::Stopped;
use crate::lines::{Lines, Writer};
use crate::log_file::LogFile;

/// Target of events for the log on disk only: what the program says on stderr by itself when it ends.
pub(crate) const DISK_ONLY: &str = "exit";

/// Environment variable that sets the level, over the settings.
const LEVEL_VARIABLE: &str = "WHARF_LOG";

/// The table `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives like `info,wharf_http=debug`.
    pub level: String,
    /// Bytes of a file before the next one is begun.
    pub file_bytes_max: u64,
    /// Files that are kept.
    pub files_max: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), file_bytes_max: 16 << 20, files_max: 4 }
    }
}

/// Writes what is still on its way when it is dropped.
pub struct Logging {
    _disk: Lines,
    _people: Lines,
}

/// Begins to log.
pub fn start(home: &Home, settings: &LogSettings) -> Result<Logging, Stopped> {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| settings.level.clone());
    let filter =
        EnvFilter::try_new(&level).map_err(|error| Stopped::BadSettings(format!("log level `{level}`: {error}")))?;
    let unusable = |error: std::io::Error| Stopped::HomeUnusable(format!("{}: {error}", home.log().display()));
    let mut file = LogFile::open(home.clone(), settings).map_err(unusable)?;
    let (on_disk, disk_writer) =
        Lines::start("wharf-log", move |line| file.write(line), lost_as_json).map_err(unusable)?;
    let to_stderr = |line: &[u8]| drop(std::io::stderr().write_all(line));
    let (on_stderr, stderr_writer) = Lines::start("wharf-stderr", to_stderr, lost_as_text).map_err(unusable)?;
    let people = fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_writer(move || Writer::clone(&stderr_writer))
        .with_filter(filter_fn(|event| event.target() != DISK_ONLY));
    let disk = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(move || Writer::clone(&disk_writer));
    tracing_subscriber::registry()
        .with(filter)
        .with(people)
        .with(disk)
        .try_init()
        .map_err(|error| Stopped::Failed(format!("logging was set up already: {error}")))?;
    Ok(Logging { _disk: on_disk, _people: on_stderr })
}

fn lost_as_json(count: u64) -> String {
    format!("{{\"level\":\"WARN\",\"message\":\"{}\"}}\n", lost_as_text(count).trim_end())
}

fn lost_as_text(count: u64) -> String {
    format!("{count} lines were lost here: too many came at once\n")
}
