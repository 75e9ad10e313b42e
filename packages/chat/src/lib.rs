//! Rooms to talk in: a page with a WebSocket, and messages of processes.
//!
//! | who | sends | gets |
//! |---|---|---|
//! | a browser | `GET /` | the page |
//! | the page, over `/live` | `{"Join":{"room":"hall"}}` | `{"Joined":{"room":"hall","lines":[…]}}`, then `{"Said":{"room":…,"line":…}}` for each line |
//! | the page, over `/live` | `{"Say":{"name":"ann","text":"hi"}}` | as everybody in the room: `Said` |
//! | a process | `{"Say":{"room":"hall","text":"hi"}}` | the line; its name is the process's address |
//! | a process | `{"Read":{"room":"hall"}}` | the lines |
//!
//! A line is saved before anybody sees it.

mod talk;

use serde::{Deserialize, Serialize};
use wharf_process_lib::http::{Access, Channel, Frame, Reply, Rooms, Router, SocketEvent};
use wharf_process_lib::state::StateError;
use wharf_process_lib::{Address, Message, Response, println, state};

use crate::talk::{Line, Talk, name_of};

const PAGE: &str = include_str!("page.html");

/// The page may run what is in it and talk to this node, and nothing else.
const SECURITY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                        img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a page sends over its WebSocket.
#[derive(Debug, Deserialize)]
enum FromPage {
    /// Hear what is said in this room, and in no other.
    Join { room: String },
    /// Say something in the room that was joined.
    Say { name: String, text: String },
}

/// What a page is sent.
#[derive(Debug, Serialize)]
enum ToPage<'a> {
    Joined { room: &'a str, lines: Vec<Line> },
    Said { room: &'a str, line: &'a Line },
    Refused { reason: &'a str },
}

/// What a process may ask.
#[derive(Debug, Deserialize)]
enum FromProcess {
    Say { room: String, text: String },
    Read { room: String },
}

#[derive(Default)]
struct Chat {
    talk: Talk,
    rooms: Rooms,
}

impl Chat {
    /// Saves a line and tells everybody in the room.
    fn say(&mut self, room: &str, name: &str, text: &str) -> Result<Option<Line>, StateError> {
        let mut talk = self.talk.clone();
        let Some(line) = talk.say(room, name, text) else { return Ok(None) };
        state::set(&talk)?;
        self.talk = talk;
        let room = name_of(room);
        if let Err(error) = self.rooms.send_json(&room, &ToPage::Said { room: &room, line: &line }) {
            println!("{error}");
        }
        Ok(Some(line))
    }

    fn on_socket(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Received { channel, frame: Frame::Text(text) } => match serde_json::from_str(&text) {
                Ok(asked) => self.on_page(channel, asked),
                Err(error) => tell(channel, &ToPage::Refused { reason: &error.to_string() }),
            },
            SocketEvent::Closed { channel } => self.rooms.leave_all(channel),
            SocketEvent::Opened { .. } | SocketEvent::Received { .. } => {}
        }
    }

    fn on_page(&mut self, channel: Channel, asked: FromPage) {
        match asked {
            FromPage::Join { room } => {
                let room = name_of(&room);
                self.rooms.leave_all(channel);
                self.rooms.join(room.clone(), channel);
                tell(channel, &ToPage::Joined { room: &room, lines: self.talk.lines(&room) });
            }
            FromPage::Say { name, text } => {
                let Some(room) = self.rooms.of(channel).pop() else {
                    return tell(channel, &ToPage::Refused { reason: "join a room first" });
                };
                if let Err(error) = self.say(&room, &name, &text) {
                    println!("{error}");
                    tell(channel, &ToPage::Refused { reason: "the line could not be saved" });
                }
            }
        }
    }

    fn on_message(&mut self, message: &Message) {
        if let Message::Response { .. } = message {
            return;
        }
        let answer = match message.json() {
            Ok(FromProcess::Say { room, text }) => {
                let said = self.say(&room, &message.source().to_string(), &text);
                said.map_err(|error| error.to_string()).and_then(|line| to_json(&line))
            }
            Ok(FromProcess::Read { room }) => to_json(&self.talk.lines(&room)),
            Err(error) => Err(format!("not a request to the chat: {error}")),
        };
        match answer {
            Ok(json) => Response::new().body(json).send(),
            Err(error) => Response::new().failure(error).send(),
        }
    }
}

fn to_json<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    serde_json::to_vec(value).map_err(|error| error.to_string())
}

fn tell(channel: Channel, what: &ToPage<'_>) {
    if let Err(error) = channel.send_json(what) {
        println!("{error}");
    }
}

fn init(our: Address) {
    // What is saved and not understood is left alone.
    let talk = match state::get::<Talk>() {
        Ok(saved) => saved.unwrap_or_default(),
        Err(error) => return println!("{error}"),
    };
    let page = PAGE.replace("{{live}}", &format!("/{}/live", our.process()));
    let Err(error) = Router::new(Chat { talk, rooms: Rooms::new() })
        .get("/", Access::LoggedIn, move |_, _| Reply::html(page.as_str()).header("Content-Security-Policy", SECURITY))
        .socket("/live", Access::LoggedIn)
        .on_socket(Chat::on_socket)
        .on_message(|chat, message| chat.on_message(&message))
        .serve();
    println!("{error}");
}

wharf_process_lib::main!(init);
