//! Ctrl-C and SIGTERM, for commands that have something to put away before they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::errors::{CliError, CliResult};

/// How often whoever waits looks whether it was interrupted.
pub(crate) const LOOK: std::time::Duration = std::time::Duration::from_millis(50);

/// Whether someone wants this program to end. From [`Interrupts::listen`] on, nothing else ends it.
#[derive(Clone, Debug)]
pub(crate) struct Interrupts(Arc<AtomicBool>);

impl Interrupts {
    /// Takes the signals over.
    pub(crate) fn listen() -> CliResult<Self> {
        Self::to(&[SIGINT, SIGTERM, SIGHUP])
    }

    fn to(signals: &[i32]) -> CliResult<Self> {
        let happened = Arc::new(AtomicBool::new(false));
        for signal in signals {
            signal_hook::flag::register(*signal, Arc::clone(&happened))
                .map_err(|error| CliError::bad_input(format_args!("cannot listen for signals: {error}")))?;
        }
        Ok(Self(happened))
    }

    /// Takes Ctrl-C over, for a command that goes on after it. Other signals end this program as usual.
    pub(crate) fn listen_for_ctrl_c() -> CliResult<Self> {
        Self::to(&[SIGINT])
    }

    /// Makes as if nothing had happened, before something new is begun.
    pub(crate) fn forget(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether it is time to end.
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// An error when it is time to end.
    pub(crate) fn check(&self) -> CliResult<()> {
        if self.happened() { Err(CliError::declined("interrupted")) } else { Ok(()) }
    }
}
