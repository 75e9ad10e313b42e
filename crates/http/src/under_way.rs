//! What one connection is busy with: its requests until the last byte of their answers, and the tasks that HTTP/2 takes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use tokio_util::task::TaskTracker;

#[derive(Debug, Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
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

    /// Returns when for `wait`, or up to twice as long, no request began or was under way. No request pays for a timer.
    pub(crate) async fn idle(&self, wait: Duration) {
        let mut begun_before = self.0.begun.load(Ordering::Relaxed);
        loop {
            tokio::time::sleep(wait).await;
            // In this order: one that begins in between counts as begun.
            let ended = self.0.ended.load(Ordering::Relaxed);
            let begun = self.0.begun.load(Ordering::Relaxed);
            if begun == ended && begun == begun_before {
                return;
            }
            begun_before = begun;
        }
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
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_nothing_was_under_way_for_a_while() {
        let under_way = UnderWay::default();
        let wait = Duration::from_secs(10);
        let is_idle_within =
            async |seconds| tokio::time::timeout(Duration::from_secs(seconds), under_way.idle(wait)).await.is_ok();
        assert!(is_idle_within(11).await);
        let request = under_way.begin();
        assert!(!is_idle_within(1_000).await);
        drop(request);
        assert!(is_idle_within(11).await);
    }
}
