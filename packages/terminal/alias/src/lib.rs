//! `alias <name> [<process-id>]`: makes a short name for a script, or removes it.

use wharf_process_lib::{Address, Failure, ProcessId, Request};
use wharf_types::terminal::{EditAliasOutcome, TerminalRequest, TerminalResponse};

const USAGE: &str = "usage: alias <name> [<process:package:publisher>]   without an id, the name is removed";
const WAIT_S: u64 = 10;

fn alias(our: Address, arguments: String) -> Result<String, String> {
    let mut words = arguments.split_whitespace();
    let (alias, process) = match (words.next(), words.next(), words.next()) {
        (Some(alias), process, None) => (alias.to_owned(), process.map(str::to_owned)),
        _ => return Err(USAGE.to_owned()),
    };
    let terminal = ProcessId::new("terminal", our.process().package(), our.process().publisher());
    let request = TerminalRequest::EditAlias { alias: alias.clone(), process: process.clone() };
    let answer = Request::to_local(&terminal.map_err(|error| error.to_string())?)
        .json(&request)
        .map_err(|error| error.to_string())?
        .send_and_await_response(WAIT_S)
        .map_err(|error| error.to_string())?;
    let why = Failure::from_metadata(answer.metadata()).map(|failure| failure.error);
    match (answer.json(), process) {
        (Ok(TerminalResponse::EditAlias(EditAliasOutcome::AliasSet)), Some(process)) => {
            Ok(format!("{alias} stands for {process}"))
        }
        (Ok(TerminalResponse::EditAlias(EditAliasOutcome::AliasRemoved)), _) => Ok(format!("{alias} is removed")),
        (Ok(TerminalResponse::EditAlias(EditAliasOutcome::AliasNotFound)), _) => {
            Err(format!("there is no alias {alias}"))
        }
        (Ok(TerminalResponse::Err(error)), _) => Err(error),
        _ => Err(why.unwrap_or_else(|| "the terminal answered something else".to_owned())),
    }
}

wharf_process_lib::script!(alias);
