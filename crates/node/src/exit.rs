//! Why the daemon stopped: an error for people, and an exit code for programs.

use std::process::ExitCode;

/// The daemon could not start, or could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Exit code 3.
    #[error("{0}")]
    HomeInUse(String),
    /// Exit code 4.
    #[error("{0}")]
    HomeUnusable(String),
    /// Exit code 5.
    #[error("{0}")]
    PortInUse(String),
    /// Exit code 6.
    #[error("{0}")]
    BadSettings(String),
}

/// Shown by `--help`.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  stopped by SIGTERM, Ctrl-C or a Shutdown command
  1  the node failed
  2  the command line is wrong
  3  another daemon has this home
  4  the home is damaged, or of a version this daemon does not know
  5  the port is in use
  6  a setting is wrong";

impl Stopped {
    /// What a program is told.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::HomeInUse(_) => 3,
            Self::HomeUnusable(_) => 4,
            Self::PortInUse(_) => 5,
            Self::BadSettings(_) => 6,
        })
    }

    /// Says it on stderr, with what to do about it.
    pub fn print(&self) {
        eprintln!("wharfd: {self}");
        let hint = match self {
            Self::Failed(_) => "the log in <home>/log has what led to it",
            Self::HomeInUse(_) => "stop the other daemon, or choose another folder with --home",
            Self::HomeUnusable(_) => {
                "restore a backup with `wharf restore FILE --home DIR`, use the daemon that wrote the home, or choose another \
                 folder with --home"
            }
            Self::PortInUse(_) => "choose another with --http 127.0.0.1:PORT; port 0 takes any that is free",
            Self::BadSettings(_) => "`wharfd --help` describes the settings",
        };
        eprintln!("hint: {hint}");
    }
}
