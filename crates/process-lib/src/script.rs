//! Scripts: programs that are run from the terminal, and end.
//!
//! A script is a component of a package, named in the package's `scripts.json` with what it may do. Typing
//! `number:fibonacci:alice.os 10` into `wharf shell` starts `number.wasm` with the arguments `10` and shows what it answers:
//!
//! ```no_run
//! use std::num::ParseIntError;
//! use wharf_process_lib::Address;
//!
//! fn double(_our: Address, arguments: String) -> Result<String, ParseIntError> {
//!     let number: u64 = arguments.trim().parse()?;
//!     Ok((number * 2).to_string())
//! }
//!
//! wharf_process_lib::script!(double);
//! # fn main() {}
//! ```
//!
//! What it prints meanwhile is shown as it comes. It is ended when it takes longer than the terminal allows.

use std::fmt::Display;

use wharf_types::Address;

use crate::message::{Message, await_message};
use crate::response::Response;

/// Who runs scripts.
const TERMINAL: &str = "terminal:terminal:sys";

/// What a script may return: a text, or a text or an error.
///
/// ```
/// use wharf_process_lib::script::Answer;
///
/// assert_eq!("done".to_owned().into_text(), Ok("done".to_owned()));
/// let doubled = "x".parse::<u64>().map(|number| (2 * number).to_string());
/// assert_eq!(doubled.into_text(), Err("invalid digit found in string".to_owned()));
/// ```
pub trait Answer {
    /// The text that is shown, or why there is none.
    fn into_text(self) -> Result<String, String>;
}

impl Answer for String {
    fn into_text(self) -> Result<String, String> {
        Ok(self)
    }
}

impl<E: Display> Answer for Result<String, E> {
    fn into_text(self) -> Result<String, String> {
        self.map_err(|error| error.to_string())
    }
}

/// Makes `fn(our: Address, arguments: String) -> impl` [`script::Answer`](crate::script::Answer) the process. See
/// [`crate::script`](mod@crate::script).
#[macro_export]
macro_rules! script {
    ($run:path) => {
        const _: () = {
            fn init(our: $crate::Address) {
                $crate::__private::run_script(our, $run);
            }
            $crate::main!(init);
        };
    };
}

/// Waits for the arguments, runs the script, and answers: to whoever waits for it, else to everyone who watches.
pub(crate) fn run<A: Answer>(our: Address, script: fn(Address, String) -> A) {
    let (arguments, is_awaited) = arguments();
    let answer = match String::from_utf8(arguments) {
        Ok(arguments) => script(our, arguments).into_text(),
        Err(error) => Err(format!("the arguments are not UTF-8: {error}")),
    };
    match (answer, is_awaited) {
        (Ok(text), true) => Response::new().body(text).send(),
        (Err(error), true) => Response::new().body(error.as_str()).failure(&error).send(),
        (Ok(text) | Err(text), false) if text.is_empty() => {}
        (Ok(text) | Err(text), false) => crate::print(0, &text),
    }
}

/// The arguments, and whether the terminal waits for an answer. They come from it alone: a script has more rights than who
/// might like to choose its arguments.
fn arguments() -> (Vec<u8>, bool) {
    loop {
        if let Ok(message) = await_message()
            && message.is_local()
            && message.source().process().to_string() == TERMINAL
            && let Message::Request { body, expects_response, .. } = message
        {
            return (body, expects_response.is_some());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_returns_a_text_or_why_there_is_none() {
        assert_eq!("text".to_owned().into_text(), Ok("text".to_owned()));
        assert_eq!(Ok::<_, std::fmt::Error>("text".to_owned()).into_text(), Ok("text".to_owned()));
        assert_eq!(Err::<String, _>("why").into_text(), Err("why".to_owned()));
    }
}
