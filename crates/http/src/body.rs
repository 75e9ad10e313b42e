//! Bodies: read whole and within bounds, written without a copy, or piece by piece.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use wharf_kernel::budget::{Budget, Taken};
use wharf_kernel::envelope::Payload;

use crate::stream::{BrokenOff, Pieces};

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
    /// The client paused for too long.
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

/// Reads a body to its end. What is held counts against the budget until it is dropped.
pub(crate) async fn read(
    mut body: Incoming,
    max: usize,
    pause_max: Duration,
    budget: &Budget,
) -> Result<(Vec<u8>, Taken), BodyError> {
    let mut held = budget.begin();
    if body.is_end_stream() {
        return Ok((Vec::new(), held));
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > max {
        return Err(BodyError::TooLarge { max });
    }
    take(&mut held, announced)?;
    // Room is made as bytes come: an announcement alone costs no memory.
    let mut bytes = Vec::with_capacity(announced.min(64 << 10));
    while let Some(frame) = next_frame(&mut body, pause_max).await? {
        let Ok(data) = frame.into_data() else { continue };
        let len = bytes.len() + data.len();
        if len > max {
            return Err(BodyError::TooLarge { max });
        }
        let more = len.saturating_sub(held.bytes());
        take(&mut held, more)?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}

fn take(held: &mut Taken, bytes: usize) -> Result<(), BodyError> {
    if held.grow(bytes) { Ok(()) } else { Err(BodyError::Busy) }
}

pub(crate) async fn next_frame(body: &mut Incoming, pause_max: Duration) -> Result<Option<Frame<Bytes>>, BodyError> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    let frame = tokio::time::timeout(pause_max, frame).await.map_err(|_| BodyError::Slow)?;
    Ok(frame.transpose()?)
}
