//! The body of a request, as it arrives.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use hyper::body::Incoming;
use wharf_kernel::budget::{Budget, Taken};

use crate::body::{BodyError, next_frame};

/// A body and what was read of it.
#[derive(Debug)]
pub(super) struct Upload {
    /// `None`: it is over.
    body: Option<Incoming>,
    /// What did not fit into the piece before.
    rest: Bytes,
}

impl Upload {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body: Some(body), rest: Bytes::new() }
    }

    /// What has arrived, at most `max` bytes; waits for the first of them. Empty at the end.
    pub(super) async fn next(
        &mut self,
        max: usize,
        pause_max: Duration,
        budget: &Budget,
    ) -> Result<(Vec<u8>, Taken), BodyError> {
        let (mut piece, mut taken) = (Vec::new(), budget.begin());
        loop {
            let part = self.rest.split_to(self.rest.len().min(max.saturating_sub(piece.len())));
            if !taken.grow(part.len()) {
                return Err(BodyError::Busy);
            }
            piece.extend_from_slice(&part);
            if piece.len() >= max || !self.rest.is_empty() {
                return Ok((piece, taken));
            }
            let Some(body) = &mut self.body else { return Ok((piece, taken)) };
            let frame = next_frame(body, pause_max);
            let frame = if piece.is_empty() {
                frame.await?
            } else {
                // More only if it is there.
                match frame.now_or_never() {
                    None => return Ok((piece, taken)),
                    Some(frame) => frame?,
                }
            };
            match frame {
                None => self.body = None,
                Some(frame) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
    }
}
