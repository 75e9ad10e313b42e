//! `m <address> <body> [-a|--await <seconds>]`: sends a message to a process, and shows the response if that is awaited.

use wharf_process_lib::{Address, Capability, NodeName, ProcessId, Request, SendErrorKind, capability, kernel};

const USAGE: &str = "usage: m <address> <body> [-a <seconds>]   a body with blanks in it is quoted: '...'";
/// How long a response is waited for that nobody wants to see.
const UNSEEN_S: u64 = 5;

/// A message that is to be sent.
#[derive(Debug, PartialEq, Eq)]
struct Command {
    target: Address,
    body: String,
    await_s: Option<u64>,
}

fn m(our: Address, arguments: String) -> Result<String, String> {
    let Command { target, body, await_s } = parse(&our, &arguments)?;
    let messaging = Capability::messaging(target.clone());
    if target.node() == our.node() && capability::find(&target, Capability::MESSAGING).is_none() {
        // The owner may message every process of the node, and this runs for nobody else.
        kernel::grant(our.process(), vec![messaging]).map_err(|error| error.to_string())?;
    }
    let issued: Vec<_> = capability::ours().into_iter().filter(|held| held.issuer == target).collect();
    let request = Request::to(&target).body(body).capabilities(&issued);
    match (request.send_and_await_response(await_s.unwrap_or(UNSEEN_S)), await_s) {
        (_, None) => Ok(String::new()),
        (Ok(response), Some(_)) => Ok(String::from_utf8_lossy(response.body()).into_owned()),
        (Err(error), Some(_)) if error.kind == SendErrorKind::Offline => Err(format!("{target} is offline")),
        (Err(_), Some(wait_s)) => Err(format!("{target} did not answer within {wait_s} seconds, or does not exist")),
    }
}

fn parse(our: &Address, arguments: &str) -> Result<Command, String> {
    let mut tokens = tokens(arguments).into_iter();
    let (Some(target), Some(body)) = (tokens.next(), tokens.next()) else { return Err(USAGE.to_owned()) };
    let await_s = match (tokens.next().as_deref(), tokens.next(), tokens.next()) {
        (None, None, None) => None,
        (Some("-a" | "--await"), Some(seconds), None) => {
            Some(seconds.parse().map_err(|error| format!("`{seconds}` is no number of seconds: {error}"))?)
        }
        _ => return Err(USAGE.to_owned()),
    };
    Ok(Command { target: address(our, &target)?, body, await_s })
}

/// An address, of which the node may be left out.
fn address(our: &Address, text: &str) -> Result<Address, String> {
    let (node, process) = text.split_once('@').unwrap_or((NodeName::OUR, text));
    let process: ProcessId = process.parse().map_err(|error| format!("{error}"))?;
    if node == NodeName::OUR {
        return Ok(Address::new(our.node().clone(), process));
    }
    let node = NodeName::new(node).map_err(|error| error.to_string())?;
    Ok(Address::new(node, process))
}

/// `'...'` without the quotes, and whatever has no blank in it.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quoted = rest.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let (token, after) = quoted.unwrap_or_else(|| rest.split_once(char::is_whitespace).unwrap_or((rest, "")));
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}

wharf_process_lib::script!(m);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    fn parsed(arguments: &str) -> Result<Command, String> {
        parse(&"a.os@1:terminal:sys".parse().unwrap(), arguments)
    }

    fn command(target: &str, body: &str, await_s: Option<u64>) -> Result<Command, String> {
        Ok(Command { target: target.parse().unwrap(), body: body.to_owned(), await_s })
    }

    #[test]
    fn a_message_is_an_address_and_a_body_and_perhaps_a_time() {
        assert_eq!(parsed("our@x:y:z body"), command("a.os@x:y:z", "body", None));
        assert_eq!(parsed("x:y:z 'two words' -a 5"), command("a.os@x:y:z", "two words", Some(5)));
        assert_eq!(parsed(" b.os@x:y:z  \"Status\" --await 7 "), command("b.os@x:y:z", "\"Status\"", Some(7)));
        assert_eq!(parsed("x:y:z ''"), command("a.os@x:y:z", "", None));
        for wrong in ["", "x:y:z", "x:y body", "x:y:z body more", "x:y:z body -a", "x:y:z body -a x", "@x:y:z body"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
