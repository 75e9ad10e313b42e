//! The body of an answer, as the process gives it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, Sleep, sleep};
use wharf_kernel::budget::Taken;

use super::registry::Listed;

/// A piece of a body, and what it takes of the budget.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    pub(super) taken: Taken,
}

/// The process did not give the whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the process broke off its answer")]
pub(crate) struct BrokenOff;

/// A body that comes in pieces.
pub(crate) struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    listed: Listed,
    process_ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    pause: Pin<Box<Sleep>>,
    pause_max: Duration,
    _place: OwnedSemaphorePermit,
}

impl Pieces {
    /// The body that the process of a stream writes from now on, and for which it may pause so long. `None`: it has begun
    /// one already.
    pub(crate) fn begin(listed: Listed, pause_max: Duration, place: OwnedSemaphorePermit) -> Option<Self> {
        let pieces = listed.stream().begin_answer()?;
        let life = listed.stream().life.clone();
        Some(Self {
            pieces,
            listed,
            process_ended: Box::pin(async move { life.ended().await }),
            pause: Box::pin(sleep(pause_max)),
            pause_max,
            _place: place,
        })
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        match self.pieces.poll_recv(cx) {
            Poll::Ready(Some(Piece { bytes, taken })) => {
                drop(taken);
                self.listed.stream().taken.fetch_add(1, Ordering::Relaxed);
                let until = Instant::now() + self.pause_max;
                self.pause.as_mut().reset(until);
                return Poll::Ready(Some(Ok(bytes)));
            }
            Poll::Ready(None) if self.listed.stream().is_complete() => return Poll::Ready(None),
            Poll::Ready(None) => return Poll::Ready(Some(Err(BrokenOff))),
            Poll::Pending => {}
        }
        let over = self.process_ended.as_mut().poll(cx).is_ready() || self.pause.as_mut().poll(cx).is_ready();
        if over { Poll::Ready(Some(Err(BrokenOff))) } else { Poll::Pending }
    }
}

impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").field("stream", self.listed.stream()).finish_non_exhaustive()
    }
}
