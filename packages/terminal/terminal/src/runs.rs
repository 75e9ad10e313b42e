//! Scripts that run: one process each, from its creation to its end.
//!
//! ```text
//! begin      name the run in what is saved; create the process, send it its arguments, empower it, start it
//! watch      the kernel's events, until they say that the process is gone; after a time it is killed
//! end        revoke what it issued; answer the owner
//! ```
//!
//! The owner's request is answered when the process is gone, which is long after it was received. Nothing of it is kept for
//! that: a response to a request of ours makes the request current again that was current when ours was sent. Each run
//! watches with requests of its own, so each end is told to whoever began that run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wharf_package::plan_script::{TerminalRights, plan_script};
use wharf_process_lib::kernel::NewProcess;
use wharf_process_lib::{
    Address, CallError, Capability, Failure, Message, OnExit, ProcessId, Request, SendError, capability, kernel,
    println, timer,
};
use wharf_types::events::{Event, EventPage, Happening};
use wharf_types::exit::Exit;
use wharf_types::kernel::{KernelCommand, KernelResponse};
use wharf_types::terminal::{Ran, RunEnd, TerminalResponse};

use crate::answer;
use crate::error::TerminalError;
use crate::saved::Saved;
use crate::script::Script;

/// Most scripts that run at the same time.
const RUNS_MAX: usize = 16;
/// Longest that a script may run: its end is to be told within the 600 s that the owner's request waits.
const RUN_S_MAX: u64 = 500;
/// Most of an answer that is handed on.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// How long the kernel waits for an event before it says that there is none.
const WATCH_MS: u64 = 10_000;
/// How much later the kernel may answer.
const WATCH_GRACE_S: u64 = 60;
/// How long to wait before asking again, where the kernel cannot be asked to wait.
const ASK_AGAIN_MS: u64 = 250;

/// What whoever began a run wants of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// A response.
    Answer,
    /// Nothing; what the script answers is printed.
    Print,
}

/// A run that is to begin.
#[derive(Debug)]
pub(crate) struct Begin<'a> {
    /// The script's id, of which the package is also that of its process.
    pub(crate) id: ProcessId,
    pub(crate) script: Script,
    pub(crate) arguments: &'a str,
    /// Name of its process, if that was chosen.
    pub(crate) name: Option<&'a str>,
    pub(crate) wants: Wants,
}

/// What comes back with a response: which run it is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum About {
    /// The script's own answer.
    Answer(ProcessId),
    /// Events, or that it is time to ask for them again.
    Watch(ProcessId),
}

/// What a script answered.
#[derive(Clone, Debug, Default)]
struct Answer {
    text: String,
    left_out_bytes: u64,
    failed: bool,
}

/// A script that runs.
#[derive(Debug)]
struct Run {
    process: ProcessId,
    wants: Wants,
    began: Instant,
    answer: Answer,
    /// What it issued.
    gives: Vec<Capability>,
    /// The last event that was looked at.
    seen: Option<u64>,
    /// How its life ended; it is not gone yet.
    exit: Option<Exit>,
    is_out_of_time: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    running: Vec<Run>,
    /// The last event that any of them has seen.
    seen: Option<u64>,
}

/// Ends what was still running when the terminal itself ended.
pub(crate) fn end_all_of_before(our: &Address, saved: &mut Saved) {
    if saved.running.is_empty() {
        return;
    }
    for process in &saved.running {
        // It is gone already, unless the node went down with the terminal and has started it again.
        match kernel::kill(process) {
            Ok(()) | Err(CallError::Refused { .. }) => {}
            Err(error) => println!("{error}"),
        }
        forget(our, process, Vec::new());
    }
    if let Err(error) = saved.change(|saved| saved.running.clear()) {
        println!("{error}");
    }
}

impl Runs {
    /// The processes of all.
    pub(crate) fn processes(&self) -> Vec<ProcessId> {
        self.running.iter().map(|run| run.process.clone()).collect()
    }

    /// Whether there is room for another one.
    pub(crate) fn check_room(&self) -> Result<(), TerminalError> {
        if self.running.len() >= RUNS_MAX { Err(TerminalError::TooMany(RUNS_MAX)) } else { Ok(()) }
    }

    /// Begins one. Nothing of it is left when this fails.
    pub(crate) fn begin(&mut self, our: &Address, saved: &mut Saved, begin: Begin<'_>) -> Result<(), TerminalError> {
        let name = begin.name.map_or_else(|| Ok(random_name()), check_name)?;
        let process = ProcessId::new(&name, begin.id.package(), begin.id.publisher())?;
        let plan = plan_script(our.node(), &process, &begin.script.granted);
        let gives = plan.gives.iter().map(|(_, capability)| capability.clone()).collect();
        // Only those that run are named: the rest is gone.
        let mut running = self.processes();
        running.push(process.clone());
        saved.change(|saved| saved.running = running)?;
        let mut receives = plan.receives;
        receives.push(Capability::messaging(our.clone()));
        if plan.terminal_rights == TerminalRights::All {
            receives.extend(capability::ours());
        }
        let new = NewProcess {
            id: process.clone(),
            wasm_path: begin.script.wasm_path,
            on_exit: OnExit::None,
            public: plan.public,
        };
        let not_run = |source| TerminalError::NotRun { script: begin.id.clone(), source: Box::new(source) };
        if let Err(error) = kernel::initialize(&new, begin.script.wasm) {
            // There may be another process of that name, which must not be taken for the script's.
            let running = self.processes();
            saved.change(|saved| saved.running = running)?;
            return Err(not_run(error));
        }
        let run = Run {
            process,
            wants: begin.wants,
            began: Instant::now(),
            answer: Answer::default(),
            gives,
            seen: self.seen,
            exit: None,
            is_out_of_time: false,
        };
        if let Err(error) = run.start(receives, plan.gives, begin.arguments) {
            kill(&run.process);
            forget(our, &run.process, run.gives);
            return Err(not_run(error));
        }
        run.watch();
        self.running.push(run);
        Ok(())
    }

    /// Ends one.
    pub(crate) fn stop(&self, name: &str) -> Result<(), TerminalError> {
        let run = self.running.iter().find(|run| run.process.process() == name);
        kill(&run.ok_or_else(|| TerminalError::NoRun(name.to_owned()))?.process);
        Ok(())
    }

    /// A response to a request of ours.
    pub(crate) fn told(&mut self, our: &Address, message: &Message) {
        match about(message.context()) {
            Some(About::Answer(process)) => {
                if let Some(run) = self.find(&process) {
                    run.answer = Answer::of(message);
                }
            }
            Some(About::Watch(process)) => {
                let page = match message.json() {
                    Ok(KernelResponse::Events(page)) => Some(page),
                    _ => None,
                };
                self.look(our, &process, page);
            }
            None => {}
        }
    }

    /// A request of ours failed.
    pub(crate) fn not_told(&mut self, our: &Address, error: &SendError) {
        // A script that does not answer is watched anyway.
        if let Some(About::Watch(process)) = about(error.context.as_deref()) {
            self.look(our, &process, None);
        }
    }

    fn find(&mut self, process: &ProcessId) -> Option<&mut Run> {
        self.running.iter_mut().find(|run| run.process == *process)
    }

    /// Looks at what happened, and goes on watching or ends the run.
    fn look(&mut self, our: &Address, process: &ProcessId, page: Option<EventPage>) {
        let Some(at) = self.running.iter().position(|run| run.process == *process) else { return };
        let Some(run) = self.running.get_mut(at) else { return };
        let end = match page {
            Some(page) if page.lost == 0 => {
                run.seen = Some(page.next);
                page.events.iter().find_map(|event| run.end_in(event))
            }
            Some(page) => {
                run.seen = Some(page.next);
                page.events.iter().find_map(|event| run.end_in(event)).or_else(|| run.end_if_gone())
            }
            None => run.end_if_gone(),
        };
        self.seen = self.seen.max(run.seen);
        match end {
            Some(end) => self.running.swap_remove(at).end(our, end),
            None => {
                if run.began.elapsed() >= Duration::from_secs(RUN_S_MAX) {
                    run.is_out_of_time = true;
                    kill(&run.process);
                }
                run.watch();
            }
        }
    }
}

impl Run {
    fn start(
        &self,
        receives: Vec<Capability>,
        gives: Vec<(ProcessId, Capability)>,
        arguments: &str,
    ) -> Result<(), kernel::Error> {
        // First in its mailbox, before anybody is given the right to message it: nobody else gets to choose its arguments.
        let about = About::Answer(self.process.clone());
        Request::to_local(&self.process)
            .body(arguments)
            .context(context(&about))
            .expects_response(RUN_S_MAX.saturating_add(WATCH_GRACE_S))
            .send();
        kernel::grant(&self.process, receives)?;
        for (holder, capability) in gives {
            match kernel::grant(&holder, vec![capability]) {
                // Not every node has every process that a script names.
                Err(CallError::Refused { .. }) => {}
                other => other?,
            }
        }
        kernel::run(&self.process)
    }

    /// Asks for what happened next. The response, or the failure, comes back with the owner's request.
    fn watch(&self) {
        let left = Duration::from_secs(RUN_S_MAX).saturating_sub(self.began.elapsed());
        let left_ms = u64::try_from(left.as_millis()).unwrap_or(WATCH_MS);
        let command = KernelCommand::Events { after: self.seen, wait_ms: left_ms.clamp(1, WATCH_MS) };
        let about = About::Watch(self.process.clone());
        match Request::to_module("kernel").json(&command) {
            Ok(request) => {
                request.context(context(&about)).expects_response(WATCH_MS / 1000 + WATCH_GRACE_S).send();
            }
            Err(error) => println!("{error}"),
        }
    }

    /// How the run has ended, if this event says so.
    fn end_in(&mut self, event: &Event) -> Option<RunEnd> {
        if event.process != self.process {
            return None;
        }
        match &event.what {
            Happening::Exited { exit } => self.exit = Some(exit.clone()),
            // It asked to be started again, and it is a script.
            Happening::Restarted { .. } => kill(&self.process),
            Happening::Killed | Happening::Gone | Happening::Failed => {
                return Some(RunEnd::Exited(self.exit.take().unwrap_or(Exit::Killed)));
            }
            _ => {}
        }
        None
    }

    /// The same where events were lost or cannot be asked for: then the table of processes says it.
    fn end_if_gone(&mut self) -> Option<RunEnd> {
        let processes = kernel::processes().ok()?;
        if processes.iter().any(|info| info.id == self.process) {
            // Not at once again: what is wrong may last.
            let waited = timer::sleep(ASK_AGAIN_MS);
            return waited.is_err().then(|| {
                kill(&self.process);
                RunEnd::Unknown
            });
        }
        let last = kernel::ended().ok()?.into_iter().rev().find(|ended| ended.id == self.process);
        Some(last.map_or(RunEnd::Unknown, |ended| RunEnd::Exited(ended.last.exit)))
    }

    /// The process is gone: so is what came with it, and whoever waits is told.
    fn end(self, our: &Address, end: RunEnd) {
        forget(our, &self.process, self.gives);
        let end = match end {
            RunEnd::Exited(Exit::Killed) if self.is_out_of_time => RunEnd::OutOfTime { after_s: RUN_S_MAX },
            end => end,
        };
        let Answer { text, left_out_bytes, failed } = self.answer;
        match self.wants {
            Wants::Print if text.is_empty() => {}
            Wants::Print => println!("{text}"),
            Wants::Answer => {
                let ran = Ran { process: self.process, text, left_out_bytes, failed, end };
                answer::send(&TerminalResponse::Ran(ran), None);
            }
        }
    }
}

impl Answer {
    fn of(message: &Message) -> Self {
        let text = String::from_utf8_lossy(message.body());
        let shown = text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
        Self {
            text: shown.to_owned(),
            left_out_bytes: u64::try_from(text.len().saturating_sub(shown.len())).unwrap_or(u64::MAX),
            failed: Failure::from_metadata(message.metadata()).is_some(),
        }
    }
}

fn about(context: Option<&[u8]>) -> Option<About> {
    serde_json::from_slice(context?).ok()
}

fn context(about: &About) -> Vec<u8> {
    // An id is always JSON.
    serde_json::to_vec(about).unwrap_or_default()
}

/// Ends a process that is perhaps gone.
fn kill(process: &ProcessId) {
    match kernel::kill(process) {
        Ok(()) | Err(CallError::Refused { .. }) => {}
        Err(error) => println!("{error}"),
    }
}

/// Takes back what a process issued that ended by itself: the right to message it, which the terminal was given when it
/// created it, and what its package gave to others. Each run would leave them some otherwise.
fn forget(our: &Address, process: &ProcessId, mut issued: Vec<Capability>) {
    issued.push(Capability::messaging(Address::new(our.node().clone(), process.clone())));
    if let Err(error) = kernel::revoke(None, issued) {
        println!("{error}");
    }
}

/// A number that no process has as its name, as far as chance goes.
fn random_name() -> String {
    RandomState::new().build_hasher().finish().to_string()
}

/// The name for a run: the same kind of number, in its shortest form.
fn check_name(name: &str) -> Result<String, TerminalError> {
    match name.parse::<u64>() {
        Ok(number) if number.to_string() == name => Ok(name.to_owned()),
        _ => Err(TerminalError::RunName(name.chars().take(64).collect())),
    }
}
