//! The terminal: runs the command lines of the node's owner.
//!
//! ```text
//! command     a line is a script and its arguments; aliases stand for scripts
//! script      where it is, and what it was granted when its package was installed
//! runs        one process for each run: created, given its arguments, watched until it is gone
//! ```
//!
//! A command line is taken from the owner alone, who speaks as the web server. What a script may do was settled when its
//! package was installed: what its package changed since is refused. Each run has a process of its own, which is ended after
//! a time, and of which nothing is left.

mod aliases;
mod answer;
mod command;
mod error;
mod list;
mod runs;
mod saved;
mod script;

use wharf_process_lib::{Address, Message, await_message, println};

use crate::runs::Runs;
use crate::saved::Saved;

/// Everything the terminal knows.
struct Terminal {
    our: Address,
    saved: Saved,
    runs: Runs,
}

fn init(our: Address) {
    let mut saved = match Saved::load() {
        Ok(saved) => saved,
        // Left as it is: what this version does not understand, it does not overwrite.
        Err(error) => return println!("{error}"),
    };
    runs::end_all_of_before(&our, &mut saved);
    let mut terminal = Terminal { our, saved, runs: Runs::default() };
    loop {
        match await_message() {
            Ok(message @ Message::Request { .. }) => answer::answer(&mut terminal, &message),
            Ok(message @ Message::Response { .. }) => terminal.runs.told(&terminal.our, &message),
            Err(error) => terminal.runs.not_told(&terminal.our, &error),
        }
    }
}

wharf_process_lib::main!(init);
