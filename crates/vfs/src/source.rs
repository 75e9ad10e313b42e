//! Components of stored processes, read for the kernel.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use wharf_kernel::launcher::ComponentSource;

use crate::core::Vfs;
use crate::error::Failure;
use crate::limits::VfsLimits;
use crate::path::VfsPath;

/// Reads components from the drives of packages.
#[derive(Clone, Debug)]
pub struct DriveSource {
    vfs: Arc<Vfs>,
    limits: VfsLimits,
}

impl DriveSource {
    /// A source on top of `vfs`.
    pub fn new(vfs: Arc<Vfs>, limits: VfsLimits) -> Self {
        Self { vfs, limits }
    }
}

impl ComponentSource for DriveSource {
    fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, io::Error>> {
        let handle = handle.to_owned();
        Box::pin(async move {
            let Self { vfs, limits } = self.clone();
            let read = move || {
                let path: VfsPath = handle.parse().map_err(Failure::from).map_err(into_io)?;
                vfs.read(&path, &limits).map_err(into_io)
            };
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
        })
    }
}

fn into_io(failure: Failure) -> io::Error {
    let kind = match &failure {
        Failure::Io { source, .. } => source.kind(),
        _ => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, failure)
}
