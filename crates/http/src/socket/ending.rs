//! Why a socket ends, and what its client is told.

use std::io;

use bytes::Bytes;
use tokio_tungstenite::tungstenite::error::{Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why a socket ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The process closed it.
    Process,
    /// The life of the process that it belongs to is over.
    ProcessEnded,
    /// The node stops.
    NodeStops,
    /// The client closed it, with this reason.
    Client(Bytes),
    /// The client does not read what it is sent.
    Slow,
    /// The client broke the protocol.
    Protocol,
    /// What the client called text is not UTF-8.
    NotText,
    /// The client's message is over the limit.
    TooLarge,
    /// The node has no memory left for messages.
    Busy,
    /// The process does not take messages.
    Undeliverable,
    /// The connection is gone, or nothing comes over it any more.
    Lost,
}

impl Ending {
    /// What a failure to read means.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooLarge,
            Error::Utf8(_) => Self::NotText,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Lost,
            Error::Protocol(_) => Self::Protocol,
            Error::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => Self::Busy,
            _ => Self::Lost,
        }
    }

    /// What the client is told, unless it asked for the end itself or cannot be told.
    pub(super) fn close_frame(&self) -> Option<CloseFrame> {
        let (code, reason) = match self {
            Self::Process => (CloseCode::Normal, ""),
            Self::ProcessEnded => (CloseCode::Away, "the process has ended"),
            Self::NodeStops => (CloseCode::Away, "the node stops"),
            Self::Slow => (CloseCode::Policy, "the client does not keep up"),
            Self::Protocol => (CloseCode::Protocol, ""),
            Self::NotText => (CloseCode::Invalid, ""),
            Self::TooLarge => (CloseCode::Size, "the message is too large"),
            Self::Busy => (CloseCode::Again, "the node is busy"),
            Self::Undeliverable => (CloseCode::Error, "the process does not take messages"),
            Self::Client(_) | Self::Lost => return None,
        };
        Some(CloseFrame { code, reason: reason.into() })
    }

    /// Whether the client still speaks the protocol, so that its answer to a close can be waited for.
    pub(super) fn is_orderly(&self) -> bool {
        matches!(self, Self::Process | Self::ProcessEnded | Self::NodeStops | Self::Undeliverable)
    }
}
