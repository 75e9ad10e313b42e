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

/// Bytes of a frame from a client besides its payload, if that is short: two of its kind and length, and a mask.
const FRAME_BYTES: usize = 6;

/// What one socket has read of a message that is not whole.
#[derive(Debug)]
pub(super) struct Meter {
    budget: Budget,
    held: Mutex<Held>,
}

/// What was taken from the budget.
#[derive(Debug)]
struct Held {
    taken: Taken,
    /// Of these bytes, those that are free again. What comes next uses them first. Never more than `taken` has.
    spare: usize,
}

impl Meter {
    pub(super) fn new(budget: Budget) -> Arc<Self> {
        let held = Mutex::new(Held { taken: budget.begin(), spare: 0 });
        Arc::new(Self { budget, held })
    }

    /// The message is whole; it counts elsewhere from now on.
    pub(super) fn message_is_whole(&self) {
        *self.lock() = Held { taken: self.budget.begin(), spare: 0 };
    }

    /// A control frame, of at most 125 bytes, was handed on. A message that it came into the middle of still counts.
    pub(super) fn control_frame_is_done(&self, payload_bytes: usize) {
        let mut held = self.lock();
        held.spare = held.spare.saturating_add(FRAME_BYTES).saturating_add(payload_bytes).min(held.taken.bytes());
        if held.spare == held.taken.bytes() {
            *held = Held { taken: self.budget.begin(), spare: 0 };
        }
    }

    /// Only numbers are changed under the lock.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        let mut held = self.lock();
        let of_spare = bytes.min(held.spare);
        held.spare -= of_spare;
        if held.taken.grow(bytes - of_spare) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::QuotaExceeded, BodyError::Busy))
        }
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
        meter.message_is_whole();
        metered.read_exact(&mut [0; 4]).await.unwrap();
        drop((metered, meter));
        assert!(budget.begin().grow(8), "all of it came back");
    }

    #[test]
    fn a_control_frame_gives_back_its_own_bytes_only() {
        let budget = Budget::new(100);
        let meter = Meter::new(budget.clone());
        for _ in 0..1_000 {
            meter.add(50).unwrap();
            meter.control_frame_is_done(44);
        }
        assert!(budget.begin().grow(100), "nothing is held where there were control frames only");
        meter.add(60).unwrap();
        for _ in 0..1_000 {
            meter.add(36).unwrap();
            meter.control_frame_is_done(30);
        }
        assert!(!budget.begin().grow(41) && meter.add(41).is_err());
        // More than was counted cannot come back.
        meter.control_frame_is_done(usize::MAX);
        assert!(budget.begin().grow(100));
        meter.add(100).unwrap();
        assert!(meter.add(1).is_err());
    }
}
