//! What a life brings into the log, and the limits that it reaches, for those who act for it without its session.

use std::sync::Arc;

use tracing::{Level, field};

use crate::limit_hits::Limit;
use crate::process::Process;
use crate::public_id::PublicId;

/// Most of one printed line that goes into the log.
const PRINTED_BYTES_MAX: usize = 64 << 10;

/// Speaks about one process. Cloning one counts a single reference.
#[derive(Clone)]
pub struct Recorder(Arc<Process>);

impl Recorder {
    pub(crate) fn new(process: Arc<Process>) -> Self {
        Self(process)
    }

    /// A limit that the runtime keeps refused something.
    pub fn hit(&self, limit: Limit) {
        self.0.hit(limit);
    }

    /// Tells whoever reads the log why something did not happen. Throttled for each process.
    pub fn notice(&self, request: Option<PublicId>, text: &str) {
        self.0.notice(request, text);
    }

    /// Shows a line that the process wrote, with the request that it is about.
    pub fn print(&self, request: Option<PublicId>, verbosity: u8, text: &str) {
        print(&self.0, || request, verbosity, text);
    }
}

/// Shows a line, if lines of its verbosity are shown and the process has not printed too much. Only then is `request` asked.
pub(crate) fn print(process: &Process, request: impl FnOnce() -> Option<PublicId>, verbosity: u8, text: &str) {
    let text = text.get(..text.floor_char_boundary(PRINTED_BYTES_MAX)).unwrap_or_default();
    let is_shown = match verbosity {
        0 => tracing::enabled!(target: "guest", Level::INFO),
        1 => tracing::enabled!(target: "guest", Level::DEBUG),
        _ => tracing::enabled!(target: "guest", Level::TRACE),
    };
    if !is_shown || !process.may_print(text.len()) {
        return;
    }
    let (process, request) = (process.id(), request().map(field::display));
    match verbosity {
        0 => tracing::info!(target: "guest", %process, request, verbosity, "{text}"),
        1 => tracing::debug!(target: "guest", %process, request, verbosity, "{text}"),
        _ => tracing::trace!(target: "guest", %process, request, verbosity, "{text}"),
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recorder of {}", self.0.id())
    }
}
