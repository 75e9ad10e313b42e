//! The drives that every package has: made before its first process runs.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use wharf_kernel::envelope::Payload;
use wharf_kernel::launcher::{ComponentHash, Exit, Launcher, PrepareError, Prepared};
use wharf_kernel::session::Session;
use wharf_types::PackageId;
use wharf_vfs::Vfs;

/// A launcher that makes the drives of a process's package, and leaves the rest to another.
pub(crate) struct WithDrives<L> {
    launcher: L,
    drives: Arc<Drives>,
}

struct Drives {
    vfs: Arc<Vfs>,
    /// Packages whose drives this node has made, or found. One that removes them gets them again at the next boot.
    made: Mutex<HashSet<PackageId>>,
}

impl<L> WithDrives<L> {
    /// The launcher, with the drives of `vfs`.
    pub(crate) fn new(launcher: L, vfs: Arc<Vfs>) -> Self {
        Self { launcher, drives: Arc::new(Drives { vfs, made: Mutex::default() }) }
    }
}

impl<L: Launcher> Launcher for WithDrives<L> {
    fn prepare(&self, component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>> {
        Box::pin(async move {
            let program = self.launcher.prepare(component).await?;
            Ok(Arc::new(Program { program, drives: Arc::clone(&self.drives) }) as Arc<dyn Prepared>)
        })
    }
}

struct Program {
    program: Arc<dyn Prepared>,
    drives: Arc<Drives>,
}

impl Prepared for Program {
    fn hash(&self) -> ComponentHash {
        self.program.hash()
    }

    fn run(self: Arc<Self>, session: Session) -> BoxFuture<'static, Exit> {
        let program = Arc::clone(&self.program);
        let package = session.our().process().package_id();
        // Nearly always: then nothing stands between the process and its turns.
        if self.drives.are_made(&package) {
            return program.run(session);
        }
        Box::pin(async move {
            self.drives.make(package).await;
            program.run(session).await
        })
    }
}

impl Drives {
    fn are_made(&self, package: &PackageId) -> bool {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).contains(package)
    }

    /// A process runs all the same when they cannot be made: what it does with files then fails, and says why.
    async fn make(self: &Arc<Self>, package: PackageId) {
        let drives = Arc::clone(self);
        let make = move || match drives.vfs.create_package_drives(&package) {
            Ok(()) => drop(drives.made.lock().unwrap_or_else(PoisonError::into_inner).insert(package)),
            Err(error) => tracing::warn!(%error, %package, "the drives of a package could not be made"),
        };
        if let Err(error) = tokio::task::spawn_blocking(make).await {
            tracing::error!(%error, "making the drives of a package did not finish");
        }
    }
}
