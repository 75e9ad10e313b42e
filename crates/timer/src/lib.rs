//! The timer module: answers when the time has come, never earlier.
//!
//! One task keeps all timers in one wheel. A timer whose process has ended is dropped at the latest when it fires.

use std::collections::HashMap;
use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::time::DelayQueue;
use wharf_kernel::envelope::Blob;
use wharf_kernel::module::{Access, Answer, Caller, Refusal, Replier, RuntimeModule};
use wharf_kernel::{Kernel, Limit};
use wharf_types::timer::TimerAction;
use wharf_types::{Failure, ProcessId};

/// Requests on their way to the wheel.
const QUEUE: usize = 1_024;
/// The wheel holds about two years; a timer beyond is set to this.
const DELAY_MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the wheel is told.
enum Command {
    Set(Alarm),
    /// Say in the log how many timers run, for this process.
    Report(ProcessId),
}

/// What to do at a time.
struct Alarm {
    process: ProcessId,
    /// Timers that this process may have at the same time.
    process_max: usize,
    after: Duration,
    replier: Replier,
}

/// See the module.
pub struct TimerModule {
    commands: mpsc::Sender<Command>,
}

/// The task behind the module; run it until the node stops.
pub struct TimerWheel {
    commands: mpsc::Receiver<Command>,
    queue: DelayQueue<Alarm>,
    per_process: HashMap<ProcessId, usize>,
    all_max: usize,
    kernel: Kernel,
}

/// The module and its task.
pub fn timer(kernel: &Kernel) -> (TimerModule, TimerWheel) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let wheel = TimerWheel {
        commands: receiver,
        queue: DelayQueue::new(),
        per_process: HashMap::new(),
        all_max: kernel.limits().timers_max,
        kernel: kernel.clone(),
    };
    (TimerModule { commands: sender }, wheel)
}

impl RuntimeModule for TimerModule {
    type Request = TimerAction;
    /// Never sent: a timer answers with an empty body. A refusal carries its reason in the metadata.
    type Response = Failure;

    const NAME: &'static str = "timer";
    const ACCESS: Access = Access::Public;

    async fn handle(&self, caller: Caller, action: TimerAction, _: Option<Blob>) -> Answer<Failure> {
        let process = caller.source().process().clone();
        let command = match action {
            TimerAction::Debug => Command::Report(process),
            TimerAction::SetTimer(ms) => Command::Set(Alarm {
                process,
                process_max: caller.limits().timers_per_process_max,
                // The wheel counts whole milliseconds and may round down; one more keeps it from firing early.
                after: Duration::from_millis(ms.saturating_add(u64::from(ms > 0))).min(DELAY_MAX),
                replier: caller.replier(),
            }),
        };
        // Only a node that stops has no wheel.
        drop(self.commands.send(command).await);
        Answer::Later
    }

    fn refuse(&self, refusal: Refusal) -> Option<Failure> {
        Some(Failure::new(refusal))
    }
}

impl TimerWheel {
    /// Turns until the node stops.
    pub async fn turn(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(command) = self.commands.recv() => match command {
                    Command::Set(alarm) => self.set(alarm),
                    Command::Report(process) => {
                        let running = self.per_process.get(&process).copied().unwrap_or(0);
                        tracing::info!(%process, all = self.queue.len(), "{running} of its timers are running");
                    }
                },
                Some(fired) = poll_fn(|cx| self.queue.poll_expired(cx)), if !self.queue.is_empty() => {
                    let alarm = fired.into_inner();
                    self.uncount(&alarm.process);
                    alarm.replier.send(Vec::new(), None);
                }
            }
        }
    }

    fn set(&mut self, alarm: Alarm) {
        let running = self.per_process.get(&alarm.process).copied().unwrap_or(0);
        if alarm.after.is_zero() {
            return alarm.replier.send(Vec::new(), None);
        }
        if running >= alarm.process_max || self.queue.len() >= self.all_max {
            let limit = if running >= alarm.process_max { Limit::ProcessTimers } else { Limit::Timers };
            self.kernel.hit(&alarm.process, limit);
            self.kernel.notice(&alarm.process, &format!("a timer was not set: {running} of its are running already"));
            return;
        }
        self.per_process.insert(alarm.process.clone(), running + 1);
        let after = alarm.after;
        self.queue.insert(alarm, after);
    }

    fn uncount(&mut self, process: &ProcessId) {
        if let Some(running) = self.per_process.get_mut(process) {
            *running -= 1;
            if *running == 0 {
                self.per_process.remove(process);
            }
        }
    }
}
