//! What one connection is busy with: its requests until the last byte of their answers, whether the client takes these,
//! and the tasks that HTTP/2 takes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::task::TaskTracker;

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    written: AtomicU64,
    /// The last write found no room.
    is_full: AtomicBool,
}

/// Why a connection needs not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// No request began or was under way.
    Idle,
    /// The client took nothing of what was to be written.
    Stalled,
}

/// Requests of one connection.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Arc<Counts>);

/// One request, until it is dropped.
#[derive(Debug)]
pub(crate) struct OneRequest(Arc<Counts>);

impl Drop for OneRequest {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl UnderWay {
    /// A request begins.
    pub(crate) fn begin(&self) -> OneRequest {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        OneRequest(Arc::clone(&self.0))
    }

    /// Returns when one or the other was so for `wait`, or up to twice as long. No request pays for a timer.
    pub(crate) async fn over(&self, wait: Duration) -> Over {
        let counts = &self.0;
        let mut before = (counts.begun.load(Ordering::Relaxed), counts.written.load(Ordering::Relaxed));
        loop {
            tokio::time::sleep(wait).await;
            // In this order: one that begins in between counts as begun.
            let ended = counts.ended.load(Ordering::Relaxed);
            let now = (counts.begun.load(Ordering::Relaxed), counts.written.load(Ordering::Relaxed));
            if counts.is_full.load(Ordering::Relaxed) && now.1 == before.1 {
                return Over::Stalled;
            }
            if now.0 == ended && now.0 == before.0 {
                return Over::Idle;
            }
            before = now;
        }
    }

    /// A connection whose writes are seen here.
    pub(crate) fn watch<S>(&self, io: S) -> Watched<S> {
        Watched { io, counts: Arc::clone(&self.0) }
    }
}

/// A connection of which is seen whether the client takes what is written.
pub(crate) struct Watched<S> {
    io: S,
    counts: Arc<Counts>,
}

impl<S> Watched<S> {
    fn see(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.counts.is_full.store(written.is_pending(), Ordering::Relaxed);
        if written.is_ready() {
            self.counts.written.fetch_add(1, Ordering::Relaxed);
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.see(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, parts);
        self.see(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// A body that counts as a request until it is sent or given up.
pub(crate) struct Counted<B> {
    body: B,
    _request: OneRequest,
}

impl<B> Counted<B> {
    /// This body, of this request.
    pub(crate) fn new(body: B, request: OneRequest) -> Self {
        Self { body, _request: request }
    }
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs the streams of HTTP/2 among the tasks of the server, which waits for them. They end with their connection.
#[derive(Clone)]
pub(crate) struct Spawn(TaskTracker);

impl Spawn {
    /// Among these.
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self(tasks)
    }
}

impl<F> Executor<F> for Spawn
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_was_under_way_for_a_while() {
        let under_way = UnderWay::default();
        let wait = Duration::from_secs(10);
        let is_idle_within = async |seconds| {
            tokio::time::timeout(Duration::from_secs(seconds), under_way.over(wait)).await == Ok(Over::Idle)
        };
        assert!(is_idle_within(11).await);
        let request = under_way.begin();
        assert!(!is_idle_within(1_000).await);
        drop(request);
        assert!(is_idle_within(11).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_stalled_when_nothing_could_be_written_for_a_while() {
        let under_way = UnderWay::default();
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = under_way.watch(near);
        let _request = under_way.begin();
        let (wait, later) = (Duration::from_secs(10), Duration::from_secs(100));
        tokio::select! {
            written = near.write_all(b"more than fits") => written.unwrap(),
            over = under_way.over(wait) => assert_eq!(over, Over::Stalled),
        }
        // One that is read now and then is not.
        tokio::select! {
            written = near.write_all(b"more than fits") => written.unwrap(),
            _ = under_way.over(wait) => unreachable!("something is read"),
            () = async {
                loop {
                    tokio::time::sleep(wait / 2).await;
                    far.read_exact(&mut [0; 2]).await.unwrap();
                }
            } => {}
        }
        assert!(tokio::time::timeout(later, under_way.over(wait)).await.is_err(), "the process takes its time");
    }
}
