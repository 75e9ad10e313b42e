//! Programs on this machine that speak for a process (extensions): what a process sends them is wrapped with a number,
//! and what they answer under it becomes the answer to the process's own request.
//!
//! The format is [`HttpServerAction::WebSocketExtPushData`] as MessagePack with names, in binary frames.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use wharf_kernel::module::Replier;
use wharf_types::http_server::{HttpServerAction, MessageType};

/// What an extension says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Number of the request it belongs to.
    pub(super) id: u64,
    /// What the bytes become.
    pub(super) kind: MessageType,
    /// The bytes.
    pub(super) bytes: Vec<u8>,
}

/// Reads a frame; `None` when it is not wrapped, and goes to the process as it is.
pub(super) fn unwrap(frame: &[u8]) -> Option<Said> {
    match rmp_serde::from_slice(frame).ok()? {
        HttpServerAction::WebSocketExtPushData { id, kinode_message_type, blob } => {
            Some(Said { id, kind: kinode_message_type, bytes: blob })
        }
        _ => None,
    }
}

/// Wraps bytes for an extension.
pub(super) fn wrap(id: u64, desired: MessageType, bytes: &[u8]) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    let data = HttpServerAction::WebSocketExtPushData { id, kinode_message_type: desired, blob: bytes.to_vec() };
    rmp_serde::to_vec_named(&data)
}

/// The extension has too much to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the extension owes answers to {0} requests, and more are not allowed")]
pub(super) struct TooManyAsked(usize);

struct Waiting {
    replier: Replier,
    until: Instant,
}

#[derive(Default)]
struct State {
    last: u64,
    waiting: HashMap<u64, Waiting>,
}

/// What one extension was asked and has not answered. Its numbers are our own: the id of a message is what lets a
/// process answer it, and stays in the node.
pub(super) struct Asked {
    state: Mutex<State>,
    max: usize,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("waiting", &self.lock().waiting.len()).finish()
    }
}

impl Asked {
    pub(super) fn new(max: usize) -> Self {
        Self { state: Mutex::default(), max }
    }

    /// Held for single changes, which a panic cannot leave half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for something that wants no answer.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.lock();
        state.last = state.last.wrapping_add(1);
        state.last
    }

    /// Keeps the right to answer for as long as the process waits, and gives it a number.
    pub(super) fn keep(&self, replier: Replier, wait: Duration) -> Result<u64, TooManyAsked> {
        let now = Instant::now();
        let mut state = self.lock();
        if state.waiting.len() >= self.max {
            state.waiting.retain(|_, waiting| waiting.until > now);
        }
        if state.waiting.len() >= self.max {
            return Err(TooManyAsked(self.max));
        }
        state.last = state.last.wrapping_add(1);
        let id = state.last;
        let until = now.checked_add(wait).unwrap_or(now);
        state.waiting.insert(id, Waiting { replier, until });
        Ok(id)
    }

    /// The right to answer, once.
    pub(super) fn take(&self, id: u64) -> Option<Replier> {
        self.lock().waiting.remove(&id).map(|waiting| waiting.replier)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    /// The bytes that existing extensions send and read: a map of one, whose value is a map with names.
    #[test]
    fn the_bytes_are_those_that_extensions_know() {
        let bytes = wrap(7, MessageType::Response, &[1, 200]).unwrap();
        let mut expected = vec![0x81, 0xb4];
        expected.extend_from_slice(b"WebSocketExtPushData");
        expected.extend_from_slice(&[0x83, 0xa2]);
        expected.extend_from_slice(b"id");
        expected.extend_from_slice(&[0x07, 0xb3]);
        expected.extend_from_slice(b"kinode_message_type");
        expected.push(0xa8);
        expected.extend_from_slice(b"Response");
        expected.push(0xa4);
        expected.extend_from_slice(b"blob");
        expected.extend_from_slice(&[0x92, 0x01, 0xcc, 0xc8]);
        assert_eq!(bytes, expected);
        assert_eq!(unwrap(&bytes), Some(Said { id: 7, kind: MessageType::Response, bytes: vec![1, 200] }));
    }

    #[test]
    fn everything_else_is_not_wrapped() {
        let other = rmp_serde::to_vec_named(&HttpServerAction::WebSocketClose(1)).unwrap();
        for bytes in [&b""[..], b"hello", b"\xdd\xff\xff\xff\xff", &other] {
            assert_eq!(unwrap(bytes), None);
        }
    }
}
