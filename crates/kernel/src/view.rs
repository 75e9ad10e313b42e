//! What is shown to whom of the node's processes.
//!
//! Whoever may message the kernel may look: which processes there are, how they do, and what they hold. What they write, say
//! in their last words or leave for others is shown to their own package, and to who commands the node.

use wharf_types::kernel::{Crash, EndedProcess, Exit, LastExit};
use wharf_types::{OnExit, PackageId, ProcessId};

use crate::permit::Power;
use crate::process::Process;

/// What one who asks gets to see.
pub(crate) struct View {
    /// `None` sees everything.
    package: Option<PackageId>,
}

impl View {
    pub(crate) fn of(power: Power, process: &Process) -> Self {
        let package = match power {
            Power::Root => None,
            Power::Package => Some(process.id().package_id()),
        };
        Self { package }
    }

    fn has_words_of(&self, id: &ProcessId) -> bool {
        self.package.as_ref().is_none_or(|package| id.is_in(package))
    }

    /// How a life ended.
    pub(crate) fn exit(&self, id: &ProcessId, last: LastExit) -> LastExit {
        if self.has_words_of(id) { last } else { LastExit { exit: without_words(last.exit), ..last } }
    }

    /// A process that is gone.
    pub(crate) fn ended(&self, ended: EndedProcess) -> EndedProcess {
        let last = self.exit(&ended.id, ended.last);
        EndedProcess { last, ..ended }
    }

    /// What happens when a process ends; the requests that it leaves are for those they are to.
    pub(crate) fn on_exit(&self, process: &Process) -> OnExit {
        if self.has_words_of(process.id()) {
            return process.on_exit();
        }
        process.with_on_exit(|on_exit| match on_exit {
            OnExit::None => OnExit::None,
            OnExit::Restart => OnExit::Restart,
            OnExit::Requests(_) => OnExit::Requests(Vec::new()),
        })
    }
}

fn without_words(exit: Exit) -> Exit {
    const WHY: &str = "only its own package is told why";
    match exit {
        Exit::Returned | Exit::Killed => exit,
        Exit::Trapped(_) => Exit::Trapped(Crash::new(WHY)),
        Exit::OutOfMemory(_) => Exit::OutOfMemory(Crash::new(WHY)),
        Exit::OutOfCpu(_) => Exit::OutOfCpu(Crash::new(WHY)),
        Exit::FailedToStart(_) => Exit::FailedToStart(Crash::new(WHY)),
        Exit::NodeFault(_) => Exit::NodeFault(WHY.to_owned()),
    }
}
