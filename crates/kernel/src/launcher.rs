//! What the kernel asks of the runtime above it: the kernel decides when a process lives, the runtime how.

use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use wharf_types::kernel::{Crash, Exit};

use crate::envelope::Payload;
use crate::session::Session;

/// A component cannot be run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The bytes are no component this node can run; says what was found and what is needed.
    #[error("{0}")]
    Refused(String),
    /// The node itself failed.
    #[error("{0}")]
    Internal(String),
}

/// Compiles and links components.
pub trait Launcher: Send + Sync + 'static {
    /// Makes a component ready to start, once per content.
    fn prepare(&self, component: Payload) -> BoxFuture<'_, Result<Arc<dyn Prepared>, PrepareError>>;
}

/// Which bytes a component is made of: a hash of the launcher's choice, which two components share only if they are equal.
/// It is stored, so a launcher may not choose another later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ComponentHash(pub [u8; 32]);

/// A component that is ready to start.
pub trait Prepared: Send + Sync + 'static {
    /// Of the bytes that it was made from.
    fn hash(&self) -> ComponentHash;

    /// Runs one life of a process. Dropping the future ends it: at once if it waits, else at the next tick.
    fn run(self: Arc<Self>, session: Session) -> BoxFuture<'static, Exit>;
}

/// Reads the component of a stored process at boot.
pub trait ComponentSource: Send + Sync + 'static {
    /// The bytes at `handle`, a path in the vfs.
    fn read(&self, handle: &str) -> BoxFuture<'_, Result<Vec<u8>, std::io::Error>>;
}

/// What a process runs, as far as it could be loaded.
#[derive(Clone)]
pub(crate) enum Program {
    /// It can start.
    Ready(Arc<dyn Prepared>),
    /// Its component could not be loaded when the node came up.
    Broken {
        /// Why not.
        problem: String,
        /// Where to look for it again.
        components: Arc<dyn ComponentSource>,
    },
}
