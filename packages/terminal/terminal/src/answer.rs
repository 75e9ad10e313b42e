//! From a request to its answer.

use wharf_process_lib::{Message, ProcessId, Response, println};
use wharf_types::terminal::{EditAliasOutcome, TerminalRequest, TerminalResponse};

use crate::command::{self, Command};
use crate::error::TerminalError;
use crate::runs::{Begin, Wants};
use crate::{Terminal, aliases, list, script};

/// Does what a request asks. A run is answered when it has ended, everything else at once.
pub(crate) fn answer(terminal: &mut Terminal, message: &Message) {
    let response = match perform(terminal, message) {
        Ok(None) => return,
        Ok(Some(response)) => response,
        Err(error) => {
            // Nobody waits for an answer: whoever reads the log is told.
            if wants(message) == Wants::Print {
                println!("{error}");
            }
            TerminalResponse::Err(error.to_string())
        }
    };
    send(&response, None);
}

/// Answers the request that is handled now.
pub(crate) fn send(response: &TerminalResponse, failure: Option<&TerminalError>) {
    let mut answer = match Response::new().json(response) {
        Ok(answer) => answer,
        Err(error) => Response::new().failure(format!("the answer cannot be written: {error}")),
    };
    if let Some(failure) = failure {
        answer = answer.failure(failure);
    }
    answer.send();
}

fn perform(terminal: &mut Terminal, message: &Message) -> Result<Option<TerminalResponse>, TerminalError> {
    let sender = sender(terminal, message);
    let request = message.json::<TerminalRequest>();
    if let (Sender::Owner | Sender::OwnPackage, Ok(TerminalRequest::EditAlias { alias, process })) = (&sender, &request)
    {
        edit_alias(terminal, alias, process.as_deref());
        return Ok(None);
    }
    if sender != Sender::Owner {
        return Err(TerminalError::NotOwner(message.source().process().clone()));
    }
    match request {
        Ok(TerminalRequest::Run { line, name }) => run(terminal, message, &line, name.as_deref()),
        Ok(TerminalRequest::Stop { name }) => terminal.runs.stop(&name).map(|()| Some(TerminalResponse::Stopped)),
        Ok(TerminalRequest::List) => Ok(Some(TerminalResponse::List(list::list(terminal)?))),
        // Done above.
        Ok(TerminalRequest::EditAlias { .. }) => Ok(None),
        Err(_) => run(terminal, message, &String::from_utf8_lossy(message.body()), None),
    }
}

fn wants(message: &Message) -> Wants {
    match message {
        Message::Request { expects_response: Some(_), .. } => Wants::Answer,
        _ => Wants::Print,
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// Who may do everything here.
    Owner,
    /// A script of the terminal.
    OwnPackage,
    Other,
}

/// The owner speaks as the web server, and nobody else does; or, as in the reference, as the terminal itself.
fn sender(terminal: &Terminal, message: &Message) -> Sender {
    let own = terminal.our.process();
    if message.is_from(&ProcessId::system("http-server")) || message.is_from(own) {
        return Sender::Owner;
    }
    if message.is_local() && message.source().process().is_in(&own.package_id()) {
        return Sender::OwnPackage;
    }
    Sender::Other
}

fn edit_alias(terminal: &mut Terminal, alias: &str, process: Option<&str>) {
    match aliases::edit(&mut terminal.saved, alias, process) {
        Ok(outcome) => send(&TerminalResponse::EditAlias(outcome), None),
        Err(error) => send(&TerminalResponse::EditAlias(EditAliasOutcome::InvalidProcessId), Some(&error)),
    }
}

fn run(
    terminal: &mut Terminal,
    message: &Message,
    line: &str,
    name: Option<&str>,
) -> Result<Option<TerminalResponse>, TerminalError> {
    let Some(Command { script: id, arguments }) = command::parse(&terminal.saved, line)? else {
        return Ok(Some(TerminalResponse::Nothing));
    };
    // Before anything is read: who has too many gets none that cost something.
    terminal.runs.check_room()?;
    let script = script::find(&id)?;
    let begin = Begin { id, script, arguments, name, wants: wants(message) };
    terminal.runs.begin(&terminal.our, &mut terminal.saved, begin)?;
    Ok(None)
}
