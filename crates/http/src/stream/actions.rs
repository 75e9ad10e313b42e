//! What a process asks of its streams.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::mpsc::error::TrySendError;
use tokio::time::timeout;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Caller, Replier};
use wharf_types::Failure;
use wharf_types::http_server::{HttpServerError, HttpServerReply};

use super::download::Piece;
use super::registry::{AnswerEnd, Streams};
use crate::body::shared;

/// What became of an action.
pub(crate) enum Done {
    /// This is the answer.
    Now(HttpServerReply),
    /// The answer comes from a task.
    Later,
}

fn refused(error: HttpServerError) -> Done {
    Done::Now(Err(error))
}

impl Streams {
    /// Answers with the next piece of a request's body once there is one.
    pub(crate) fn read(self: &Arc<Self>, caller: &Caller, id: u32) -> Done {
        let Some(stream) = self.of(caller.life(), id) else { return refused(HttpServerError::StreamNotFound) };
        let Ok(mut upload) = Arc::clone(&stream.upload).try_lock_owned() else {
            return refused(HttpServerError::StreamBusy);
        };
        let (streams, replier, life) = (Arc::clone(self), caller.replier(), caller.life().clone());
        self.tasks.spawn(async move {
            let next = upload.next(streams.piece_bytes_max, streams.pause_max, &streams.budget);
            let next = tokio::select! {
                next = next => next,
                () = life.ended() => return,
                () = streams.stop.cancelled() => return,
            };
            stream.read.fetch_add(1, Ordering::Relaxed);
            match next {
                Ok((piece, taken)) => {
                    replier.send(json(&Ok(())), Some(Blob::new(None, piece)));
                    drop(taken);
                }
                Err(error) => {
                    replier.send_because(json(&Err(HttpServerError::StreamBroken)), &Failure::new(error));
                }
            }
        });
        Done::Later
    }

    /// Gives the client a piece of an answer; answers once there is room for another.
    pub(crate) fn write(self: &Arc<Self>, caller: &Caller, id: u32, blob: Option<Blob>) -> Done {
        let Some(stream) = self.of(caller.life(), id) else { return refused(HttpServerError::StreamNotFound) };
        let Some(pieces) = stream.pieces() else { return refused(HttpServerError::StreamNotFound) };
        let bytes = blob.map(|blob| shared(blob.bytes)).unwrap_or_default();
        if bytes.is_empty() {
            return Done::Now(Ok(()));
        }
        let mut taken = self.budget.begin();
        let Ok(place) = Arc::clone(&stream.writing).try_acquire_owned() else {
            return refused(HttpServerError::StreamBusy);
        };
        if bytes.len() > self.piece_bytes_max || !taken.grow(bytes.len()) {
            return refused(HttpServerError::StreamBusy);
        }
        match pieces.try_send(Piece { bytes, taken }) {
            Ok(()) => Done::Now(Ok(())),
            Err(TrySendError::Closed(_)) => refused(HttpServerError::StreamNotFound),
            Err(TrySendError::Full(piece)) => {
                let (replier, pause_max, stop) = (caller.replier(), self.pause_max, self.stop.clone());
                self.tasks.spawn(async move {
                    let sent = tokio::select! {
                        sent = timeout(pause_max, pieces.send(piece)) => sent,
                        () = stop.cancelled() => return,
                    };
                    drop(place);
                    match sent {
                        Ok(Ok(())) => replier.send(json(&Ok(())), None),
                        Ok(Err(_)) => replier.send(json(&Err(HttpServerError::StreamNotFound)), None),
                        Err(_) => {
                            stream.end_answer(AnswerEnd::BrokenOff);
                            too_slow(&replier);
                        }
                    }
                });
                Done::Later
            }
        }
    }

    /// Nothing more of an answer comes.
    pub(crate) fn end(&self, caller: &Caller, id: u32) -> Done {
        self.end_as(caller, id, AnswerEnd::Complete)
    }

    /// What comes no more would have belonged to the answer.
    pub(crate) fn abort(&self, caller: &Caller, id: u32) -> Done {
        self.end_as(caller, id, AnswerEnd::BrokenOff)
    }

    fn end_as(&self, caller: &Caller, id: u32, how: AnswerEnd) -> Done {
        let ended = self.of(caller.life(), id).is_some_and(|stream| stream.end_answer(how));
        Done::Now(if ended { Ok(()) } else { Err(HttpServerError::StreamNotFound) })
    }
}

fn too_slow(replier: &Replier) {
    let failure = Failure::new("the client did not take it in time");
    replier.send_because(json(&Err(HttpServerError::StreamNotFound)), &failure);
}

/// Our own types, which are always JSON.
fn json(reply: &HttpServerReply) -> Vec<u8> {
    serde_json::to_vec(reply).unwrap_or_default()
}
