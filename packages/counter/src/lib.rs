//! Counts how often its page was opened: one number, shown on the web and told by message.
//!
//! | who asks | what | answer |
//! |---|---|---|
//! | a browser | `GET /` | counts one, shows the page |
//! | a program | `GET /api`, `POST /api` | `{"count":n}`; POST counts one |
//! | a process | `"Get"`, `"Increment"` | `{"count":n}` |
//!
//! The number is saved before it is told, so that nobody ever sees it go back.

mod page;

use serde::{Deserialize, Serialize};
use wharf_process_lib::http::{Access, HttpRequest};
use wharf_process_lib::state::StateError;
use wharf_process_lib::{Address, Message, ProcessId, Response, await_message, http, println, state};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Every view counts, so none may come from a cache.
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// What is saved, and what is told.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Counter {
    count: u64,
}

impl Counter {
    fn increment(&mut self) -> Result<(), StateError> {
        let next = Self { count: self.count.saturating_add(1) };
        state::set(&next)?;
        *self = next;
        Ok(())
    }
}

/// What a process may ask.
#[derive(Clone, Copy, Debug, Deserialize)]
enum CounterRequest {
    Get,
    Increment,
}

fn init(our: Address) {
    // What is saved and not understood is left alone: better no counter than one that starts again.
    let mut counter = match state::get::<Counter>() {
        Ok(saved) => saved.unwrap_or_default(),
        Err(error) => return println!("{error}"),
    };
    for path in ["/", "/api"] {
        if let Err(error) = http::bind(path, Access::Anyone) {
            return println!("{error}");
        }
    }
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer(&our, &mut counter, &message),
            Ok(Message::Response { .. }) => {}
            Err(error) => println!("{error}"),
        }
    }
}

fn answer(our: &Address, counter: &mut Counter, message: &Message) {
    if let Some(request) = HttpRequest::read(message) {
        if let Err(error) = answer_http(our.process(), counter, &request) {
            println!("{error}");
            http::respond(500, &[("Content-Type", "text/plain")], "the count could not be saved\n");
        }
    } else if let Err(error) = answer_process(counter, message) {
        println!("{error}");
        Response::new().failure(error).send();
    }
}

fn answer_http(our: &ProcessId, counter: &mut Counter, request: &HttpRequest) -> Result<(), StateError> {
    match (request.path.as_str(), request.method.as_str()) {
        ("/", "GET") => {
            counter.increment()?;
            let html = page::render(our, counter.count);
            http::respond(200, &[page::MIME, page::SECURITY, NO_STORE], html);
        }
        ("/", "HEAD") => http::respond(200, &[page::MIME, NO_STORE], ""),
        ("/api", "GET") => http::respond(200, &[JSON, NO_STORE], counter_json(*counter)?),
        ("/api", "POST") => {
            counter.increment()?;
            http::respond(200, &[JSON, NO_STORE], counter_json(*counter)?);
        }
        ("/", _) => http::respond(405, &[("Allow", "GET, HEAD")], ""),
        ("/api", _) => http::respond(405, &[("Allow", "GET, POST")], ""),
        _ => http::respond(404, &[("Content-Type", "text/plain")], "not found\n"),
    }
    Ok(())
}

fn answer_process(counter: &mut Counter, message: &Message) -> Result<(), StateError> {
    match message.json() {
        Ok(CounterRequest::Get) => {}
        Ok(CounterRequest::Increment) => counter.increment()?,
        Err(error) => {
            Response::new().failure(format!("not a request to the counter: {error}")).send();
            return Ok(());
        }
    }
    Response::new().body(counter_json(*counter)?).send();
    Ok(())
}

fn counter_json(counter: Counter) -> Result<Vec<u8>, StateError> {
    serde_json::to_vec(&counter).map_err(StateError::Write)
}

wharf_process_lib::main!(init);
