//! Bodies: read whole and within bounds, written without a copy, or piece by piece.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::Instant;
use wharf_kernel::budget::{Budget, Taken};
use wharf_kernel::envelope::Payload;

use crate::stream::{BrokenOff, Pieces};

/// Bytes of a body for which it gets a millisecond more, in all about 8 KiB for each second: whoever sends a little now and
/// then, so as not to pause for too long, does not keep what was read in memory for ever.
const BYTES_PER_MS_MIN: u64 = 8;

/// The body of an answer.
#[derive(Debug, Default)]
pub(crate) enum AnswerBody {
    /// There is none, or it is sent.
    #[default]
    Empty,
    /// All of it.
    Whole(Bytes),
    /// It comes in pieces.
    Pieces(Box<Pieces>),
}

impl AnswerBody {
    /// These bytes.
    pub(crate) fn new(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(bytes) }
    }

    /// All of it, if it is there; else the body itself.
    pub(crate) fn into_bytes(self) -> Result<Bytes, Self> {
        match self {
            Self::Empty => Ok(Bytes::new()),
            Self::Whole(bytes) => Ok(bytes),
            Self::Pieces(_) => Err(self),
        }
    }
}

impl From<Vec<u8>> for AnswerBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes.into())
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut *self {
            Self::Pieces(pieces) => pieces.poll_next(cx).map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// The kernel's shared bytes as the HTTP library's.
pub(crate) fn shared(payload: Payload) -> Bytes {
    Bytes::from_owner(Shared { payload, _taken: None })
}

/// [`shared`], counted until the client has taken the last of them. `None` when that is too much.
pub(crate) fn counted(payload: Payload, budget: &Budget) -> Option<Bytes> {
    let mut taken = budget.begin();
    taken.grow(payload.len()).then(|| Bytes::from_owner(Shared { payload, _taken: Some(taken) }))
}

struct Shared {
    payload: Payload,
    _taken: Option<Taken>,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// Over the limit for one body.
    #[error("the body is longer than {max} bytes")]
    TooLarge {
        /// The limit.
        max: usize,
    },
    /// Over the limit for all bodies.
    #[error("the node is busy with other requests, try again")]
    Busy,
    /// The client paused for too long, or is too slow.
    #[error("the body did not arrive in time")]
    Slow,
    /// The client broke off.
    #[error("the body could not be read: {0}")]
    Broken(#[from] hyper::Error),
}

impl BodyError {
    /// The HTTP status for it.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads a body to its end. What is held counts against the budget until it is dropped; what is announced does not count, so
/// that nobody is locked out by bytes that never come. In all it may take `pause_max`, and besides as long as what came
/// takes at [`BYTES_PER_MS_MIN`].
pub(crate) async fn read<B>(
    mut body: B,
    max: usize,
    pause_max: Duration,
    budget: &Budget,
) -> Result<(Vec<u8>, Taken), BodyError>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let mut held = budget.begin();
    if body.is_end_stream() {
        return Ok((Vec::new(), held));
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(BodyError::TooLarge { max });
    }
    let begun = Instant::now();
    // Room is made as bytes come: an announcement alone costs no memory.
    let mut bytes = Vec::new();
    while let Some(frame) = next_frame(&mut body, pause_max.min(left(begun, pause_max, bytes.len()))).await? {
        let Ok(data) = frame.into_data() else { continue };
        let len = bytes.len() + data.len();
        if len > max {
            return Err(BodyError::TooLarge { max });
        }
        if !held.grow(data.len()) {
            return Err(BodyError::Busy);
        }
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

/// How long the rest of a body may take, of which so many bytes are there.
fn left(begun: Instant, pause_max: Duration, received: usize) -> Duration {
    let earned = Duration::from_millis(u64::try_from(received).unwrap_or(u64::MAX) / BYTES_PER_MS_MIN);
    pause_max.saturating_add(earned).saturating_sub(begun.elapsed())
}

/// The next piece of a body. Waits for it at most `pause_max`.
pub(crate) async fn next_frame<B>(body: &mut B, pause_max: Duration) -> Result<Option<Frame<Bytes>>, BodyError>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    let frame = tokio::time::timeout(pause_max, frame).await.map_err(|_| BodyError::Slow)?;
    Ok(frame.transpose()?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use tokio::time::{Interval, interval};

    use super::*;

    const PAUSE_MAX: Duration = Duration::from_secs(30);

    /// A body that comes in pieces, at equal times.
    struct Trickle {
        every: Interval,
        piece: Bytes,
        pieces: usize,
    }

    impl Trickle {
        fn new(every: Duration, len: usize, pieces: usize) -> Self {
            Self { every: interval(every), piece: vec![7; len].into(), pieces }
        }
    }

    impl Body for Trickle {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            if self.pieces == 0 {
                return Poll::Ready(None);
            }
            self.every.poll_tick(cx).map(|_| {
                self.pieces -= 1;
                Some(Ok(Frame::data(self.piece.clone())))
            })
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact((self.piece.len() * self.pieces) as u64)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up() {
        let budget = Budget::new(1 << 20);
        let begun = Instant::now();
        let trickle = Trickle::new(Duration::from_secs(29), 1, 1_000_000);
        let error = read(trickle, 1 << 20, PAUSE_MAX, &budget).await.unwrap_err();
        assert!(matches!(error, BodyError::Slow), "{error:?}");
        assert!(begun.elapsed() < PAUSE_MAX * 2);
        assert!(budget.begin().grow(1 << 20), "what came is given back");
    }

    /// A slow line is no attack: what takes long, and comes, is read.
    #[tokio::test(start_paused = true)]
    async fn a_slow_line_is_waited_for() {
        let slow = Trickle::new(Duration::from_secs(1), 9_000, 600);
        let (bytes, held) = read(slow, 16 << 20, PAUSE_MAX, &Budget::new(16 << 20)).await.unwrap();
        assert_eq!((bytes.len(), held.bytes()), (5_400_000, 5_400_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_pauses_is_given_up() {
        let pausing = Trickle::new(PAUSE_MAX * 2, 1 << 20, 2);
        let error = read(pausing, 16 << 20, PAUSE_MAX, &Budget::new(16 << 20)).await.unwrap_err();
        assert!(matches!(error, BodyError::Slow), "{error:?}");
    }

    /// Only what came counts: an announcement takes nothing from others.
    #[tokio::test(start_paused = true)]
    async fn what_is_announced_does_not_count() {
        let budget = Budget::new(1 << 20);
        let announcing = Trickle::new(Duration::from_secs(10), 1 << 10, 1 << 10);
        let mut reading = Box::pin(read(announcing, 1 << 20, PAUSE_MAX, &budget));
        assert!(tokio::time::timeout(Duration::from_secs(5), &mut reading).await.is_err());
        assert!(budget.begin().grow((1 << 20) - (1 << 10)), "one piece is here, and no more is taken");
    }
}
