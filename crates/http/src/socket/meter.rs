//! Memory of messages that are still arriving.
//!
//! The protocol's library gathers the parts of a message itself. What it reads meanwhile is counted here, against the
//! same budget as the bodies of requests, until the message is whole and handed on.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::BodyError;
use wharf_kernel::budget::{Budget, Taken};

/// What one socket has read of a message that is not whole.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    held: Mutex<Taken>,
}

impl Meter {
    pub(super) fn new(budget: Budget) -> Arc<Self> {
        let held = Mutex::new(budget.begin());
        Arc::new(Self { budget, held })
    }

    /// The message is whole; it counts elsewhere from now on.
    pub(super) fn reset(&self) {
        *self.lock() = self.budget.begin();
    }

    /// Only a number is changed under the lock.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let taken = self.lock().grow(bytes);
        if taken { Ok(()) } else { Err(io::Error::new(io::ErrorKind::QuotaExceeded, BodyError::Busy)) }
    }
}

/// A connection of which the bytes that are read are counted.
#[derive(Debug)]
pub(super) struct Metered<Io> {
    io: Io,
    meter: Arc<Meter>,
}

impl<Io> Metered<Io> {
    pub(super) fn new(io: Io, meter: Arc<Meter>) -> Self {
        Self { io, meter }
    }

    /// The connection itself, uncounted.
    pub(super) fn into_io(self) -> Io {
        self.io
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Metered<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
        Poll::Ready(self.meter.add(buffer.filled().len().saturating_sub(before)))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Metered<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn what_arrives_counts_until_it_is_whole() {
        let budget = Budget::new(8);
        let meter = Meter::new(budget.clone());
        let mut metered = Metered::new(&b"0123456789abcdef"[..], Arc::clone(&meter));
        let mut bytes = [0; 6];
        metered.read_exact(&mut bytes).await.unwrap();
        assert_eq!(metered.read_exact(&mut bytes).await.unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        meter.reset();
        metered.read_exact(&mut [0; 4]).await.unwrap();
        drop((metered, meter));
        assert!(budget.begin().grow(8), "all of it came back");
    }
}
