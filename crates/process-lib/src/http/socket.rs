//! WebSockets that clients opened to this process.
//!
//! ```no_run
//! use wharf_process_lib::http::{self, Access, Frame, Rooms, SocketEvent};
//!
//! http::bind_socket("/live", Access::LoggedIn)?;
//! let mut rooms = Rooms::new();
//! loop {
//!     let message = wharf_process_lib::await_message()?;
//!     match SocketEvent::read(&message) {
//!         Some(SocketEvent::Opened { channel, path }) => rooms.join(path, channel),
//!         Some(SocketEvent::Received { channel, frame: Frame::Text(text) }) => {
//!             for room in rooms.of(channel) {
//!                 rooms.send(&room, &Frame::Text(text.clone()));
//!             }
//!         }
//!         Some(SocketEvent::Closed { channel }) => rooms.leave_all(channel),
//!         _ => {}
//!     }
//! }
//! # #[allow(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use wharf_types::LazyLoadBlob;
use wharf_types::http_server::{HttpServerAction, HttpServerRequest, WsMessageType};

use super::{Access, Error, ask, sent_by_server};
use crate::message::Message;
use crate::request::Request;

/// Opens WebSockets at a path for this process. [`Access::ThisMachine`] is for programs that speak for the process: see
/// `extension` in [`HttpServerAction::WebSocketBind`].
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::http::{self, Access};
/// http::bind_socket("/live", Access::LoggedIn).unwrap();
/// # });
/// ```
pub fn bind_socket(path: &str, access: Access) -> Result<(), Error> {
    let action = HttpServerAction::WebSocketBind {
        path: path.to_owned(),
        authenticated: access == Access::LoggedIn,
        extension: access == Access::ThisMachine,
    };
    ask(&format!("bind WebSockets at {path}"), &action, None)
}

/// The path opens no WebSockets from now on. Those that are open stay so.
///
/// ```
/// # wharf_process_lib::testing::World::new().run("main:app:test.os", |_| {
/// use wharf_process_lib::http::{self, Access};
/// http::bind_socket("/live", Access::LoggedIn).unwrap();
/// http::unbind_socket("/live").unwrap();
/// # });
/// ```
pub fn unbind_socket(path: &str) -> Result<(), Error> {
    ask(&format!("unbind WebSockets at {path}"), &HttpServerAction::WebSocketUnbind { path: path.to_owned() }, None)
}

/// An open WebSocket, as the node numbers it.
///
/// ```
/// use wharf_process_lib::http::{Channel, Frame};
///
/// fn greet(channel: Channel) {
///     channel.send(&Frame::Text("hello".to_owned()));
///     channel.close();
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(u32);

impl Channel {
    /// The socket with this number.
    pub fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Sends a frame. That it arrives is not known: a socket that closes meanwhile says so with [`SocketEvent::Closed`].
    pub fn send(self, frame: &Frame) {
        let (message_type, bytes) = frame.parts();
        let action = HttpServerAction::WebSocketPush { channel_id: self.0, message_type };
        push(&action, Some(bytes.to_vec()));
    }

    /// [`Channel::send`] with a text frame of JSON.
    pub fn send_json<T: Serialize + ?Sized>(self, value: &T) -> Result<(), serde_json::Error> {
        self.send(&Frame::json(value)?);
        Ok(())
    }

    /// Closes it. One that is closed stays so.
    pub fn close(self) {
        push(&HttpServerAction::WebSocketClose(self.0), None);
    }
}

/// Sends what wants no answer.
fn push(action: &HttpServerAction, blob: Option<Vec<u8>>) {
    match Request::to_module("http-server").json(action) {
        Ok(request) => match blob {
            Some(bytes) => request.blob(LazyLoadBlob { mime: None, bytes }).send(),
            None => request.send(),
        },
        Err(error) => crate::print(1, &format!("a WebSocket frame could not be written: {error}")),
    }
}

/// What goes over a WebSocket.
///
/// ```
/// use wharf_process_lib::http::Frame;
///
/// assert_eq!(Frame::json(&[1, 2]).unwrap(), Frame::Text("[1,2]".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// Asks the other end for a pong. At most 125 bytes.
    Ping(Vec<u8>),
    /// Answers a ping. At most 125 bytes.
    Pong(Vec<u8>),
}

impl Frame {
    /// A text frame of JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::Text(serde_json::to_string(value)?))
    }

    fn parts(&self) -> (WsMessageType, &[u8]) {
        match self {
            Self::Text(text) => (WsMessageType::Text, text.as_bytes()),
            Self::Binary(bytes) => (WsMessageType::Binary, bytes),
            Self::Ping(bytes) => (WsMessageType::Ping, bytes),
            Self::Pong(bytes) => (WsMessageType::Pong, bytes),
        }
    }
}

/// What happened to a WebSocket.
///
/// ```
/// use wharf_process_lib::http::{Frame, SocketEvent};
///
/// /// Sends back what comes.
/// fn on_socket(event: SocketEvent) {
///     if let SocketEvent::Received { channel, frame: Frame::Text(text) } = event {
///         channel.send(&Frame::Text(text));
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// A client opened one.
    Opened {
        /// Which.
        channel: Channel,
        /// Where, below `/<process id>`, with a leading slash.
        path: String,
    },
    /// A frame came.
    Received {
        /// Over which.
        channel: Channel,
        /// What.
        frame: Frame,
    },
    /// It is closed, by whomever.
    Closed {
        /// Which.
        channel: Channel,
    },
}

impl SocketEvent {
    /// Reads a message from the HTTP server of this node; `None` for every other message.
    pub fn read(message: &Message) -> Option<Self> {
        Self::of(sent_by_server(message)?, || bytes_of(message))
    }

    pub(super) fn of(request: HttpServerRequest, bytes: impl FnOnce() -> Vec<u8>) -> Option<Self> {
        Some(match request {
            HttpServerRequest::Http(_) => return None,
            HttpServerRequest::WebSocketOpen { path, channel_id } => {
                Self::Opened { channel: Channel(channel_id), path }
            }
            HttpServerRequest::WebSocketPush { channel_id, message_type } => {
                let channel = Channel(channel_id);
                let frame = match message_type {
                    WsMessageType::Text => Frame::Text(String::from_utf8_lossy(&bytes()).into_owned()),
                    WsMessageType::Binary => Frame::Binary(bytes()),
                    WsMessageType::Ping => Frame::Ping(bytes()),
                    WsMessageType::Pong => Frame::Pong(bytes()),
                    WsMessageType::Close => return Some(Self::Closed { channel }),
                };
                Self::Received { channel, frame }
            }
            HttpServerRequest::WebSocketClose(channel_id) => Self::Closed { channel: Channel(channel_id) },
        })
    }
}

/// The bytes of the frame that a message tells of.
pub(super) fn bytes_of(message: &Message) -> Vec<u8> {
    message.blob().map(|blob| blob.bytes).unwrap_or_default()
}

/// WebSockets in groups, each with a name. A socket may be in several.
///
/// ```
/// use wharf_process_lib::http::{Channel, Rooms};
///
/// let mut rooms = Rooms::new();
/// rooms.join("hall", Channel::new(1));
/// rooms.join("hall", Channel::new(2));
/// rooms.leave_all(Channel::new(1));
/// assert_eq!(rooms.members("hall").collect::<Vec<_>>(), [Channel::new(2)]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rooms {
    rooms: BTreeMap<String, BTreeSet<Channel>>,
}

impl Rooms {
    /// No rooms.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a socket into a room, which is there from then on.
    pub fn join(&mut self, room: impl Into<String>, channel: Channel) {
        self.rooms.entry(room.into()).or_default().insert(channel);
    }

    /// Takes a socket out of a room. A room without sockets is gone.
    pub fn leave(&mut self, room: &str, channel: Channel) {
        if let Some(members) = self.rooms.get_mut(room) {
            members.remove(&channel);
            if members.is_empty() {
                self.rooms.remove(room);
            }
        }
    }

    /// Takes a socket out of all rooms, as when it is closed.
    pub fn leave_all(&mut self, channel: Channel) {
        self.rooms.retain(|_, members| {
            members.remove(&channel);
            !members.is_empty()
        });
    }

    /// The rooms that a socket is in.
    pub fn of(&self, channel: Channel) -> Vec<String> {
        let is_in = |members: &BTreeSet<Channel>| members.contains(&channel);
        self.rooms.iter().filter(|(_, members)| is_in(members)).map(|(room, _)| room.clone()).collect()
    }

    /// The sockets in a room.
    pub fn members(&self, room: &str) -> impl Iterator<Item = Channel> + '_ {
        self.rooms.get(room).into_iter().flatten().copied()
    }

    /// Sends a frame to every socket in a room.
    pub fn send(&self, room: &str, frame: &Frame) {
        self.members(room).for_each(|channel| channel.send(frame));
    }

    /// [`Rooms::send`] with a text frame of JSON.
    pub fn send_json<T: Serialize + ?Sized>(&self, room: &str, value: &T) -> Result<(), serde_json::Error> {
        self.send(room, &Frame::json(value)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_leaves_all_rooms_is_in_none_and_empty_rooms_are_gone() {
        let (one, two) = (Channel(1), Channel(2));
        let mut rooms = Rooms::new();
        rooms.join("a", one);
        rooms.join("b", one);
        rooms.join("b", two);
        rooms.join("b", two);
        assert_eq!(rooms.of(one), ["a", "b"]);
        assert_eq!(rooms.members("b").collect::<Vec<_>>(), [one, two]);
        rooms.leave_all(one);
        assert!(rooms.of(one).is_empty());
        assert_eq!(rooms.rooms.keys().collect::<Vec<_>>(), ["b"]);
        rooms.leave("b", two);
        rooms.leave("b", two);
        assert_eq!(rooms, Rooms::new());
    }

    #[test]
    fn events_are_read_from_what_the_server_sends() {
        let read = |json: &str| SocketEvent::of(serde_json::from_str(json).ok()?, || b"x\xff".to_vec());
        let channel = Channel(7);
        assert_eq!(
            read(r#"{"WebSocketOpen":{"path":"/sub","channel_id":7}}"#),
            Some(SocketEvent::Opened { channel, path: "/sub".to_owned() })
        );
        assert_eq!(
            read(r#"{"WebSocketPush":{"channel_id":7,"message_type":"Text"}}"#),
            Some(SocketEvent::Received { channel, frame: Frame::Text("x\u{fffd}".to_owned()) })
        );
        assert_eq!(
            read(r#"{"WebSocketPush":{"channel_id":7,"message_type":"Binary"}}"#),
            Some(SocketEvent::Received { channel, frame: Frame::Binary(b"x\xff".to_vec()) })
        );
        let closed = Some(SocketEvent::Closed { channel });
        assert_eq!(read(r#"{"WebSocketPush":{"channel_id":7,"message_type":"Close"}}"#), closed);
        assert_eq!(read(r#"{"WebSocketClose":7}"#), closed);
    }
}
