//! Why the terminal refused or failed.

use wharf_package::ManifestError;
use wharf_process_lib::state::StateError;
use wharf_process_lib::{SendError, kernel, vfs};
use wharf_types::ask::Ask;
use wharf_types::{IdError, PackageId, ProcessId};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TerminalError {
    /// Whoever it was, it was not the owner.
    #[error("{0} may not do this: the terminal takes commands from the node's owner only")]
    NotOwner(ProcessId),
    /// Neither an alias nor the id of a process.
    #[error("error calling script: '{0}' not found, either as an alias or process ID")]
    NotFound(String),
    /// An id that no script has.
    #[error("`{0}` cannot be the id of a script: names have only a-z, 0-9 and `-`, publishers also `.`")]
    NoScriptId(ProcessId),
    /// The package is not there, or has none.
    #[error("{0} has no scripts: it is not installed, or has no scripts.json")]
    NoScripts(PackageId),
    /// The package has others.
    #[error("{package} has no script `{name}`{others}", others = one_of(.others))]
    NoScript {
        /// Which package.
        package: PackageId,
        /// What was typed.
        name: String,
        /// What it has.
        others: Vec<String>,
    },
    /// The list of scripts cannot be read.
    #[error("the scripts of {package}: {source}")]
    Scripts {
        /// Of which package.
        package: PackageId,
        /// What is wrong.
        source: Box<ManifestError>,
    },
    /// It wants more than it was installed with.
    #[error("{script} is not run: since it was installed, its scripts.json was changed, and now it {}", .ask.text)]
    NotGranted {
        /// Which script.
        script: ProcessId,
        /// One thing too many.
        ask: Box<Ask>,
    },
    /// It is not the component that was installed.
    #[error("{script} is not run: since {package} was installed, {wasm} in its drive was changed", package = .script.package_id())]
    Changed {
        /// Which script.
        script: ProcessId,
        /// The file of its component.
        wasm: String,
    },
    /// A file that is not read.
    #[error("{path} is not read: it has {len} bytes, and the most that it may have is {bytes_max}")]
    TooLong {
        /// Which.
        path: String,
        /// Bytes.
        len: u64,
        /// Most that are read.
        bytes_max: u64,
    },
    /// The app store does not say what was granted.
    #[error("what {package} was granted is not known: {reason}")]
    GrantsUnknown {
        /// Which package.
        package: PackageId,
        /// Why not.
        reason: String,
    },
    /// The name for a run is none.
    #[error("`{0}` is not the name of a run, which is a number below 2^64")]
    RunName(String),
    /// There is no such run.
    #[error("no script runs as `{0}`")]
    NoRun(String),
    /// Too many scripts.
    #[error("{0} scripts run already, which are the most that may; end one with `kill <process>`")]
    TooMany(usize),
    /// A script cannot become a process.
    #[error("{script} cannot be run: {source}")]
    NotRun {
        /// Which script.
        script: ProcessId,
        /// The kernel's reason.
        source: Box<kernel::Error>,
    },
    /// An alias that cannot be one.
    #[error("`{0}` cannot be an alias: 1 to 64 of a-z, A-Z, 0-9, `-`, `_` and `.`")]
    Alias(String),
    /// Too many aliases.
    #[error("{0} aliases were edited already, which are the most that may")]
    TooManyAliases(usize),
    /// An id that is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The vfs said no, or nothing.
    #[error(transparent)]
    Vfs(#[from] vfs::Error),
    /// A process did not answer.
    #[error(transparent)]
    Send(#[from] SendError),
    /// JSON that is none.
    #[error("{tried}: {source}")]
    Json {
        /// What was tried.
        tried: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// What is saved could not be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// What is saved is of a later version.
    #[error("what the terminal saved has version {0}, which this terminal does not know")]
    SavedVersion(u32),
}

fn one_of(others: &[String]) -> String {
    if others.is_empty() { String::new() } else { format!("; it has {}", others.join(", ")) }
}
