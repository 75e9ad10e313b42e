//! One stream of events: for people on stderr, and as one JSON object a line in `<home>/log`.
//!
//! A line about a process has its id in `process`; what a guest printed has the target `guest`.

use std::io::IsTerminal;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use wharf_home::Home;

use crate::exit::Stopped;
use crate::log_file::{LogFile, Writer};

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
    _file: LogFile,
}

/// Begins to log.
pub fn start(home: &Home, settings: &LogSettings) -> Result<Logging, Stopped> {
    let level = std::env::var(LEVEL_VARIABLE).unwrap_or_else(|_| settings.level.clone());
    let filter = EnvFilter::try_new(&level)
        .map_err(|error| Stopped::BadSettings(format!("log level `{level}`: {error}")))?;
    let (file, writer) = LogFile::start(home.clone(), settings)
        .map_err(|error| Stopped::HomeUnusable(format!("{}: {error}", home.log().display())))?;
    let people = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).with_target(false);
    let disk = fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(move || Writer::clone(&writer));
    tracing_subscriber::registry()
        .with(filter)
        .with(people)
        .with(disk)
        .try_init()
        .map_err(|error| Stopped::Failed(format!("logging was set up already: {error}")))?;
    Ok(Logging { _file: file })
}
