//! `wharf shell`: command lines for the node's terminal, from the arguments, from stdin, or typed.

use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;

use wharf_home::Home;

use crate::args::Shell;
use crate::client::Client;
use crate::errors::{CliError, CliResult};
use crate::interrupts::{self, Interrupts};
use crate::output::{Format, Output};
use crate::shell::{Session, prompt};

/// Longest line that is read from stdin; the node takes no longer ones.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Runs lines.
pub(crate) fn run(args: &Shell, home: &Home, output: &mut Output) -> CliResult<()> {
    let client = Client::of(home)?;
    if args.command.is_none() && io::stdin().is_terminal() && output.format() == Format::Text {
        return prompt::run(&client, home, output);
    }
    let mut session = Session::new(&client, home, Interrupts::listen()?)?;
    match &args.command {
        Some(line) => session.run(line, output),
        None => run_all(&mut session, &lines_of_stdin(), output),
    }
}

/// Runs one line after the other. One that fails does not keep the others from running, but is what the exit code says.
fn run_all(session: &mut Session<'_>, lines: &Receiver<CliResult<String>>, output: &mut Output) -> CliResult<()> {
    let (mut count, mut failed) = (0_usize, None);
    while let Some(line) = next_line(session, lines)? {
        count += 1;
        if let Err(error) = session.run(&line, output) {
            output.flush()?;
            if !error.is_refusal() {
                return Err(error);
            }
            error.report();
            failed = Some(failed.unwrap_or(0_usize) + 1);
        }
    }
    match failed {
        None => Ok(()),
        Some(failed) => Err(CliError::refused(format_args!("{failed} of {count} lines failed"))),
    }
}

/// The next line, `None` at the end; an error when it is time to end meanwhile.
fn next_line(session: &Session<'_>, lines: &Receiver<CliResult<String>>) -> CliResult<Option<String>> {
    loop {
        let line = match lines.recv_timeout(interrupts::LOOK) {
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            line => line.ok(),
        };
        session.check()?;
        if let Some(line) = line {
            return line.map(Some);
        }
    }
}

/// The lines of stdin up to its end, or to the first that cannot be read. A signal does not end the wait for one: they are
/// read in a thread, at most one ahead, which ends with them or with this program.
fn lines_of_stdin() -> Receiver<CliResult<String>> {
    let (read, lines) = sync_channel(0);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = read_line(&mut stdin).transpose() {
            let is_last = line.is_err();
            if read.send(line).is_err() || is_last {
                break;
            }
        }
    });
    lines
}

/// `None` at the end.
fn read_line(input: &mut impl BufRead) -> CliResult<Option<String>> {
    let failed =
        |why: &dyn std::fmt::Display| CliError::bad_input(format_args!("cannot read a line from stdin: {why}"));
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(|error| failed(&error))?;
    if u64::try_from(line.len()).unwrap_or(u64::MAX) >= LINE_BYTES_MAX && line.last() != Some(&b'\n') {
        return Err(failed(&"it is longer than 1 MiB"));
    }
    if line.is_empty() {
        return Ok(None);
    }
    String::from_utf8(line).map(Some).map_err(|error| failed(&error))
}
