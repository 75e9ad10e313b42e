//! From a name to addresses.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// Whoever knows the addresses of a name.
pub(crate) trait Resolve: Send + Sync + 'static {
    /// Its addresses, the best first.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The operating system.
pub(crate) struct System {
    /// A lookup takes a thread that may block, and cannot be called off.
    lookups: Arc<Semaphore>,
}

impl System {
    pub(crate) fn new(lookups_max: usize) -> Self {
        Self { lookups: Arc::new(Semaphore::new(lookups_max.clamp(1, Semaphore::MAX_PERMITS))) }
    }
}

impl Resolve for System {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
            let name = name.to_owned();
            // A task of its own: whoever gives up waiting does not end the lookup, so it must not give its place back.
            let lookup = tokio::spawn(async move {
                let found = tokio::net::lookup_host((name.as_str(), 0)).await;
                drop(permit);
                found.map(|found| found.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}
