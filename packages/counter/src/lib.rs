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

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::error::Error;

use serde::{Deserialize, Serialize};
use wharf_process_lib::http::{Access, Reply, Router};
use wharf_process_lib::service::Incoming;
use wharf_process_lib::state::StateError;
use wharf_process_lib::{Address, ProcessId, println, state};

/// Every view counts, so none may come from a cache.
const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

/// What is saved, and what is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

fn init(our: Address) -> Result<Infallible, Box<dyn Error>> {
    // What is saved and not understood is left alone: better no counter than one that starts again.
    let counter: Counter = state::get()?.unwrap_or_default();
    let process = our.process().clone();
    let router = Router::new(counter)
        .get("/", Access::Anyone, move |counter, _| counted(counter, |counter| page(&process, counter)))
        .method("HEAD", "/", Access::Anyone, |_, _| Reply::html("").header(NO_STORE.0, NO_STORE.1))
        .get("/api", Access::Anyone, |counter, _| told(counter))
        .post("/api", Access::Anyone, |counter, _| counted(counter, told))
        .on_request(answer_process);
    Ok(router.serve()?)
}

/// Counts one, and answers what comes of it.
fn counted(counter: &mut Counter, answer: impl FnOnce(&mut Counter) -> Reply) -> Reply {
    match counter.increment() {
        Ok(()) => answer(counter),
        Err(error) => {
            println!("{error}");
            Reply::text("the count could not be saved\n").with_status(500)
        }
    }
}

fn page(our: &ProcessId, counter: &Counter) -> Reply {
    let (name, value) = page::SECURITY;
    Reply::html(page::render(our, counter.count)).header(name, value).header(NO_STORE.0, NO_STORE.1)
}

fn told(counter: &mut Counter) -> Reply {
    Reply::json(counter).header(NO_STORE.0, NO_STORE.1)
}

fn answer_process(counter: &mut Counter, asked: Incoming<CounterRequest>) -> Result<Counter, StateError> {
    match asked.request {
        CounterRequest::Get => {}
        CounterRequest::Increment => counter.increment()?,
    }
    Ok(*counter)
}

wharf_process_lib::main!(init);
