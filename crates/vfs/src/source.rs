//! Components of stored processes, read for the kernel.

use std::io;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use wharf_kernel::launcher::ComponentSource;

use crate::core::Vfs;
use crate::error::Failure;
use crate::path::VfsPath;

/// Reads components from the drives of packages.
#[derive(Clone, Debug)]
pub struct DriveSource {
    vfs: Arc<Vfs>,
}

impl DriveSource {
    /// A source on top of `vfs`.
    pub fn new(vfs: Arc<Vfs>) -> Self {
        Self { vfs }
    }
}

impl ComponentSource for DriveSource {
    fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, io::Error>> {
        let handle = handle.to_owned();
        Box::pin(async move {
            let vfs = Arc::clone(&self.vfs);
            let read = move || {
                let path: VfsPath = handle.parse().map_err(Failure::from).map_err(into_io)?;
                vfs.read(&path).map_err(into_io)
            };
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
        })
    }
}

fn into_io(failure: Failure) -> io::Error {
    io::Error::new(failure.kind(), failure)
}
