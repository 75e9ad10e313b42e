//! Does what a test tells it, step by step, and tells what it saw.
//!
//! A request whose body is a [`Program`] is run: each step has an outcome, and the outcomes are answered as a JSON
//! array. Everything else that arrives between programs is kept, and told by [`Step::Seen`].

mod describe;
mod harm;
mod http_client;
mod kv;
mod sqlite;
mod step;
mod vfs_tour;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wharf_process_lib::{Address, Message, Response, await_message};

use crate::step::{Flow, Step};

/// What a test asks for.
#[derive(Debug, Deserialize)]
struct Program {
    #[serde(rename = "Do")]
    steps: Vec<Step>,
    #[serde(default)]
    answer: When,
}

/// When the outcomes are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum When {
    /// As the response to the message that is being handled when the program is through.
    #[default]
    Now,
    /// Not by the program itself: its steps answer, or [`Step::Results`] of a later program asks for them.
    Later,
}

/// What is kept between programs.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// What arrived and was no program.
    pub(crate) seen: Vec<Value>,
    /// The outcomes of the last program that did not answer by itself.
    pub(crate) results: Vec<Value>,
    /// The message received last.
    pub(crate) last: Option<Message>,
}

fn init(_our: Address) {
    let mut memory = Memory::default();
    loop {
        let message = match await_message() {
            Ok(message) => message,
            Err(error) => {
                memory.seen.push(describe::error(&error));
                continue;
            }
        };
        let program = match &message {
            Message::Request { body, .. } => serde_json::from_slice::<Program>(body).ok(),
            Message::Response { .. } => None,
        };
        match program {
            Some(program) => {
                memory.last = Some(message);
                if run(program, &mut memory) == Flow::Return {
                    return;
                }
            }
            None => memory.seen.push(describe::message(&message)),
        }
    }
}

fn run(program: Program, memory: &mut Memory) -> Flow {
    let mut outcomes = Vec::with_capacity(program.steps.len());
    for step in program.steps {
        match step.run(memory) {
            Ok(outcome) => outcomes.push(outcome),
            Err(Flow::Return) => return Flow::Return,
            Err(Flow::Go) => {}
        }
    }
    match program.answer {
        When::Now => Response::new().body(Value::from(outcomes).to_string()).send(),
        When::Later => memory.results = outcomes,
    }
    Flow::Go
}

wharf_process_lib::main!(init);
