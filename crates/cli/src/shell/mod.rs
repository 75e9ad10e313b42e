//! The owner's side of `terminal:terminal:sys`: runs lines there, and shows what their scripts print meanwhile.
//!
//! The terminal answers when a script has ended. What the script prints goes to the node's log, as everything that processes
//! print; it is read from there while the answer is awaited. Each run has a name that is chosen here, so that its lines are known
//! from the first on. The kernel's own line about the end of the process comes behind the last of them in the log.

mod complete;
mod printed;
pub(crate) mod prompt;

use std::hash::{BuildHasher, Hasher, RandomState};
use std::mem;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use wharf_home::Home;
use wharf_types::ProcessId;
use wharf_types::exit::Exit;
use wharf_types::terminal::{Ran, RunEnd, TerminalRequest, TerminalResponse};

use crate::client::{Answer, Client, QUICK_S, RpcError, unexpected};
use crate::errors::{CliError, CliResult};
use crate::interrupts::Interrupts;
use crate::output::{Format, Output, Reader, note};
use crate::text;

use self::printed::Printed;

/// Longest that the terminal may take to answer. It ends a script after 500 s, sees the end
/// up to 70 s later where the kernel is slow to tell, and then says that the script was out of time.
const RUN_S: u64 = 600;
/// How long the terminal may take to end a script.
const STOPPED: Duration = Duration::from_secs(10);
/// How long after it was last told to end a script the terminal is told again.
const STOP_AGAIN: Duration = Duration::from_millis(250);
/// How often it is looked whether something was printed.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last lines in the log are waited for, when the script has ended already. Where the log does not say that it
/// has, because of its level, this is waited once.
const LAST_LINES: Duration = Duration::from_secs(5);

/// Lines that are run one after the other.
pub(crate) struct Session<'a> {
    client: &'a Client,
    terminal: ProcessId,
    printed: Printed,
    interrupts: Interrupts,
    /// Whether the log says when a process has ended. It is taken to, until it does not, and again once it does.
    log_tells_ends: bool,
    /// Whether it was said of this run that it could not be ended: once is enough.
    may_still_run: bool,
}

/// A run, for programs.
#[derive(Serialize)]
struct Report<'a> {
    printed: &'a [String],
    #[serde(flatten)]
    ran: &'a Ran,
}

impl<'a> Session<'a> {
    /// Begins with what the log says from now on. `interrupts` end the script that runs.
    pub(crate) fn new(client: &'a Client, home: &Home, interrupts: Interrupts) -> CliResult<Self> {
        let terminal = ProcessId::new("terminal", "terminal", "sys").map_err(CliError::bad_input)?;
        Ok(Self {
            client,
            terminal,
            printed: Printed::from_here(home)?,
            interrupts,
            log_tells_ends: true,
            may_still_run: false,
        })
    }

    /// An error when it is time to end.
    pub(crate) fn check(&self) -> CliResult<()> {
        self.interrupts.check()
    }

    /// Runs a line, and shows what comes of it.
    pub(crate) fn run(&mut self, line: &str, output: &mut Output) -> CliResult<()> {
        self.may_still_run = false;
        let name = RandomState::new().build_hasher().finish().to_string();
        let request = TerminalRequest::Run { line: line.to_owned(), name: Some(name.clone()) };
        let (client, terminal) = (self.client.clone(), self.terminal.clone());
        let (answered, answer) = sync_channel(1);
        // It cannot be called off: it ends with the answer, at the latest after `RUN_S`, or with this program.
        thread::spawn(move || {
            let answer = client.ask::<_, TerminalResponse>(&terminal, &request, None, RUN_S);
            // Nobody listens any more when showing failed.
            drop(answered.send(answer));
        });
        let mut lines = Vec::new();
        let answer = self.wait(&name, &answer, &mut lines, output);
        if answer.is_err() {
            // What it says cannot be shown any more.
            self.stop(&name);
        }
        match answer??.body {
            TerminalResponse::Ran(ran) => self.show(&ran, &mut lines, output),
            TerminalResponse::Nothing => Ok(()),
            TerminalResponse::Err(reason) => Err(CliError::refused(reason).hint("`help` lists what can be typed")),
            other => Err(unexpected("the terminal", &other)),
        }
    }

    /// Shows what is printed until there is an answer.
    ///
    /// Once interrupted it tells the terminal again and again to end the script: what overtakes the line itself ends nothing.
    fn wait(
        &mut self,
        name: &str,
        answer: &Receiver<Result<Answer<TerminalResponse>, RpcError>>,
        lines: &mut Vec<String>,
        output: &mut Output,
    ) -> CliResult<Result<Answer<TerminalResponse>, RpcError>> {
        // When the terminal was first and last told to end the script.
        let mut stopped: Option<(Instant, Instant)> = None;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(answer) => return Ok(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(CliError::refused("the terminal was not asked")),
            }
            self.printed.poll(name, |line| print(line, lines, output))?;
            output.flush()?;
            let first = match stopped {
                None if self.interrupts.happened() => None,
                Some((first, _)) if first.elapsed() >= STOPPED => {
                    return Err(CliError::declined("interrupted; the terminal does not say that the script has ended"));
                }
                Some((first, last)) if last.elapsed() >= STOP_AGAIN => Some(first),
                _ => continue,
            };
            self.stop(name);
            let now = Instant::now();
            stopped = Some((first.unwrap_or(now), now));
        }
    }

    /// Ends the script. It may have ended by itself, or not have begun: the answer to its line says what became of it.
    fn stop(&mut self, name: &str) {
        let request = TerminalRequest::Stop { name: name.to_owned() };
        if let Err(error) = self.client.ask::<_, TerminalResponse>(&self.terminal, &request, None, QUICK_S)
            && !mem::replace(&mut self.may_still_run, true)
        {
            note(&format!("the script may still run: {error}"));
        }
    }

    fn show(&mut self, ran: &Ran, lines: &mut Vec<String>, output: &mut Output) -> CliResult<()> {
        let until = Instant::now() + LAST_LINES;
        let process = ran.process.to_string();
        loop {
            if self.printed.poll(&process, |line| print(line, lines, output))? {
                self.log_tells_ends = true;
                break;
            }
            if !self.log_tells_ends {
                break;
            }
            self.log_tells_ends = Instant::now() < until;
            thread::sleep(LOOK);
        }
        match output.format() {
            Format::Json => output.json(&Report { printed: lines, ran })?,
            Format::Text if ran.failed || ran.text.is_empty() => {}
            Format::Text => show_text(&ran.text, output)?,
        }
        output.flush()?;
        if ran.left_out_bytes > 0 {
            let count = usize::try_from(ran.left_out_bytes).unwrap_or(usize::MAX);
            note(&format!("the answer is too long: {} of its end are left out", text::bytes(count)));
        }
        self.outcome(ran)
    }

    fn outcome(&self, ran: &Ran) -> CliResult<()> {
        match &ran.end {
            RunEnd::Exited(Exit::Returned) | RunEnd::Unknown if ran.failed => Err(CliError::refused(&ran.text)),
            RunEnd::Exited(Exit::Returned) => Ok(()),
            RunEnd::Exited(Exit::Killed) if self.interrupts.happened() => {
                Err(CliError::declined("interrupted; the script was ended"))
            }
            RunEnd::Exited(exit) => Err(CliError::refused(format_args!("the script did not end well: {exit}"))
                .hint(format_args!("`wharf logs {}` has all that it printed", ran.process))),
            RunEnd::OutOfTime { after_s } => {
                Err(CliError::refused(format_args!("the script was ended: it ran for {after_s} seconds")))
            }
            RunEnd::Unknown => {
                Err(CliError::refused("the script is gone, and the node does not remember how it ended"))
            }
        }
    }
}

/// Shows a printed line, or keeps it for the report.
fn print(line: String, lines: &mut Vec<String>, output: &mut Output) -> CliResult<()> {
    match output.format() {
        Format::Text => show_text(&line, output),
        Format::Json => {
            lines.push(line);
            Ok(())
        }
    }
}

/// A program gets the text as it is; what a person sees must not steer their terminal.
fn show_text(shown: &str, output: &mut Output) -> CliResult<()> {
    match output.reader() {
        Reader::Terminal => output.line(&text::clean_block(shown, "")),
        Reader::Program if shown.ends_with('\n') => output.raw(shown.as_bytes()),
        Reader::Program => output.line(shown),
    }
}
