//! Speaks with the guest that measures.

use anyhow::{Result, bail};
use wharf_types::ProcessId;

use crate::node::Node;
use crate::protocol::{Command, Reply, Summary};

fn ask(node: &Node<'_>, command: &Command) -> Result<Reply> {
    let driver = ProcessId::new("driver", "bench", "wharf.os")?;
    match node.rpc().ask(&driver, command, None)?.0 {
        Reply::Failed(reason) => bail!("{command:?} failed: {reason}"),
        reply => Ok(reply),
    }
}

/// Has something done.
pub(crate) fn done(node: &Node<'_>, command: &Command) -> Result<()> {
    match ask(node, command)? {
        Reply::Done => Ok(()),
        other => bail!("{command:?} was answered with {other:?}"),
    }
}

/// Has many things timed.
pub(crate) fn summary(node: &Node<'_>, command: &Command) -> Result<Summary> {
    match ask(node, command)? {
        Reply::Summary(summary) => Ok(summary),
        other => bail!("{command:?} was answered with {other:?}"),
    }
}

/// Has one thing timed, in nanoseconds.
pub(crate) fn elapsed_ns(node: &Node<'_>, command: &Command) -> Result<f64> {
    match ask(node, command)? {
        Reply::ElapsedNs(elapsed) => Ok(elapsed),
        other => bail!("{command:?} was answered with {other:?}"),
    }
}
